"""Times are in UTC, whatever zone they were written in."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.utc import in_utc, parse_time

MINUTES = st.integers(-14 * 60, 14 * 60)
TIMES = st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(9999, 12, 30))


@given(at=TIMES, minutes=MINUTES)
def test_a_time_of_another_zone_is_the_same_instant_in_utc(at: datetime, minutes: int) -> None:
    zoned = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert in_utc(zoned) == zoned
    assert in_utc(zoned).tzinfo is UTC


@given(at=TIMES)
def test_a_naive_time_is_taken_as_utc_and_read_back_from_its_text(at: datetime) -> None:
    assert in_utc(at) == at.replace(tzinfo=UTC)
    assert parse_time(at.isoformat(), "start") == in_utc(at)


def test_the_zone_of_the_machine_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert in_utc(datetime(2026, 1, 31, 6)) == datetime(2026, 1, 31, 6, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", None, 20260131.5])
def test_anything_else_is_refused_with_the_name_of_the_value(text: object) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_time(text, "--as-of")
    assert str(caught.value) == (
        f"--as-of must be an ISO time such as 2026-01-31 or 2026-01-31T06:00:00Z, got {str(text)!r}"
    )
