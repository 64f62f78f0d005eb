from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_mlops.local_run.monitor_window import last_window


@pytest.mark.parametrize(
    ("schedule", "moment", "start", "end"),
    [
        ("@daily", "2024-03-01T00:00", "2024-02-29", "2024-03-01"),
        ("@daily", "2024-03-01T23:59", "2024-02-29", "2024-03-01"),
        ("@monthly", "2024-03-31T12:00", "2024-02-01", "2024-03-01"),
        ("0 6 * * 1", "2024-03-04T05:59", "2024-02-19T06:00", "2024-02-26T06:00"),
        ("0 6 * * 1", "2024-03-04T06:00", "2024-02-26T06:00", "2024-03-04T06:00"),
    ],
)
def test_the_last_interval_that_is_over(schedule: str, moment: str, start: str, end: str) -> None:
    at = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (moment, start, end)]
    assert last_window(schedule, at[0]) == (at[1], at[2])
