from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Failure
from airflow_mlops.data import validation as expectations

FRAME = pd.DataFrame(
    {
        "age": [30, -5, 41, 30],
        "plan": ["a", "b", None, "b"],
        "spend": [1.0, 2.0, 3.0, 4.0],
        "user_id": [1, 2, 3, 4],
    }
)


def failures(*entries: dict[str, Any]) -> tuple[Failure, ...]:
    return expectations.check(FRAME, expectations.expand(entries))


def test_rows_that_meet_everything_pass() -> None:
    assert (
        failures(
            {"column": "age", "min": -10, "max": 100, "not_null": True},
            {"column": "user_id", "unique": True, "type": "int"},
            {"column": "plan", "in": ["a", "b"], "type": "str"},
            {"columns": ["age", "spend"], "type": "number"},
            {"columns": ["age", "spend"]},
            {"columns": ["age", "spend"], "max": 50},
            {"expect_table_row_count_to_be_between": {"min_value": 4}},
        )
        == ()
    )


def test_each_failure_says_how_many_rows_and_shows_one() -> None:
    found = failures(
        {"column": "age", "min": 0, "max": 110, "unique": True}, {"column": "plan", "not_null": True}
    )
    assert [(f.expectation, f.column) for f in found] == [
        ("expect_column_values_to_be_between", "age"),
        ("expect_column_values_to_be_unique", "age"),
        ("expect_column_values_to_not_be_null", "plan"),
    ]
    assert found[0].detail == "1 of 4 rows, e.g. -5 (expected min_value=0, max_value=110)"
    assert found[1].detail == "2 of 4 rows, e.g. 30"
    assert found[2].detail == "1 of 4 rows"


def test_a_table_expectation_shows_what_was_observed() -> None:
    (found,) = failures({"expect_table_row_count_to_be_between": {"min_value": 1000}})
    assert found == Failure(
        "expect_table_row_count_to_be_between", None, "observed 4 (expected min_value=1000)"
    )


def test_a_type_is_held_against_a_family_or_an_exact_name() -> None:
    found = failures({"column": "plan", "type": "int"}, {"column": "age", "type": "int32"})
    assert [(f.column, f.detail) for f in found] == [
        ("plan", "observed str (expected int)"),
        ("age", "observed int64 (expected int32)"),
    ]
    with pytest.raises(ConfigError, match=r"unknown type 'numbr' \(did you mean number\?\)"):
        failures({"column": "age", "type": "numbr"})


def test_a_column_that_is_not_there_is_a_failure_with_its_neighbour() -> None:
    (found, missing) = failures({"column": "spent", "min": 0}, {"columns": ["agee"]})
    assert found.detail == "the data has no column 'spent' (did you mean spend?)"
    assert (missing.expectation, missing.column) == ("expect_column_to_exist", "agee")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"column": "age", "mim": 0},
            r"expect\[0\]: 'mim' is not a key of a short form \(did you mean min\?\)",
        ),
        ({"min": 0}, "needs `column`"),
        ({"expect_column_to_exists": {"column": "age"}}, r"did you mean expect_column_to_exist\?"),
        (
            {"expect_column_values_to_be_between": {"column": "age", "min_val": 0}},
            r"no argument 'min_val' \(did you mean min_value\?\)",
        ),
        (
            {"expect_column_values_to_be_between": {"column": "age"}},
            "min_value and max_value cannot both be None",
        ),
        ({"expect_column_to_exist": {"column": "a"}, "column": "b"}, "must have one expectation"),
    ],
)
def test_a_fault_in_the_file_is_a_config_error_that_helps(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        failures(entry)


def test_what_great_expectations_cannot_evaluate_is_told_in_one_line() -> None:
    with pytest.raises(ConfigError, match="cannot evaluate expect_column_mean_to_be_between") as caught:
        failures({"expect_column_mean_to_be_between": {"column": "plan", "min_value": 0}})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "rows"),
    [
        ({"column": "age", "min": 0}, [1]),
        ({"column": "age", "unique": True}, [0, 3]),
        ({"column": "plan", "not_null": True, "mostly": 0.9}, [2]),
        ({"expect_column_values_to_be_increasing": {"column": "age"}}, [1, 3]),
        (
            {"expect_column_pair_values_a_to_be_greater_than_b": {"column_A": "age", "column_B": "spend"}},
            [1],
        ),
        ({"expect_column_mean_to_be_between": {"column": "age", "min_value": 40}}, None),
        ({"expect_column_distinct_values_to_be_in_set": {"column": "age", "value_set": [30]}}, None),
        ({"column": "age", "type": "str"}, None),
        (
            {
                "expect_column_values_to_be_between": {
                    "column": "spend",
                    "max_value": 2,
                    "row_condition": {
                        "type": "comparison",
                        "column": {"name": "age"},
                        "operator": ">",
                        "parameter": 30,
                    },
                }
            },
            [2],
        ),
    ],
)
def test_bad_rows_are_named_when_rows_are_to_blame(entry: dict[str, Any], rows: list[int] | None) -> None:
    found = expectations.find(FRAME, expectations.expand([entry]), most=4)
    (broken,) = found
    assert (None if broken.rows is None else broken.rows.tolist()) == rows
    assert broken.failure.rows == (None if rows is None else len(rows))
    assert expectations.find(FRAME, expectations.expand([entry]), most=0)[0].rows is None


def test_rows_are_positions_whatever_the_index_is() -> None:
    found = expectations.find(
        FRAME.set_axis([7, 7, 1, 0]), expectations.expand([{"column": "age", "min": 0}]), most=1
    )
    assert found[0].rows is not None
    assert found[0].rows.tolist() == [1]


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    failures({"column": "age", "min": 0})
    assert capfd.readouterr() == ("", "")
