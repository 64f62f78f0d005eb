"""How a run ends, and with which exit code."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum

from airflow_mlops.core.errors import BackendError, ConfigError, MlopsError


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    REJECTED = "rejected"
    WRONG = "wrong"
    FAILED = "failed"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"

    @property
    def resumable(self) -> bool:
        """Whether the same call again resumes where this one ended."""
        return self in (Outcome.FAILED, Outcome.WAITING, Outcome.INTERRUPTED)


_CODES = {
    Outcome.DONE: 0,
    Outcome.REJECTED: 1,
    Outcome.WRONG: 2,
    Outcome.FAILED: 3,
    Outcome.WAITING: 4,
}


@dataclass(frozen=True)
class RunEnd:
    """The outcome, one sentence about it, what to do next, and the signal of an interruption."""

    outcome: Outcome
    message: str = ""
    hints: tuple[str, ...] = ()
    signal: int = signal.SIGINT

    @property
    def code(self) -> int:
        """The exit code; 128 and the signal for an interruption, as shells have it."""
        return _CODES.get(self.outcome, 128 + self.signal)


class Terminated(KeyboardInterrupt):
    """Somebody ended this process with a signal other than Ctrl-C's."""


def run_end(error: BaseException) -> RunEnd:
    """Return how an error ends a run."""
    if isinstance(error, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        return RunEnd(Outcome.INTERRUPTED, f"interrupted by {number.name}", signal=number)
    if isinstance(error, ConfigError):
        return RunEnd(Outcome.WRONG, str(error))
    if isinstance(error, BackendError):
        return RunEnd(Outcome.FAILED, str(error))
    if isinstance(error, MlopsError):
        return RunEnd(Outcome.REJECTED, str(error))
    return _unexpected(error)


def _unexpected(error: BaseException) -> RunEnd:
    """Distinguish an error of the user's code, which has a line of the user's own, from all others."""
    from airflow_mlops.user_code.loading import users_line

    first = (str(error).splitlines() or [""])[0]
    line = users_line(error)
    text = f"{type(error).__name__}: {first}"
    if line:
        return RunEnd(Outcome.WRONG, f"your code failed{line}: {text}")
    return RunEnd(Outcome.FAILED, f"unexpected error: {text}; --verbose shows where")
