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
    misplaced,
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


@pytest.mark.parametrize(
    "word",
    [
        "time", "date", "datetime", "timestamp", "tstamp", "ts", "dt", "at", "when", "day", "hour", "week",
        "month", "quarter", "year", "epoch", "datum", "zeit", "fecha",
    ],
)  # fmt: skip
def test_a_word_for_a_time_is_one_anywhere_in_a_name(word: str) -> None:
    for name in (word, word.upper(), f"order_{word}", f"{word}Of2", f"x{word.title()}"):
        assert is_named_like_time(name), name
    assert not is_named_like_time(f"x{word}x")


@pytest.mark.parametrize(
    "word", ["id", "ids", "uuid", "key", "code", "number", "nr", "no", "ref", "account", "phone"]
)
def test_numbers_of_an_identifier_are_no_times(word: str) -> None:
    assert not are_like_times(["20250131"], f"shop_{word}")
    assert are_like_times(["20250131"], f"{word}_written")
    assert are_like_times(["2025-01-31"], f"shop_{word}")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("31/01/2025", "%d/%m/%Y"), ("01/31/2025", "%m/%d/%Y"), ("2025/01/31", "%Y/%m/%d"),
        ("31.01.2025", "%d.%m.%Y"), ("2025.01.31", "%Y.%m.%d"), ("31-01-2025", "%d-%m-%Y"),
        ("01-31-2025", "%m-%d-%Y"), ("31 Jan 2025", "%d %b %Y"), ("31 January 2025", "%d %B %Y"),
        ("31-Jan-2025", "%d-%b-%Y"), ("Jan 31, 2025", "%b %d, %Y"), ("January 31, 2025", "%B %d, %Y"),
        ("Fri, 31 Jan 2025", "%a, %d %b %Y"), ("31/01/25", "%d/%m/%y"), ("01/31/25", "%m/%d/%y"),
        ("31.01.25", "%d.%m.%y"), ("31.01.2025 16:30", "%d.%m.%Y %H:%M"),
        ("31.01.2025 16:30:59", "%d.%m.%Y %H:%M:%S"), ("31.01.2025 16:30:59.5", "%d.%m.%Y %H:%M:%S.%f"),
        ("31.01.2025 04:30 PM", "%d.%m.%Y %I:%M %p"), ("31.01.2025 04:30:59 PM", "%d.%m.%Y %I:%M:%S %p"),
        ("31.01.2025 16:30 +0100", "%d.%m.%Y %H:%M %z"), ("31.01.2025 16:30+0100", "%d.%m.%Y %H:%M%z"),
        ("20250131", "%Y%m%d"), ("20250131163059", "%Y%m%d%H%M%S"), ("20250131T163059", "%Y%m%dT%H%M%S"),
        ("20250131 16:30:59", "%Y%m%d %H:%M:%S"), ("20250131 16:30", "%Y%m%d %H:%M"),
        ("1738303200", "epoch_s"), ("1738303200000", "epoch_ms"), ("1738303200000000", "epoch_us"),
        ("1738303200000000000", "epoch_ns"), ("1738303200.5", "epoch_s"),
    ],
)  # fmt: skip
def test_each_way_of_writing_a_time_has_its_format(text: str, form: str) -> None:
    assert form in formats_of([text])
    assert are_like_times([text], "x")


@pytest.mark.parametrize(
    ("text", "plausible"),
    [
        ("1000000000", True),
        ("2299999999", True),
        ("2300000000", False),
        ("999999999999", False),  # milliseconds of the year 2001, one before the first that count
        ("1000000000000", True),
        ("999999999", False),
        ("19000101", True),
        ("18991231", False),
        ("21001231", True),
        ("21010101", False),
    ],
)
def test_a_number_is_a_time_between_2001_and_2042_or_a_day_of_two_centuries(
    text: str, *, plausible: bool
) -> None:
    assert are_like_times([text], "x") is plausible


def test_a_tenth_of_texts_and_nine_tenths_of_numbers_are_enough() -> None:
    assert are_like_times(["2025-01-31", *["x"] * 9], "x")
    assert not are_like_times(["2025-01-31", *["x"] * 10], "x")
    assert are_like_times([*["20250131"] * 9, "7"], "x")
    assert not are_like_times([*["20250131"] * 8, "7", "8"], "x")
    assert not are_like_times([*["20250131"] * 8, "x", "y"], "x")


def test_the_first_five_hundred_values_decide() -> None:
    assert are_like_times([*["x"] * 450, *["2025-01-31"] * 50], "x")
    assert not are_like_times([*["x"] * 451, *["2025-01-31"] * 500], "x")
    assert are_like_times([*[" "] * 600, "2025-01-31"], "x")  # empty ones do not count
    assert formats_of([*["31/01/2025"] * 250, *["x"] * 900]) == ["%d/%m/%Y"]
    assert formats_of([*["31/01/2025"] * 249, *["x"] * 900]) == []


def test_a_format_reads_half_of_the_values() -> None:
    assert formats_of(["31/01/2025", "x"]) == ["%d/%m/%Y"]
    assert formats_of(["31/01/2025", "x", "y"]) == []
    assert formats_of(["1738303200", "x"]) == ["epoch_s"]
    assert formats_of(["1738303200", "x", "y"]) == []
    assert formats_of([]) == []


def test_the_advice_is_what_to_write() -> None:
    assert advice("seen", ["what?"]) == (
        'declare it under data, as `time: {column: seen, format: "%d.%m.%Y %H:%M"}` (or a format of iso, '
        "epoch_s, epoch_ms, epoch_us, epoch_ns), or `time: off` if it is not a time"
    )
    assert advice("seen", ["31/01/2025"]) == (
        'write `time: {column: seen, format: "%d/%m/%Y"}` under data, or `time: off` if it is not a time'
    )
    assert advice("seen", ["01/02/2025"]) == (
        'write `time: {column: seen, format: "%d/%m/%Y"}` or `time: {column: seen, format: "%m/%d/%Y"}`, '
        "whichever is right, under data, or `time: off` if it is not a time"
    )
    assert advice("seen", ["01/02/03"]).count("column: seen") == 2
    assert misplaced("at", "id") == (
        "'at', one of data.keys, is a time, but the last of them is 'id': write the time last, or `time: "
        "{column: at}` under data, or `time: off` if rows are not chosen by time"
    )
