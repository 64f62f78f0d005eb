from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.rollout.core import Counts, EpochCounts, Health

NUMBERS = st.integers(0, 10**6)
COUNTS = st.builds(
    Counts, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.lists(NUMBERS, max_size=10).map(tuple)
)


def test_counts_add_up_event_by_event() -> None:
    first, second = Counts(10, 1, 9, 2, 8, 3, (4, 5)), Counts(100, 10, 90, 20, 80, 30, (40, 50, 60))
    assert first + second == Counts(110, 11, 99, 22, 88, 33, (44, 55, 60))
    assert Counts() == Counts(0, 0, 0, 0, 0, 0, ())


@given(COUNTS, COUNTS, COUNTS)
def test_the_order_of_a_sum_does_not_matter(a: Counts, b: Counts, c: Counts) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Counts() == a


def test_the_failure_rate_needs_requests() -> None:
    assert Counts(8, 2).rate == 0.25
    assert Counts(8).rate == 0
    assert Counts(0, 0).rate is None


@pytest.mark.parametrize(("percent", "both", "share"), [(5, None, 0.05), (100, None, 1), (0, Counts(), 0.5)])
def test_a_copied_request_is_an_even_split(percent: int, both: Counts | None, share: float) -> None:
    assert EpochCounts(1, percent, Counts(), Counts(), both).share == share


def test_a_version_that_is_well_needs_no_words() -> None:
    assert Health("ok").detail == ""
