"""The one place where this package's errors become Airflow's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from airflow_mlops.core.errors import MlopsError, NothingToDo


@contextmanager
def translated() -> Iterator[None]:
    """Skip a task with nothing to do, fail it at once for a permanent error, let Airflow retry the rest."""
    try:
        yield
    except NothingToDo as error:
        raise AirflowSkipException(str(error)) from None
    except MlopsError as error:
        kind = AirflowException if error.retryable else AirflowFailException
        raise kind(str(error)) from None
