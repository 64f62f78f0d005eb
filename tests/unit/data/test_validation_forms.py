"""A verdict does not depend on how a time or a number is stored, nor on the form of the limit."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_mlops.config.suites import read_suite
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Failure
from airflow_mlops.data import validation as expectations
from airflow_mlops.data.validation import Terms

DAYS = ["2024-01-01", "2024-06-15", "2024-12-31"]
STORED: dict[str, pd.Series] = {
    "naive": pd.Series(pd.to_datetime(DAYS)),
    "seconds": pd.Series(pd.to_datetime(DAYS)).dt.as_unit("s"),
    "nanoseconds": pd.Series(pd.to_datetime(DAYS)).dt.as_unit("ns"),
    "zone": pd.Series(pd.to_datetime(DAYS)).dt.tz_localize("UTC"),
    "other zone": pd.Series(pd.to_datetime(DAYS)).dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
    "dates": pd.Series([dt.date.fromisoformat(day) for day in DAYS], dtype=object),
    "text": pd.Series(DAYS),
    "text with offset": pd.Series([f"{day}T02:00:00+02:00" for day in DAYS]),
    "arrow dates": pd.Series([dt.date.fromisoformat(day) for day in DAYS]).astype("date32[pyarrow]"),
    "arrow times": pd.Series(pd.to_datetime(DAYS)).astype("timestamp[us][pyarrow]"),
}
FORMS: list[Any] = [
    dt.date(2024, 6, 15),
    "2024-06-15",
    "2024-06-15T00:00:00Z",
    "2024-06-15 02:00:00+02:00",
    dt.datetime(2024, 6, 15),
    dt.datetime(2024, 6, 15, tzinfo=dt.UTC),
]


def failures(frame: pd.DataFrame, *entries: dict[str, Any]) -> tuple[Failure, ...]:
    return expectations.check(frame, expectations.expand(entries))


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("limit", FORMS, ids=repr)
def test_a_day_is_its_first_moment_in_utc(stored: str, limit: Any) -> None:
    frame = pd.DataFrame({"seen_at": STORED[stored], "n": [1, 2, 3]})
    least, most = failures(
        frame, {"column": "seen_at", "min": limit}, {"column": "seen_at", "max": limit, "mostly": 0.9}
    )
    assert (least.rows, most.rows) == (1, 1)
    assert [least.examples, most.examples] == [(str(STORED[stored][0]),), (str(STORED[stored][2]),)]
    (maximum,) = failures(
        frame,
        {"expect_column_max_to_be_between": {"column": "seen_at", "max_value": limit}},
        {"expect_column_max_to_be_between": {"column": "seen_at", "min_value": limit}},
        {"expect_column_min_to_be_between": {"column": "seen_at", "max_value": limit}},
        {
            "expect_column_values_to_be_between": {
                "column": "seen_at",
                "min_value": DAYS[0],
                "max_value": DAYS[2],
            }
        },
    )
    assert maximum.expectation == "expect_column_max_to_be_between"


@pytest.mark.parametrize("stored", [name for name in STORED if not name.startswith("text")])
@pytest.mark.parametrize("limit", FORMS, ids=repr)
def test_a_set_of_days_has_the_times_of_the_column(stored: str, limit: Any) -> None:
    (found,) = failures(pd.DataFrame({"seen_at": STORED[stored]}), {"column": "seen_at", "in": [limit]})
    assert found.rows == 2


def test_a_pair_of_times_is_compared_however_each_is_stored() -> None:
    frame = pd.DataFrame({name: values for name, values in STORED.items()})
    for left in STORED:
        for right in STORED:
            pair = {"column_A": left, "column_B": right}
            later = {"expect_column_pair_values_a_to_be_greater_than_b": pair}
            equal = {"expect_column_pair_values_to_be_equal": pair}
            if {left, right} == {"text", "text with offset"}:
                continue  # two columns of text are compared as text
            found = failures(frame, later, equal)
            assert [(item.expectation, item.rows) for item in found] == [(next(iter(later)), 3)]


def test_members_of_sets_are_compared_in_every_form() -> None:
    frame = pd.DataFrame(
        {"day": STORED["other zone"], "amount": [Decimal("0.1"), Decimal("0.2"), Decimal("0.2")]}
    )
    pairs = {"column_A": "day", "column_B": "amount"}
    right = [["2024-01-01", 0.1], ["2024-06-15T00:00:00Z", 0.2], ["2024-12-31", 0.2]]
    assert failures(
        frame,
        {"expect_column_pair_values_to_be_in_set": {**pairs, "value_pairs_set": right}},
        {"expect_column_most_common_value_to_be_in_set": {"column": "amount", "value_set": [0.2]}},
        {"expect_column_distinct_values_to_equal_set": {"column": "day", "value_set": DAYS}},
    ) == ()  # fmt: skip
    (found,) = failures(
        frame, {"expect_column_pair_values_to_be_in_set": {**pairs, "value_pairs_set": right[:2]}}
    )
    assert found.rows == 1
    assert found.examples == (str((STORED["other zone"][2], Decimal("0.2"))),)


def test_text_that_is_no_time_breaks_a_limit_that_is_one() -> None:
    frame = pd.DataFrame({"seen_at": ["2024-06-15", "unknown", None, "9999-12-31"]})
    for bound in (
        {"min": "2024-01-01"},
        {"max": "9999-12-31"},
        {"min": dt.date(2024, 1, 1), "max": "9999-12-31"},
    ):
        (found,) = failures(frame, {"column": "seen_at", **bound})
        assert (found.rows, found.examples) == (1, ("unknown",))
        (broken,) = expectations.find(frame, expectations.expand([{"column": "seen_at", **bound}]), most=4)
        assert broken.rows is not None
        assert broken.rows.tolist() == [1]
    (found,) = failures(
        frame, {"expect_column_max_to_be_between": {"column": "seen_at", "min_value": "2024-01-01"}}
    )
    assert found.detail.startswith("1 of 4 cells of seen_at are not ISO times, e.g. unknown (expected ")


@pytest.mark.parametrize(
    ("values", "bound", "told"),
    [
        ([2024, 2025], {"min": "2024-01-01"}, "the column is int64, which cannot be compared with a time"),
        (STORED["naive"], {"min": 3}, "which cannot be compared with a number"),
        (["12", "n/a"], {"min": 3}, "the column is str, which cannot be compared with a number"),
    ],
)  # fmt: skip
def test_limits_of_another_kind_than_the_column_fail_in_words(
    values: Any, bound: dict[str, Any], told: str
) -> None:
    (found,) = failures(pd.DataFrame({"x": values}), {"column": "x", **bound})
    assert told in found.detail
    assert found.rows is None


def test_a_decimal_is_a_number() -> None:
    frame = pd.DataFrame({"amount": pd.Series([Decimal("0.10"), Decimal("0.25"), None], dtype=object)})
    assert failures(
        frame,
        {"column": "amount", "type": "number", "min": 0.1, "max": 0.25},
        {"column": "amount", "in": [0.1, "0.25"], "unique": True},
        {"expect_column_mean_to_be_between": {"column": "amount", "min_value": 0.17, "max_value": 0.18}},
        {"expect_column_sum_to_be_between": {"column": "amount", "min_value": 0.35, "max_value": 0.35}},
        {"expect_column_stdev_to_be_between": {"column": "amount", "min_value": 0.1, "max_value": 0.11}},
        {"expect_column_max_to_be_between": {"column": "amount", "min_value": 0.25, "max_value": 0.25}},
    ) == ()  # fmt: skip
    (found,) = failures(frame, {"column": "amount", "max": 0.2})
    assert (found.rows, found.examples) == (1, ("0.25",))
    exact = pd.Series([Decimal("1000000000000000.01"), Decimal("1000000000000000.02")], dtype=object)
    assert failures(pd.DataFrame({"amount": exact}), {"column": "amount", "unique": True}) == ()


WIDE = pd.DataFrame({"id": [1, 2], "x": [0.5, 0.7], "more": [1, 2]})


@pytest.mark.parametrize("beside", [(), ({"column": "x", "min": 0},), ({"column": "more", "unique": True},)])
@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        (
            "expect_table_columns_to_match_ordered_list",
            {"column_list": ["id", "x"]},
            {"column_list": ["id", "x", "more"]},
        ),
        ("expect_table_columns_to_match_set", {"column_set": ["x"]}, {"column_set": ["more", "x", "id"]}),
        ("expect_table_column_count_to_equal", {"value": 2}, {"value": 3}),
        ("expect_table_column_count_to_be_between", {"max_value": 2}, {"min_value": 3}),
        ("expect_table_row_count_to_equal", {"value": 1}, {"value": 2}),
        ("expect_column_to_exist", *({"column": "more", "column_index": place} for place in (1, 2))),
        ("expect_multicolumn_sum_to_equal", {"column_list": ["id", "more"], "sum_total": 3}, None),
    ],
)  # fmt: skip
def test_a_verdict_does_not_depend_on_what_else_is_asked(
    name: str, wrong: dict[str, Any], right: dict[str, Any] | None, beside: tuple[dict[str, Any], ...]
) -> None:
    (found,) = failures(WIDE, {name: wrong}, *beside)
    assert found.expectation == name
    assert right is None or failures(WIDE, *beside, {name: right}) == ()


def test_a_missing_column_is_told_by_the_list_that_names_it() -> None:
    listed = {"expect_table_columns_to_match_ordered_list": {"column_list": ["id", "x", "gone"]}}
    (found,) = failures(WIDE, listed)
    assert found.expectation == "expect_table_columns_to_match_ordered_list"


def test_cells_and_lists_are_cut_short() -> None:
    frame = pd.DataFrame({"text": ["x" * 400_000 + str(number) for number in range(30)]})
    (found,) = failures(frame, {"column": "text", "regex": "^a"})
    assert len(found.examples) == 20
    assert max(map(len, found.examples)) < 250
    assert len(found.detail) < 1000
    (observed,) = failures(
        frame, {"expect_column_distinct_values_to_be_in_set": {"column": "text", "value_set": ["y" * 9000]}}
    )
    assert len(observed.detail) < 1000


def test_without_samples_only_counts_are_kept() -> None:
    frame = pd.DataFrame({"name": ["Ada", "Bob"], "pay": [61_234, 70_000], "born": ["1970-01-01", "unsaid"]})
    entries = [
        {"column": "name", "regex": "^x"},
        {"expect_column_max_to_be_between": {"column": "pay", "max_value": 5}},
        {"expect_column_distinct_values_to_be_in_set": {"column": "name", "value_set": ["x"]}},
        {"expect_column_min_to_be_between": {"column": "born", "min_value": "1970-01-02"}},
        {"expect_column_unique_value_count_to_be_between": {"column": "name", "max_value": 1}},
    ]
    found = expectations.evaluate(frame, expectations.expand(entries), Terms(samples=False))
    text = json.dumps(
        [
            (item.observed, item.failure and item.failure.detail, item.failure and item.failure.examples)
            for item in found
        ]
    )
    assert not [cell for cell in ("Ada", "Bob", "61234", "70000", "unsaid") if cell in text]
    assert "2 of 2 rows" in text
    assert "observed 2" in text


def test_a_severity_is_part_of_the_failure() -> None:
    frame = pd.DataFrame({"x": [-1], "plan": ["a"]})
    found = failures(
        frame,
        {"column": "x", "min": 0, "severity": "warning"},
        {"column": "plan", "type": "int", "severity": "info"},
        {"expect_column_values_to_be_between": {"column": "x", "min_value": 0, "severity": "warning"}},
        {"column": "gone", "not_null": True, "severity": "warning"},
        {"column": "x", "min": "2024-01-01", "severity": "warning"},
        {"column": "x", "min": 0},
    )
    assert [item.severity for item in found] == [
        "warning",
        "info",
        "warning",
        "warning",
        "warning",
        "critical",
    ]


def test_parameters_are_given_computed_or_refused() -> None:
    frame = pd.DataFrame({"x": [1, 5], "seen_at": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    limit = {"column": "x", "max": {"$PARAMETER": "most"}}
    (item,) = expectations.evaluate(frame, expectations.expand([limit]), Terms(parameters={"most": 4}))
    assert item.failure is not None
    assert item.failure.rows == 1
    assert item.failure.detail.endswith("(expected max_value=4)")
    assert failures(frame, {"column": "seen_at", "max": {"$PARAMETER": "now() - timedelta(days=1)"}}) == ()
    (found,) = failures(frame, {"column": "seen_at", "min": {"$PARAMETER": "now()"}})
    assert found.rows == 2
    with pytest.raises(ConfigError, match=r"nothing gives the parameter 'most': write its value below"):
        failures(frame, limit)


def test_an_own_class_sees_the_whole_table(tmp_path: Path) -> None:
    (tmp_path / "own_checks.py").write_text(OWN)
    frame = pd.DataFrame({"x": [2, 4, 5], "other": [1, 1, 1]})
    terms = Terms(base=tmp_path, most=3)
    wanted = expectations.expand([{"own_checks:ExpectColumnValuesToBeEven": {"column": "x"}}])
    (found,) = expectations.evaluate(frame, wanted, terms)
    assert found.failure is not None
    assert (found.failure.rows, found.failure.examples) == (1, ("5",))
    assert found.rows is not None
    assert found.rows.tolist() == [2]
    for entry, told in (
        ("own_checks:Missing", "does not exist"),
        ("own_checks:Plain", "must be a subclass of Great Expectations' Expectation"),
    ):
        with pytest.raises(ConfigError, match=told):
            expectations.evaluate(frame, expectations.expand([{entry: {"column": "x"}}]), terms)


OWN = """
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial


class ColumnValuesEven(ColumnMapMetricProvider):
    condition_metric_name = "column_values.are_even"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        return column % 2 == 0


class ExpectColumnValuesToBeEven(ColumnMapExpectation):
    map_metric = "column_values.are_even"


class Plain:
    pass
"""


def test_a_suite_of_either_version_is_read(tmp_path: Path) -> None:
    new = {
        "name": "orders",
        "expectations": [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}, "meta": {}, "id": "7"},
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "x", "min_value": 0},
                "severity": "warning",
            },
        ],
    }  # fmt: skip
    old = {
        "expectation_suite_name": "orders",
        "expectations": [
            {"expectation_type": "expect_column_to_exist", "kwargs": {"column": "x", "batch_id": "b"}}
        ],
    }
    (tmp_path / "new.json").write_text(json.dumps(new))
    (tmp_path / "old.json").write_text(json.dumps(old))
    first, second = read_suite("new.json", tmp_path)
    assert (first.name, first.arguments, first.severity) == (
        "expect_column_values_to_not_be_null", {"column": "x"}, "critical",
    )  # fmt: skip
    assert second.severity == "warning"
    (third,) = read_suite("old.json", tmp_path)
    assert third.arguments == {"column": "x"}
    found = expectations.check(pd.DataFrame({"x": [-1.0, None]}), [first, second, third])
    assert [(item.expectation, item.rows, item.severity) for item in found] == [
        ("expect_column_values_to_not_be_null", 1, "critical"),
        ("expect_column_values_to_be_between", 1, "warning"),
    ]


def test_a_suite_made_by_great_expectations_itself_is_read(tmp_path: Path) -> None:
    import great_expectations.expectations as gxe
    from great_expectations.core.expectation_suite import ExpectationSuite

    suite = ExpectationSuite("made", expectations=[gxe.ExpectColumnMaxToBeBetween(column="x", max_value=3)])
    (tmp_path / "made.json").write_text(json.dumps(suite.to_json_dict()))
    (found,) = expectations.check(pd.DataFrame({"x": [1, 4]}), read_suite("made.json", tmp_path))
    assert found.detail == "observed 4 (expected max_value=3)"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read"),
        ("{", "is not JSON"),
        ("[]", "must have a list `expectations`"),
        ('{"expectations": []}', "has no expectation"),
        ('{"expectations": [{"kwargs": {}}]}', r"expectations\[0\] must have a `type`"),
        ('{"expectations": [{"type": "expect_x", "kwargs": 3}]}', "`kwargs` must be a mapping"),
        (
            '{"expectations": [{"type": "expect_x", "severity": "high"}]}',
            "`severity` must be one of critical",
        ),
    ],
)
def test_a_file_that_is_not_a_suite_is_refused(tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "suite.json").write_text(content)
    with pytest.raises(ConfigError, match=told):
        read_suite("suite.json", tmp_path)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_a_set_may_have_days_that_nanoseconds_do_not_reach(day: str, unit: str) -> None:
    frame = pd.DataFrame({"t": pd.Series(pd.to_datetime(["2024-01-01", None])).astype(f"datetime64[{unit}]")})
    entries = [
        {"expect_column_values_to_not_be_in_set": {"column": "t", "value_set": [day]}},
        {"expect_column_values_to_be_in_set": {"column": "t", "value_set": [day, "2024-01-01"]}},
        {"expect_column_values_to_be_in_set": {"column": "t", "value_set": [day]}},
    ]
    found = expectations.evaluate(frame, expectations.expand(entries))
    assert [outcome.failure is None for outcome in found] == [True, True, False]
