"""How far a long piece of work is, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Listener = Callable[[int, int, str], None]
_LISTENER: Final[ContextVar[Listener | None]] = ContextVar("airflow_mlops_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell ``listener`` (done, total, detail) of every report of this thread while it lasts."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def report(done: int, total: int, detail: str = "") -> None:
    """Say that ``done`` of ``total`` pieces are done; costs nothing when nobody listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(done, total, detail)
