"""Whatever a time is written as, it is read as Python reads it, or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_mlops.config.models import EventTime
from airflow_mlops.data.reading_times import read_times

UTC, BERLIN = dt.UTC, ZoneInfo("Europe/Berlin")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
SECOND = dt.timedelta(seconds=1)


def read(values: Any, **declared: Any) -> list[dt.datetime | None]:
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    at = read_times(series, EventTime(**declared)).at
    assert str(at.dtype) == "datetime64[us, UTC]"
    return [None if value is pd.NaT else value.to_pydatetime() for value in at]


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def floor(at: dt.datetime, step: dt.timedelta) -> dt.datetime:
    return EPOCH + (at - EPOCH) // step * step


def millis(at: dt.datetime) -> int:
    return (at - EPOCH) // dt.timedelta(milliseconds=1)


MOMENTS = st.datetimes(dt.datetime(1950, 1, 2), dt.datetime(2150, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)
OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
DAY, MINUTE, MILLI = dt.timedelta(days=1), dt.timedelta(minutes=1), dt.timedelta(milliseconds=1)

WRITTEN: dict[str, tuple[str | None, dt.timedelta, Callable[[dt.datetime], Any]]] = {
    "day first": ("%d/%m/%Y %H:%M", MINUTE, lambda at: f"{at.day:02}/{at.month:02}/{at.year} {at:%H:%M}"),
    "unpadded": ("%m/%d/%Y %H:%M:%S", SECOND, lambda at: f"{at.month}/{at.day}/{at.year} {at:%H:%M:%S}"),
    "digits": ("%Y%m%d", DAY, lambda at: at.strftime("%Y%m%d")),
    "digits as integers": ("%Y%m%d", DAY, lambda at: int(at.strftime("%Y%m%d"))),
    "digits that lose a zero": ("%d%m%Y", DAY, lambda at: int(at.strftime("%d%m%Y"))),
    "seconds": ("epoch_s", SECOND, lambda at: (at - EPOCH) // SECOND),
    "seconds as floats": ("epoch_s", MILLI, lambda at: (at - EPOCH) / SECOND),
    "seconds as text": ("epoch_s", SECOND, lambda at: str((at - EPOCH) // SECOND)),
    "milliseconds": ("epoch_ms", MILLI, millis),
    "milliseconds as floats": ("epoch_ms", MILLI, lambda at: float(millis(at))),
    "microseconds": (
        "epoch_us",
        dt.timedelta(microseconds=1),
        lambda at: (at - EPOCH) // dt.timedelta(microseconds=1),
    ),
    "nanoseconds": ("epoch_ns", MILLI, lambda at: millis(at) * 10**6 + 999),
    "ISO": (None, dt.timedelta(microseconds=1), lambda at: at.isoformat()),
    "ISO without offset": (None, SECOND, lambda at: at.strftime("%Y-%m-%d %H:%M:%S")),
    "ISO day": ("iso", DAY, lambda at: at.strftime("%Y-%m-%d")),
}


@settings(max_examples=60, deadline=None)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=6))
@pytest.mark.parametrize("form", WRITTEN)
def test_every_declared_way_to_write_a_moment_gives_the_moment_back(
    form: str, moments: list[dt.datetime]
) -> None:
    declared, step, write = WRITTEN[form]
    exact = [floor(at, step) for at in moments]
    assert read([write(at) for at in exact], format=declared) == exact


@settings(max_examples=100, deadline=None)
@given(moments=st.lists(st.tuples(MOMENTS, OFFSETS), min_size=1, max_size=6))
def test_each_offset_of_a_column_counts(moments: list[tuple[dt.datetime, dt.timezone]]) -> None:
    local = [at.astimezone(zone) for at, zone in moments]
    assert read([at.isoformat() for at in local]) == [at for at, _ in moments]
    written = [at.strftime("%d.%m.%Y %H:%M:%S.%f %z") for at in local]
    assert read(written, format="%d.%m.%Y %H:%M:%S.%f %z") == [at for at, _ in moments]


@settings(max_examples=100, deadline=None)
@given(local=st.lists(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1)), min_size=1, max_size=6))
def test_a_local_time_is_pythons_unless_the_clocks_skip_it(local: list[dt.datetime]) -> None:
    expected = []
    for at in local:
        second = at.replace(tzinfo=BERLIN, fold=1)
        exists = second.astimezone(UTC).astimezone(BERLIN).replace(tzinfo=None) == at
        expected.append(second.astimezone(UTC) if exists else None)
    text = [at.isoformat(sep=" ") for at in local]
    for values in (text, pd.Series(np.array(local, dtype="datetime64[us]")), pd.Series(local, dtype=object)):
        assert read(values, timezone="Europe/Berlin") == expected


def test_an_hour_that_occurs_twice_is_the_second_and_a_skipped_one_cannot_be_read() -> None:
    found = read_times(
        pd.Series(["2025-10-26 02:30", "2025-03-30 02:30", "2025-03-30 03:00"]),
        EventTime(timezone="Europe/Berlin"),
    )
    assert found.at.tolist()[::2] == [utc(2025, 10, 26, 1, 30), utc(2025, 3, 30, 1)]
    assert found.at.isna().tolist() == found.skipped.tolist() == [False, True, False]
    assert found.ambiguous == 1


@settings(max_examples=100, deadline=None)
@given(
    texts=st.lists(st.text(max_size=12) | st.from_regex(r"\d{1,2}/\d{1,2}/\d{4}", fullmatch=True), max_size=8)
)
def test_text_is_read_exactly_when_python_reads_it(texts: list[str]) -> None:
    def python(text: str) -> dt.datetime | None:
        try:
            return dt.datetime.strptime(text.strip(), "%d/%m/%Y").replace(tzinfo=UTC)
        except ValueError:
            return None

    assert read(pd.Series(texts, dtype=object), format="%d/%m/%Y") == [python(text) for text in texts]


TYPED = {
    "timestamps": pd.Series(pd.to_datetime(["2025-01-31T06:00Z", None], utc=True)),
    "another zone": pd.Series(pd.to_datetime(["2025-01-31T06:00Z", None], utc=True)).dt.tz_convert(
        "Asia/Tokyo"
    ),
    "nanoseconds": pd.Series(pd.to_datetime(["2025-01-31T06:00", None])).dt.as_unit("ns"),
    "seconds": pd.Series(np.array(["2025-01-31T06:00", "NaT"], dtype="datetime64[s]")),
    "beyond Python's years": pd.Series(np.array(["2025-01-31T06:00", "20000-01-01"], dtype="datetime64[s]")),
    "far beyond": pd.Series(np.array([1738303200, 2**60], dtype="datetime64[s]")),
    "Arrow": pd.Series(["2025-01-31T06:00", None]).astype("timestamp[us][pyarrow]"),
    "Arrow with a zone": pd.Series(
        pa.array([1738303200000, None], pa.timestamp("ms", tz="Europe/Berlin")).to_pandas()
    ).astype(pd.ArrowDtype(pa.timestamp("ms", tz="Europe/Berlin"))),
    "objects": pd.Series([dt.datetime(2025, 1, 31, 7, tzinfo=BERLIN), None], dtype=object),
    "objects of two zones": pd.Series([utc(2025, 1, 31, 6), pd.NaT], dtype=object),
    "numpy objects": pd.Series(
        [np.datetime64("2025-01-31T06:00"), np.datetime64("20000-01-01")], dtype=object
    ),
}


@pytest.mark.parametrize("kind", TYPED)
def test_typed_times_are_read_whatever_the_format_says(kind: str) -> None:
    assert read(TYPED[kind], format="%d/%m/%Y") == [utc(2025, 1, 31, 6), None]
    assert read_times(TYPED[kind], EventTime()).typed


@pytest.mark.parametrize("kind", ["object", "date32[pyarrow]"])
def test_a_date_is_midnight_in_the_declared_zone(kind: str) -> None:
    dates = pd.Series([dt.date(2025, 7, 1), None, dt.date(9999, 12, 31)], dtype=object).astype(kind)
    assert read(dates) == [utc(2025, 7, 1), None, utc(9999, 12, 31)]
    assert read(dates, timezone="Europe/Berlin")[0] == utc(2025, 6, 30, 22)


NUMBERS = {
    "with gaps": pd.Series([20250131, None]),
    "nullable": pd.Series([20250131, None], dtype="Int64"),
    "Arrow": pd.Series([20250131, None]).astype("int64[pyarrow]"),
    "decimals": pd.Series([Decimal(20250131), None], dtype=object),
    "mixed": pd.Series([20250131, "unknown"], dtype=object),
    "categories": pd.Series([20250131, None], dtype="category"),
    "small": pd.Series([20250131, -1], dtype="int32"),
    "not finite": pd.Series([20250131, float("inf")]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_digits_are_read_from_every_type_of_number(kind: str) -> None:
    assert read(NUMBERS[kind], format="%Y%m%d") == [utc(2025, 1, 31), None]


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), 2**63 - 1, -(2**63), 1e300, True, "now", "", "1e9", "0x10", None]
)
def test_what_is_not_a_count_of_seconds_is_not_read(value: Any) -> None:
    column = pd.Series([value, 1_738_303_200], dtype=object)
    assert read(column, format="epoch_s") == [None, utc(2025, 1, 31, 6)]


@pytest.mark.parametrize(
    "text",
    ["now", "today", "2025", "2025-01", "2025-02-30", "20250131", "31/01/2025", "2025-01-31T24:00", "", " ",
     "2025-01-31T06:00:00 +25:00", "2025-01-31 noon", "unknown"],
)  # fmt: skip
def test_iso_is_read_strictly(text: str) -> None:
    assert read(pd.Series([text, "2025-01-31T06:00:00"])) == [None, utc(2025, 1, 31, 6)]


@pytest.mark.parametrize(
    "text",
    ["2025-01-31 06:00:00 UTC", "2025-01-31T06:00Z", "2025-01-31 06:00:00.0000009", "2025-01-31T11:30+05:30",
     "2025-01-31 06:00:00+00", " 2025-01-31T06:00 "],
)  # fmt: skip
def test_the_usual_forms_of_iso_are_read(text: str) -> None:
    assert read(pd.Series([text, "9999-12-31"])) == [utc(2025, 1, 31, 6), utc(9999, 12, 31)]


def test_digits_of_another_width_could_be_two_days_and_are_not_read() -> None:
    assert read(pd.Series(["1112025", "01112025"]), format="%d%m%Y") == [None, utc(2025, 11, 1)]


@pytest.mark.parametrize(
    ("text", "form"), [("now", "%d/%m/%Y"), ("today", "%Y-%m-%d"), ("today", "%d %b %Y")]
)
def test_words_that_pandas_takes_for_the_present_are_not_times(text: str, form: str) -> None:
    assert read(pd.Series([text, utc(2025, 1, 31).strftime(form)]), format=form) == [None, utc(2025, 1, 31)]


@pytest.mark.parametrize("kind", ["float32", "Float32", "float[pyarrow]"])
def test_numbers_that_have_lost_their_last_digits_are_not_times(kind: str) -> None:
    assert read(pd.Series([20250131, 19991], dtype="float32").astype(kind), format="%Y%m%d") == [None, None]
    assert read(pd.Series([1_738_303_200, 86_400], dtype="float32").astype(kind), format="epoch_s") == [
        None,
        utc(1970, 1, 2),
    ]


def test_an_empty_column_has_no_time() -> None:
    assert read(pd.Series([], dtype=object)) == []
    assert read(pd.Series([None, None], dtype=object)) == [None, None]
