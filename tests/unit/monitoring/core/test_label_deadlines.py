from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_mlops.monitoring.core.label_deadlines import is_overdue, oldest_start

DAYS = [datetime(2020, 1, day + 1, tzinfo=UTC) for day in range(20)]


@pytest.mark.parametrize(
    ("delay", "length", "expected"),
    [
        (None, timedelta(hours=1), timedelta(days=7)),
        (timedelta(hours=2), timedelta(hours=1), timedelta(days=7, hours=2)),
        (timedelta(days=14), timedelta(days=1), timedelta(days=28)),
        (timedelta(days=14), timedelta(days=7), timedelta(days=63)),
    ],
)
def test_windows_are_looked_at_long_enough(
    delay: timedelta | None, length: timedelta, expected: timedelta
) -> None:
    start = DAYS[0]
    assert start - oldest_start(delay, start.isoformat(), (start + length).isoformat()) == expected


def test_labels_are_overdue_from_the_moment_that_they_were_expected() -> None:
    end = DAYS[3].isoformat()
    assert not is_overdue(end, None, DAYS[19].isoformat())
    assert not is_overdue(end, timedelta(days=2), DAYS[4].isoformat())
    assert is_overdue(end, timedelta(days=2), DAYS[5].isoformat())
