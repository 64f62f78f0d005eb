"""The one place where this package's errors become Airflow's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRuntimeError,
    AirflowSkipException,
    ErrorType,
)

from airflow_mlops.config.templates import UNRENDERABLE
from airflow_mlops.core.errors import ConfigError, MlopsError, NothingToDo

_NOT_THERE: Final = (ErrorType.VARIABLE_NOT_FOUND, ErrorType.CONNECTION_NOT_FOUND)


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


@contextmanager
def wrong_template(where: str) -> Iterator[None]:
    """Raise ConfigError for a template that no retry can fill in; a failed call of Airflow stays as it is."""
    from jinja2 import TemplateError

    try:
        yield
    except MlopsError:
        raise
    except AirflowRuntimeError as error:
        if error.error.error not in _NOT_THERE:
            raise
        raise ConfigError(f"{where}: the template cannot be rendered: {error}") from error
    except (TemplateError, *UNRENDERABLE) as error:
        raise ConfigError(
            f"{where}: the template cannot be rendered: {error}; correct it (`airflow-mlops lint` checks it)"
        ) from error
