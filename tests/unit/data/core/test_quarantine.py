from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.records import Failure
from airflow_mlops.data.core.quarantine import judge

AGE = Failure("between", "age", "", 4)
WHOLE = Failure("row_count", None, "")


BROKEN = "break expectations, more than validate.max_quarantine 0.05"


@pytest.mark.parametrize(
    ("failures", "bad", "refused"),
    [
        ([AGE], 4, ""),
        ([AGE, AGE], 5, ""),
        ([AGE, AGE], 6, f"6 of 100 rows (6.0 %) {BROKEN}"),
        ([Failure("in_set", "plan", "", 80)], None, f"80 of 100 rows (80.0 %) {BROKEN}"),
        ([Failure("in_set", "plan", "", 80), AGE], None, f"at least 80 of 100 rows (80.0 %) {BROKEN}"),
        ([AGE, WHOLE], 4, "row_count names no bad rows that could be quarantined"),
        ([WHOLE, Failure("columns", None, ""), WHOLE], None,
         "row_count, columns names no bad rows that could be quarantined"),
        ([AGE], None, "Great Expectations did not name the rows that break it"),
    ],
)  # fmt: skip
def test_data_goes_on_only_without_few_rows_that_are_named(
    failures: list[Failure], bad: int | None, refused: str
) -> None:
    found = judge(failures, bad, rows=100, limit=0.05)
    assert (found.refused, found.limit) == (refused, 0.05)


def test_rows_that_are_not_all_named_are_at_least_those_of_the_expectation_with_the_most() -> None:
    assert judge([AGE, Failure("in_set", "plan", "", 3)], None, rows=100, limit=0.05).rows == 4
    assert judge([WHOLE], None, rows=100, limit=0.05).rows == 0


def test_a_single_row_is_wholly_bad_and_no_row_at_all_is_not() -> None:
    assert judge([AGE], 1, rows=1, limit=0.5).refused.startswith("1 of 1 rows (100.0 %)")
    assert judge([AGE], 0, rows=0, limit=0.5).refused == ""


@given(st.integers(1, 500), st.integers(1, 99))
def test_a_share_that_is_just_the_limit_is_allowed(rows: int, percent: int) -> None:
    for bad in range(rows + 1):
        found = judge([Failure("x", "y", "", bad)], bad, rows=rows, limit=percent / 100)
        assert bool(found.refused) == (100 * bad > percent * rows)
