"""The errors that this package raises.

    MlopsError
    ├── ConfigError (ValueError)   the pipeline file or a call is wrong      permanent
    ├── DataRejected               the data failed its expectations          permanent
    ├── GateRejected               the candidate failed a gate               permanent
    ├── NothingToDo                the task has nothing to do                skipped, not failed
    ├── RolloutConflict            another rollout changed the champion      permanent
    ├── TrafficHeld                another controller moves the traffic      permanent
    └── BackendError               an external service failed                retryable

Operators translate them once: a permanent error fails the task without a retry, a retryable one is
raised as it is, so that Airflow retries. A message names the subject, the value, the limit and the next step.
"""

from __future__ import annotations

from typing import Any


class MlopsError(Exception):
    """Root of every error raised by this package."""

    retryable = False


class ConfigError(MlopsError, ValueError):
    """A pipeline file, an argument or a user's function is not valid."""


class DataRejected(MlopsError):
    """The data failed its expectations or lacks something that the pipeline needs."""


class GateRejected(MlopsError):
    """A candidate model failed a gate; ``record`` says which figures decided it."""

    def __init__(self, message: str, record: Any = None) -> None:
        super().__init__(message)
        self.record = record


class NothingToDo(MlopsError):
    """A task has nothing to do, for the reason in the message; it is skipped."""


class RolloutConflict(MlopsError):
    """The champion has changed since the rollout started."""


class TrafficHeld(MlopsError):
    """Another rollout controller moves the traffic of the server: nothing was moved."""


class BackendError(MlopsError):
    """An external service (MLflow, the model server, storage) failed or gave an unexpected answer."""

    retryable = True
