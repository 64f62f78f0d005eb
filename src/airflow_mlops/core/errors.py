"""The errors that this package raises.

    MlopsError
    ├── ConfigError (ValueError)   the pipeline file or a call is wrong      permanent
    ├── DataRejected               the data failed its expectations          permanent
    ├── GateRejected               the candidate failed a gate               permanent
    ├── NothingToDo                the task has nothing to do                skipped, not failed
    ├── RolloutConflict            somebody else moved the champion          permanent
    └── BackendError               something outside did not answer          retryable

Operators translate them once: permanent errors fail the task without a retry, retryable ones are
raised through so that Airflow retries. A message says what, the value, the limit and the next step.
"""

from __future__ import annotations

from typing import Any


class MlopsError(Exception):
    """Root of every error raised by this package."""

    retryable = False


class ConfigError(MlopsError, ValueError):
    """A pipeline file, an argument or a user's function does not fit what is asked of it."""


class DataRejected(MlopsError):
    """Data failed its expectations or lacks what the pipeline needs."""


class GateRejected(MlopsError):
    """A candidate model failed a gate; ``record`` says which figures decided it."""

    def __init__(self, message: str, record: Any = None) -> None:
        super().__init__(message)
        self.record = record


class NothingToDo(MlopsError):
    """A task has nothing to do, for the reason in the message; it is skipped."""


class RolloutConflict(MlopsError):
    """The champion on record is no longer the one that the rollout started from."""


class BackendError(MlopsError):
    """A service outside (MLflow, the model server, storage) did not answer as it should."""

    retryable = True
