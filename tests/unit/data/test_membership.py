"""On which side of a split a row is depends on its own values alone, in whichever types a file has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.data.core.stable_hash import MISSING, fraction, of_integers
from airflow_mlops.data.membership import row_hashes, value_hashes

WHOLE = st.lists(st.one_of(st.none(), st.integers(-(2**53), 2**53)), min_size=1, max_size=30)
SMALL = st.lists(st.integers(-100, 100), min_size=1, max_size=30)
TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=1, max_size=30)
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(width=32),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000),
    st.text(max_size=12),
    st.dates(),
    st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)),
    st.lists(st.integers(0, 3), max_size=3),
)


def hashes(values: Any, dtype: Any = None) -> list[int]:
    return value_hashes(pd.Series(values, dtype=dtype)).tolist()


@given(WHOLE)
def test_whole_numbers_hash_alike_in_every_type_of_numbers_gaps_included(values: list[int | None]) -> None:
    expected = hashes(values, "Int64")
    texts = [None if value is None else str(value) for value in values]
    decimals = [None if value is None else Decimal(value) for value in values]
    for dtype in ("Float64", "float64", object, pd.ArrowDtype(pa.int64()), pd.ArrowDtype(pa.float64())):
        assert hashes(values, dtype) == expected, dtype
    assert hashes(decimals, object) == expected
    assert hashes(decimals, pd.ArrowDtype(pa.decimal128(38, 2))) == expected
    assert value_hashes(pd.Series(values, dtype="Int64").astype("category")).tolist() == expected
    for dtype in (object, "str", "string", "category", pd.ArrowDtype(pa.string())):
        assert hashes(texts, dtype) == expected, dtype


@given(SMALL)
def test_small_types_and_floats_of_32_bits_hash_as_the_large_ones(values: list[int]) -> None:
    for dtype in ("int8", "int16", "int32", "float32", "Int8"):
        assert hashes(values, dtype) == hashes(values, "int64")
    halves = [value / 2 for value in values]
    assert hashes(halves, "float32") == hashes(halves, "float64") == hashes(list(map(str, halves)), "str")
    assert hashes([value / 10 for value in values], "float32") == hashes([value / 10 for value in values])


@given(st.lists(st.one_of(st.none(), st.booleans()), min_size=1, max_size=20))
def test_booleans_hash_alike_and_as_one_and_zero(values: list[bool | None]) -> None:
    numbers = [None if value is None else int(value) for value in values]
    for dtype in ("boolean", object, "category", pd.ArrowDtype(pa.bool_())):
        assert hashes(values, dtype) == hashes(numbers, "Int64"), dtype


@given(TEXTS)
def test_text_hashes_alike_in_every_type_of_text(values: list[str | None]) -> None:
    expected = hashes(values, object)
    plain = [value for value in values if value is not None]
    for dtype in ("str", "string", "category", pd.ArrowDtype(pa.string()), pd.ArrowDtype(pa.large_string())):
        assert hashes(values, dtype) == expected, dtype
    assert hashes([*plain, 1], object)[:-1] == hashes([*plain, "x"], object)[:-1]  # others are no text


@given(st.lists(st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)), min_size=1))
def test_moments_hash_alike_in_every_unit_and_zone(values: list[datetime]) -> None:
    expected = hashes(values, "datetime64[us]")
    assert hashes(values, "datetime64[ns]") == expected
    assert hashes(values, object) == expected
    berlin = pd.Series(values, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    assert value_hashes(berlin).tolist() == expected
    assert value_hashes(berlin.astype(object)).tolist() == expected
    days = [value.date() for value in values]
    assert hashes(days, object) == hashes(list(map(pd.Timestamp, days)), "datetime64[s]")


@given(st.lists(CELLS, min_size=1, max_size=30), st.lists(CELLS, max_size=10), st.randoms())
def test_a_row_hashes_alike_among_other_rows_in_another_order(
    cells: list[Any], added: list[Any], random: Any
) -> None:
    def of(values: list[Any]) -> list[int]:
        column = pd.Series(np.empty(len(values), dtype=object))
        for at, value in enumerate(values):
            column[at] = value
        return value_hashes(column).tolist()

    order = list(range(len(cells) + len(added)))
    random.shuffle(order)
    together = [*cells, *added]
    found = dict(zip(order, of([together[at] for at in order]), strict=True))
    assert [found[at] for at in range(len(cells))] == of(cells)


@given(
    st.lists(
        st.tuples(st.integers(), st.text(max_size=5)).filter(lambda row: abs(row[0]) < 2**63), min_size=1
    )
)
def test_the_order_of_columns_does_not_count_and_their_names_do(rows: list[tuple[int, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["n", "word"])
    found = row_hashes(frame, ["n", "word"])
    assert (row_hashes(frame[["word", "n"]], ["word", "n"]) == found).all()
    assert (row_hashes(frame.rename(columns={"n": "m"}), ["m", "word"]) != found).all()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
@pytest.mark.parametrize(
    "values",
    [
        lambda n: pd.Series(range(n)),
        lambda n: pd.Series([f"customer-{k}" for k in range(n)]),
        lambda n: pd.Series(range(n)) * 1024.0,
        lambda n: pd.Series(np.random.default_rng(0).normal(size=n)),
        lambda n: pd.date_range("2020", periods=n, freq="D").to_series(index=range(n)),
    ],
    ids=["counted", "texts", "multiples", "floats", "days"],
)
def test_the_share_of_many_values_is_nominal_and_independent_of_another_salt(
    values: Callable[[int], pd.Series], share: float
) -> None:
    count = 50_000
    found = value_hashes(values(count))
    assert len(np.unique(found)) > 0.999 * count  # other floats are alike in 32 bits
    held, inner = fraction(found, "holdout") < share, fraction(found, "tune") < share
    for part, expected in ((held, share), (inner, share), (held & inner, share**2)):
        error = (expected * (1 - expected) / count) ** 0.5
        assert abs(part.mean() - expected) < 4 * error


def test_hashes_are_those_of_all_releases() -> None:
    """Written down once: another value here would move rows of all pipelines to the other side."""
    rows = pd.DataFrame(
        {"n": [3, -7], "x": [0.1, 1e300], "word": ["ä", "a longer text"], "at": [date(2026, 1, 1), None]}
    )
    assert [f"{value:016x}" for value in row_hashes(rows, list(rows))] == [
        "7dacfff96a18a07d",
        "91bfc5c903164401",
    ]
    assert fraction(of_integers(np.array([3, 4])), "holdout").round(6).tolist() == [0.891275, 0.12838]


def test_text_is_hashed_by_all_its_bytes() -> None:
    texts = ["", "a", "a\0", "abcdefgh", "abcdefgh\0", "abcdefghi", "x" * 4096, "x" * 4097, "x" * 4096 + "y"]
    assert len(set(hashes(texts))) == len(texts)
    assert hashes(["\ud800"], object) == hashes(["\ud800", 1], object)[:1]


def test_values_that_differ_have_other_hashes() -> None:
    cells = [
        "x",
        "3x",
        1,
        2,
        1.5,
        0.1,
        -1,
        date(2026, 1, 1),
        pd.Timedelta("1s"),
        [1],
        [2],
        {"a": 1},
        float("inf"),
    ]
    assert len(set(hashes(cells, object))) == len(cells)
    assert hashes([None, float("nan"), pd.NaT, pd.NA], object) == [int(MISSING)] * 4
    assert hashes([2**63, 2**64 - 1], "uint64") == hashes([2**63, 2**64 - 1], object)
    assert hashes([np.array([1, 2])], object) == hashes([[1, 2]], object)
    assert hashes([-0.0]) == hashes([0.0]) == hashes([0])
