"""How a run ends, and with which exit code."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum

from airflow_mlops.core.errors import BackendError, ConfigError, MlopsError


class Outcome(StrEnum):
    """What became of a run."""

    DONE = "done"
    REJECTED = "rejected"
    WRONG = "wrong"
    FAILED = "failed"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"

    @property
    def goes_on(self) -> bool:
        """Whether the same call again goes on from where this one ended."""
        return self in (Outcome.FAILED, Outcome.WAITING, Outcome.INTERRUPTED)


_CODES = {
    Outcome.DONE: 0,
    Outcome.REJECTED: 1,
    Outcome.WRONG: 2,
    Outcome.FAILED: 3,
    Outcome.WAITING: 4,
}


@dataclass(frozen=True)
class Ending:
    """The outcome, one sentence about it, what to do next, and the signal of an interruption."""

    outcome: Outcome
    message: str = ""
    hints: tuple[str, ...] = ()
    signal: int = signal.SIGINT

    @property
    def code(self) -> int:
        """The exit code; 128 and the signal for an interruption, as shells have it."""
        return _CODES.get(self.outcome, 128 + self.signal)


class Stopped(KeyboardInterrupt):
    """Somebody ended this process with a signal other than Ctrl-C's."""


def ending_of(error: BaseException) -> Ending:
    """Return how an error ends a run."""
    if isinstance(error, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(error, Stopped) else signal.SIGINT
        return Ending(Outcome.INTERRUPTED, f"interrupted by {number.name}", signal=number)
    if isinstance(error, ConfigError):
        return Ending(Outcome.WRONG, str(error))
    if isinstance(error, BackendError):
        return Ending(Outcome.FAILED, str(error))
    if isinstance(error, MlopsError):
        return Ending(Outcome.REJECTED, str(error))
    return _unforeseen(error)


def _unforeseen(error: BaseException) -> Ending:
    """Tell a fault of a user's code from all others: it has a line of the user's own."""
    from airflow_mlops.user_code.loading import users_line

    first = (str(error).splitlines() or [""])[0]
    line = users_line(error)
    text = f"{type(error).__name__}: {first}"
    if line:
        return Ending(Outcome.WRONG, f"your code failed{line}: {text}")
    return Ending(Outcome.FAILED, f"unforeseen: {text}; --verbose shows where")
