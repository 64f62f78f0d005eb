"""When labels of a window are expected, and how long a window without them is looked at again.

Time is that of the data: a run stands at the end of its own window, so that a backfill finds labels
overdue where the past would have.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

LEAST_TIME: Final = timedelta(days=7)
LEAST_WINDOWS: Final = 7


def oldest_start(delay: timedelta | None, start: str, end: str) -> datetime:
    """Return the start of the oldest window that a run looks at again when it still waits for labels.

    :param delay: the time that labels are expected to take, None when it is not known.
    :param start: the start of the run's own window, an ISO time, as ``end``.

    A window is looked at until its labels are overdue, and then for as long again: at least a week and
    seven windows.
    """
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    expected = delay or timedelta(0)
    return first - expected - max(expected, LEAST_TIME, LEAST_WINDOWS * (last - first))


def is_overdue(end: str, delay: timedelta | None, now: str) -> bool:
    """Whether the labels of a window that ended at ``end`` should be there at ``now`` (ISO times)."""
    return delay is not None and datetime.fromisoformat(end) + delay <= datetime.fromisoformat(now)
