"""Signs of a time are seen, identifiers are left alone, and a suggested format reads the values."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.core.time_format import check_time_format
from airflow_mlops.data.core.time_signs import (
    FORMATS,
    advice,
    are_like_times,
    formats_of,
    is_iso,
    is_named_like_time,
)


@pytest.mark.parametrize(
    "name",
    ["at", "seen_at", "eventTime", "order-date", "TS", "created_ts", "DATE", "timestamp2", "day", "Datum"],
)
def test_names_of_times(name: str) -> None:
    assert is_named_like_time(name)


@pytest.mark.parametrize(
    "name", ["customer_id", "lifetime", "category", "update_id", "candidate", "plan", "station", ""]
)
def test_other_names(name: str) -> None:
    assert not is_named_like_time(name)


@pytest.mark.parametrize(
    "values",
    [
        ["31/01/2025", "x"], ["20250131", "20241201"], ["1738303200"], ["1738303200000", "1738303200001"],
        ["31 Jan 2025 06:00"], ["Fri, 31 Jan 2025 06:00:00 +0000"], ["Jan 31, 2025"],
        ["2025-01-31", "a", "b"],
        ["20250131T060000Z"], ["31.01.25"],
    ],
)  # fmt: skip
def test_values_of_times(values: list[str]) -> None:
    assert are_like_times(values, "x")


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (["1", "2", "3"], "customer"), (["1.2.3", "10.0.12.1"], "version"), (["A-17", "B-18"], "plan"),
        (["1738303200"], "account_id"), (["20250131"], "orderNo"), (["12345678", "20250131"], "customer"),
        (["2025-01-31-A7"], "batch"), ([], "x"), (["31/31/2025"], "x"), (["99/99"], "x"),
    ],
)  # fmt: skip
def test_values_of_identifiers(values: list[str], name: str) -> None:
    assert not are_like_times(values, name)


def test_both_readings_of_a_day_and_a_month_are_offered_until_a_value_decides() -> None:
    assert formats_of(["01/02/2025", "03/04/2025"]) == ["%d/%m/%Y", "%m/%d/%Y"]
    assert formats_of(["01/02/2025", "31/12/2025", "unknown"]) == ["%d/%m/%Y"]
    text = advice("seen", ["01/02/2025"])
    assert 'format: "%d/%m/%Y"}` or `time: {column: seen, format: "%m/%d/%Y"}`, whichever is right,' in text
    assert "`time: off`" in advice("seen", ["what?"])


@settings(max_examples=100, deadline=None)
@given(at=st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2090, 1, 1)), form=st.sampled_from(FORMATS))
def test_a_value_written_in_a_known_format_gets_a_format_that_reads_it(at: dt.datetime, form: str) -> None:
    written = at.replace(tzinfo=dt.UTC).strftime(form)
    found = formats_of([written])
    assert found or is_iso(written)
    for suggested in found:
        assert check_time_format(suggested) == suggested
        assert dt.datetime.strptime(written, suggested)


@pytest.mark.parametrize(
    "text", ["2025-01-31", "2025-01-31T06:00", "2025-01-31 06:00:00.5+02:00", "2025-01-31 06:00 UTC"]
)
def test_iso(text: str) -> None:
    assert is_iso(text)


@pytest.mark.parametrize("text", ["2025-13-01", "20250131", "2025-01", "now", "٢٠٢٥-٠١-٣١", ""])
def test_not_iso(text: str) -> None:
    assert not is_iso(text)
