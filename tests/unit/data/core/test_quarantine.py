from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.records import Failure
from airflow_mlops.data.core.quarantine import judge

AGE = Failure("between", "age", "", 4)
WHOLE = Failure("row_count", None, "")


@pytest.mark.parametrize(
    ("failures", "bad", "refused"),
    [
        ([AGE], 4, ""),
        ([AGE, AGE], 6, "6 of 100 rows (6.0 %) break expectations, more than validate.max_quarantine 0.05"),
        ([Failure("in_set", "plan", "", 80)], None, "80 of 100 rows (80.0 %) break expectations"),
        ([Failure("in_set", "plan", "", 80), AGE], None, "at least 80 of 100 rows (80.0 %) break"),
        ([AGE, WHOLE], 4, "row_count names no bad rows that could be quarantined"),
        ([AGE], None, "Great Expectations did not name the rows"),
    ],
)  # fmt: skip
def test_data_goes_on_only_without_few_rows_that_are_named(
    failures: list[Failure], bad: int | None, refused: str
) -> None:
    found = judge(failures, bad, rows=100, limit=0.05)
    assert found.refused.startswith(refused)
    assert bool(found.refused) == bool(refused)


@given(st.integers(1, 500), st.integers(1, 99))
def test_a_share_that_is_just_the_limit_is_allowed(rows: int, percent: int) -> None:
    for bad in range(rows + 1):
        found = judge([Failure("x", "y", "", bad)], bad, rows=rows, limit=percent / 100)
        assert bool(found.refused) == (100 * bad > percent * rows)
