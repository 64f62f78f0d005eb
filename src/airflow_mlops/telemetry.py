"""Switches telemetry and progress bars of MLflow and Great Expectations off, before either is imported."""

from __future__ import annotations

import os
from typing import Final

_SWITCHES: Final = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "False",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Both libraries read these when they are imported; a value that is set already is kept."""


def switch_off() -> None:
    """Set every switch that the environment leaves open.

    >>> switch_off()
    >>> "MLFLOW_DISABLE_TELEMETRY" in os.environ
    True
    """
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
