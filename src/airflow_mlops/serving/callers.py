"""Groups of callers and minutes: failures are counted by them, so that bursts from few callers show."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final
from zlib import crc32

GROUPS: Final = 64
EVENT: Final = "failed"
_MINUTES: Final = ((30, 1), (360, 10))
"""(until this minute of an epoch, minutes that are counted together); hours afterwards."""
_HOUR: Final = 60


CALLER: Final[ContextVar[Mapping[str, Any] | None]] = ContextVar("caller", default=None)
"""The ASGI scope of the request that is being answered."""


def current_event(epoch: int, now: float) -> str:
    """Return the event that a failure of the present request counts as beside ``failures``."""
    scope = CALLER.get()
    return event_of(0 if scope is None else group_of(scope), epoch, now)


def group_of(scope: Mapping[str, Any]) -> int:
    """Return the group of a request's caller, from 0 to 63; ``scope`` is ASGI's.

    A caller is told by what a proxy says of its address, else by its own, and by its credentials.
    """
    headers = dict(scope["headers"])
    address = headers.get(b"x-forwarded-for") or str((scope.get("client") or ("",))[0]).encode()
    return crc32(address + headers.get(b"authorization", b"")) % GROUPS


def event_of(group: int, epoch: int, now: float) -> str:
    """Return the event of a failure of one ``group`` of callers at one time.

    ``epoch`` begins with the time in milliseconds; ``now`` in epoch seconds. Minutes are counted from there,
    and later in longer stretches, so that an epoch of days stays small.

    >>> event_of(7, epoch=60_000, now=185), event_of(7, epoch=0, now=3600 * 2 + 61)
    ('failed:2:7', 'failed:120:7')
    """
    minute = max(0, int(now - epoch / 1000) // 60)
    size = next((size for until, size in _MINUTES if minute < until), _HOUR)
    return f"{EVENT}:{minute // size * size}:{group}"
