"""The one place where this package's errors become Airflow's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_mlops.core.errors import MlopsError


@contextmanager
def translated() -> Iterator[None]:
    """Fail the task at once for a permanent error; let Airflow retry one from outside."""
    try:
        yield
    except MlopsError as error:
        kind = AirflowException if error.retryable else AirflowFailException
        raise kind(str(error)) from None
