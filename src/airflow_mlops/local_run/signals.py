"""Ctrl-C and SIGTERM, remembered: a library may turn what they raise into an error of its own, or drop it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from airflow_mlops.local_run.outcome import Terminated


class Signals:
    """Whether somebody has asked this run to end; ``heard`` is what was raised for it."""

    def __init__(self) -> None:
        self.heard: KeyboardInterrupt | None = None

    def check(self) -> None:
        """Raise again what was heard, if anything."""
        if self.heard is not None:
            raise self.heard

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.heard = KeyboardInterrupt() if number == signal.SIGINT else Terminated()
        raise self.heard

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let SIGTERM end a run as cleanly as Ctrl-C does; in the background a run stays deaf to that."""
        before = {signal.SIGTERM: signal.signal(signal.SIGTERM, self._hear)}
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            before[signal.SIGINT] = signal.signal(signal.SIGINT, self._hear)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
