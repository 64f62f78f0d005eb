"""DuckDB's verdicts are those of Great Expectations on the same stored rows."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_mlops.config.expectations import Expectation, expand
from airflow_mlops.data.datasets import read_dataset, write_dataset
from airflow_mlops.data.validation import Outcome, Terms, evaluate
from airflow_mlops.data.validation.duckdb_engine import evaluate_stored
from airflow_mlops.data.validation.regex import for_re2
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage

DAY = dt.datetime(2024, 1, 1)
TEXTS = ["", "a", "b", "ab12", "AB", "é", "😀", "a\n", "a b", "x\x1c", "٣", "it's", 'q"', "-1"]


def texts() -> st.SearchStrategy[str]:
    return st.sampled_from(TEXTS)


def gaps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.none() | values, min_size=8, max_size=8)


COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.lists(st.sampled_from([-3, 0, 1, 2, 2**53 + 1]), min_size=8, max_size=8).map(
        lambda v: pd.Series(v, dtype="int64")
    ),
    "small": st.lists(st.integers(-3, 3), min_size=8, max_size=8).map(lambda v: pd.Series(v, dtype="int8")),
    "nullable": gaps(st.integers(-3, 3)).map(lambda v: pd.Series(v, dtype="Int64")),
    "float": gaps(st.sampled_from([-1.5, 0.0, -0.0, 0.1, 1.0, 2.5, math.inf, -math.inf, math.nan])).map(
        lambda v: pd.Series(v, dtype="float64")
    ),
    "single": gaps(st.sampled_from([0.1, 1.0, math.nan])).map(lambda v: pd.Series(v, dtype="float32")),
    "text": gaps(texts()).map(lambda v: pd.Series(v, dtype="str")),
    "time": gaps(st.integers(-3, 3)).map(
        lambda v: pd.Series(
            [None if d is None else DAY + dt.timedelta(days=d) for d in v], dtype="datetime64[us]"
        )
    ),
    "zone": gaps(st.integers(-3, 3)).map(
        lambda v: pd.Series(
            [None if d is None else DAY + dt.timedelta(hours=12 * d) for d in v], dtype="datetime64[us]"
        ).dt.tz_localize("Europe/Berlin")
    ),
    "nanoseconds": gaps(st.integers(-3, 3)).map(
        lambda v: pd.Series(
            [None if d is None else DAY + dt.timedelta(days=d) for d in v], dtype="datetime64[ns]"
        )
    ),
    "zoned_nanoseconds": gaps(st.integers(-3, 3)).map(
        lambda v: pd.Series(
            [None if d is None else DAY + dt.timedelta(days=d) for d in v], dtype="datetime64[ns]"
        ).dt.tz_localize("UTC")
    ),
    "date": gaps(st.integers(-3, 3)).map(
        lambda v: pd.Series(
            [None if d is None else (DAY + dt.timedelta(days=d)).date() for d in v], dtype=object
        )
    ),
    "decimal": gaps(st.integers(-300, 300)).map(
        lambda v: pd.Series([None if n is None else Decimal(n) / 100 for n in v], dtype=object)
    ),
    "bool": st.lists(st.booleans(), min_size=8, max_size=8).map(lambda v: pd.Series(v, dtype="bool")),
    "plan": gaps(texts()).map(lambda v: pd.Series(v, dtype="category")),
}
NUMBERS = st.sampled_from([-3, -1.5, 0, 0.1, 1, 2, 2.5, 3])
TIMES = st.sampled_from(["2023-12-30", "2024-01-01", "2024-01-01T12:00:00+01:00", dt.date(2024, 1, 2), DAY])
REGEXES = st.sampled_from(
    [
        *("a", "^a$", r"^\d+$", r"\w", "^[a-z]+[0-9]{2}$", "a|b$", ".", "^[^a]"),
        *(r"\s", r"(?i)ab", r"(a)\1", "^$", r"a\Z", r"\bb", "a*?b", "'"),
    ]
)
KINDS = {
    "number": ("int", "small", "nullable", "float", "single", "decimal"),
    "time": ("time", "zone", "date", "nanoseconds", "zoned_nanoseconds"),
}


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    column = draw(st.sampled_from(list(COLUMNS)))
    kind = next((name for name, columns in KINDS.items() if column in columns), "other")
    shared: dict[str, Any] = draw(st.sampled_from([{}, {"mostly": 0.5}, {"mostly": 0.75}]))
    rule = draw(st.sampled_from(["null", "not_null", "unique", "type", "own"]))
    if rule == "null":
        return {"expect_column_values_to_be_null": {"column": column, **shared}}
    if rule == "not_null":
        return {"column": column, "not_null": True, **shared}
    if rule == "unique":
        return {"column": column, "unique": True, **shared}
    if rule == "type":
        return {
            "column": column,
            "type": draw(st.sampled_from(["int", "number", "str", "datetime", "float64"])),
        }
    if column == "text":
        return draw(text_entries(shared))
    if kind == "other":
        return {"expect_table_row_count_to_be_between": {"min_value": draw(st.integers(0, 9))}}
    return draw(limited(column, NUMBERS if kind == "number" else TIMES, shared, number=kind == "number"))


@st.composite
def text_entries(draw: st.DrawFn, shared: dict[str, Any]) -> dict[str, Any]:
    name = draw(st.sampled_from(["regex", "not_regex", "in", "not_in", "length", "lengths"]))
    if name in ("regex", "not_regex"):
        rule = (
            "expect_column_values_to_match_regex"
            if name == "regex"
            else "expect_column_values_to_not_match_regex"
        )
        return {rule: {"column": "text", "regex": draw(REGEXES), **shared}}
    if name in ("in", "not_in"):
        rule = f"expect_column_values_to_{'not_' if name == 'not_in' else ''}be_in_set"
        return {rule: {"column": "text", "value_set": draw(st.lists(texts(), min_size=1)), **shared}}
    if name == "length":
        return {
            "expect_column_value_lengths_to_equal": {
                "column": "text",
                "value": draw(st.integers(0, 3)),
                **shared,
            }
        }
    rule = "expect_column_value_lengths_to_be_between"
    return {rule: {"column": "text", "min_value": draw(st.integers(0, 3)), **shared}}


@st.composite
def limited(
    draw: st.DrawFn, column: str, limits: st.SearchStrategy[Any], shared: dict[str, Any], *, number: bool
) -> dict[str, Any]:
    name = draw(st.sampled_from(["between", "in_set", "max", "min", "mean", "sum"]))
    if name == "in_set":
        rule = draw(
            st.sampled_from(["expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set"])
        )
        return {rule: {"column": column, "value_set": draw(st.lists(limits, min_size=1)), **shared}}
    bound = draw(st.sampled_from(["min_value", "max_value"]))
    arguments = {"column": column, bound: draw(limits)}
    if name == "between" or not number:
        strict = draw(st.sampled_from([{}, {f"strict_{bound[:3]}": True}]))
        return {"expect_column_values_to_be_between": {**arguments, **strict, **shared}}
    return {f"expect_column_{name}_to_be_between": arguments}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    frame = pd.DataFrame({name: draw(values) for name, values in COLUMNS.items()})
    return frame.iloc[: draw(st.sampled_from([0, 1, 8]))]


def verdict(outcome: Outcome) -> tuple[Any, ...]:
    failure = outcome.failure
    return (failure is None, failure and failure.rows, failure and failure.severity)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=frames(), wanted=st.lists(entries(), min_size=15, max_size=15))
def test_both_engines_have_one_verdict(
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
    frame: pd.DataFrame,
    wanted: list[Any],
) -> None:
    ref = write_dataset(frame, str(tmp_path_factory.getbasetemp() / "datasets"))
    items = expand(wanted)
    stored = evaluate_stored(ref, PLAIN_STORAGE.locate(ref.uri), dict(enumerate(items)))
    assert not caplog.records  # DuckDB has refused nothing that it was asked
    numbers = list(stored)
    whole = evaluate(read_dataset(ref), [items[number] for number in numbers], Terms())
    for number, expected in zip(numbers, whole, strict=True):
        assert verdict(stored[number]) == verdict(expected), items[number]
        if expected.failure and expected.failure.examples:
            assert stored[number].failure.examples == expected.failure.examples, items[number]  # type: ignore[union-attr]


def stored_outcomes(
    folder: Path, frame: pd.DataFrame, *wanted: dict[str, Any], **more: Any
) -> dict[int, Outcome]:
    ref = write_dataset(frame, str(folder))
    return evaluate_stored(ref, PLAIN_STORAGE.locate(ref.uri), dict(enumerate(expand(wanted))), **more)


def test_common_expectations_are_decided_by_duckdb(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3, 3], "x": [0.5, None, 2.5, 9.0], "s": ["a1", "b2", "b2", None],
                          "t": pd.to_datetime(["2024-01-01"] * 4)})  # fmt: skip
    found = stored_outcomes(
        tmp_path,
        frame,
        {"column": "n", "unique": True},
        {"column": "x", "min": 0, "max": 5, "not_null": True},
        {"column": "s", "regex": "^[a-z][0-9]$", "in": ["a1", "b2"]},
        {"column": "t", "max": "2023-12-31"},
        {"expect_column_mean_to_be_between": {"column": "n", "min_value": 2, "max_value": 3}},
        {"expect_table_row_count_to_equal": {"value": 4}},
        {"column": "n", "type": "int"},
    )
    assert len(found) == 9
    failures = [found[number].failure for number in sorted(found)]
    assert [failure and failure.detail for failure in failures] == [
        "2 of 4 rows, e.g. 3",
        "1 of 4 rows",
        "1 of 4 rows, e.g. 9.0 (expected min_value=0, max_value=5)",
        None,
        None,
        "4 of 4 rows, e.g. 2024-01-01 00:00:00 (expected max_value=2023-12-31)",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"column": "s", "regex": "(?i)a"},
        {"column": "s", "regex": r"^\d$"},
        {"column": "s", "min": "2024-01-01"},
        {"column": "s", "max": 3},
        {"expect_column_mean_to_be_between": {"column": "n", "min_value": 2.25}},
        {"expect_column_median_to_be_between": {"column": "n", "min_value": 2}},
        {"expect_column_values_to_be_between": {"column": "n", "min_value": 3, "max_value": 1}},
        {"expect_column_values_to_be_between": {"column": "n", "min_valu": 3}},
        {"expect_table_columns_to_match_set": {"column_set": ["n"]}},
        {"expect_column_value_lengths_to_be_between": {"column": "s", "min_value": 0.5}},
        {"expect_column_value_lengths_to_equal": {"column": "s", "value": "1"}},
        {"expect_table_row_count_to_be_between": {"min_value": 5, "max_value": 1}},
        {"expect_column_values_to_be_between": {"column": "t", "min_value": "2024-W01-1"}},
    ],
)
def test_what_may_differ_is_left_to_great_expectations(tmp_path: Path, entry: dict[str, Any]) -> None:
    frame = pd.DataFrame(
        {"n": [1, 2, 3, 3], "s": ["a", "b", "٣", None], "t": pd.to_datetime(["2024-01-01"] * 4)}
    )
    assert stored_outcomes(tmp_path, frame, entry) == {}


def test_names_are_quoted_and_differ_by_case(tmp_path: Path) -> None:
    frame = pd.DataFrame({'a"; DROP TABLE x; --': [1], "select": [2], "it's": ["it's"]})
    names = list(frame.columns)
    found = stored_outcomes(tmp_path, frame, *({"column": name, "unique": True} for name in names),
                            {"column": "it's", "in": ["it's"]})  # fmt: skip
    assert [found[number].failure for number in sorted(found)] == [None] * 4
    assert stored_outcomes(tmp_path, pd.DataFrame({"A": [1], "a": [2]}), {"column": "a", "max": 1}) == {}


def test_a_dataset_in_object_storage_is_read(tmp_path: Path) -> None:
    import fsspec

    folder = f"memory://{tmp_path.name}"
    storage = Storage({folder: lambda: fsspec.filesystem("memory")})
    ref = write_dataset(pd.DataFrame({"n": [1, -2]}), folder, storage=storage)
    found = evaluate_stored(ref, storage.locate(ref.uri), {0: Expectation(*BELOW_ZERO)})
    assert found[0].failure is not None
    assert found[0].failure.examples == ("-2",)


BELOW_ZERO = ("expect_column_values_to_be_between", {"column": "n", "min_value": 0})


def test_without_samples_no_cell_is_read(tmp_path: Path) -> None:
    found = stored_outcomes(tmp_path, pd.DataFrame({"n": [1, -2]}), {"column": "n", "min": 0}, samples=False)
    assert found[0].failure is not None
    assert (found[0].failure.examples, found[0].failure.rows) == ((), 1)


PLAIN = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=6)


@settings(max_examples=300, deadline=None)
@given(pattern=st.text(alphabet="ab1^$.*+?|()[]-\\dws{,}2", min_size=1, max_size=8), text=PLAIN)
@example(pattern="^a$", text="a\n")
@example(pattern=r"\d", text="٣")
@example(pattern="[^a]", text="\n")
def test_a_translated_pattern_matches_what_python_matches(pattern: str, text: str) -> None:
    import duckdb

    found = for_re2(pattern)
    if found is None:
        return
    if found.needs_plain and not all(" " <= letter <= "~" for letter in text):
        return
    if found.needs_no_newline and text.endswith("\n"):
        return
    try:
        answer = duckdb.execute("SELECT regexp_matches(?, ?)", [text, found.text]).fetchone()
    except duckdb.Error:
        return  # the engine leaves it to Great Expectations then
    assert answer == (re.search(pattern, text) is not None,)
