"""The environment variables of this process: defaults for libraries, and changes that are undone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

_LIBRARY_DEFAULTS: Final = {
    "DO_NOT_TRACK": "true",
    "GX_ANALYTICS_ENABLED": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""No telemetry, no progress bars, and answers or errors within seconds instead of minutes."""


def set_library_defaults() -> None:
    """Set what MLflow and Great Expectations read at import or at a call; values that are set are kept.

    >>> set_library_defaults()
    >>> "MLFLOW_DISABLE_TELEMETRY" in os.environ
    True
    """
    for name, value in _LIBRARY_DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextmanager
def changed(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables, and restore what was there before when the block ends.

    >>> with changed({"AIRFLOW_MLOPS_EXAMPLE": "1"}):
    ...     os.environ["AIRFLOW_MLOPS_EXAMPLE"]
    '1'
    >>> "AIRFLOW_MLOPS_EXAMPLE" in os.environ
    False
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
