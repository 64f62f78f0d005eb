from __future__ import annotations

import pytest

from airflow_mlops.monitoring.core.triage_text import window_name

START, END = "2020-01-01T00:00:00+00:00", "2020-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("2013-09-01T00:00:00+00:00", "2013-10-01T00:00:00+00:00", "2013-09"),
        ("2013-12-01T00:00:00+00:00", "2014-01-01T00:00:00+00:00", "2013-12"),
        ("2013-09-01T00:00:00+00:00", "2013-09-02T00:00:00+00:00", "2013-09-01"),
        ("2013-09-02T00:00:00+00:00", "2013-09-09T00:00:00+00:00", "2013-09-02/2013-09-09"),
        ("2013-09-01T10:00:00+00:00", "2013-09-01T11:00:00+00:00", "2013-09-01T10:00/2013-09-01T11:00"),
    ],
)
def test_windows_have_the_names_that_people_use(start: str, end: str, name: str) -> None:
    assert window_name(start, end) == name
