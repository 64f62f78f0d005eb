"""The groups that count and the figures of their difference."""

from __future__ import annotations

import pytest

from airflow_mlops.core.records import GroupDifference, GroupRate
from airflow_mlops.core.records.groups import BEYOND, MET, UNCLEAR


def test_the_groups_that_count_are_ordered_by_their_rate() -> None:
    few = GroupRate("d", 9, 9, skipped="9 rows")
    rates = (GroupRate("a", 300, 300, 0.2), few, GroupRate("b", 400, 400, 0.5), GroupRate("c", 90, 90, 0.0))
    found = GroupDifference("g", "demographic_parity_difference", "<= 0.1", BEYOND, rates=rates)
    assert [item.value for item in found.counted] == ["b", "a", "c"]
    assert (few.rate, few.skipped, rates[0].skipped) == (None, "9 rows", "")


@pytest.mark.parametrize(
    ("difference", "low", "high", "text"),
    [
        (0.3, 0.25, 0.35, "0.300 [0.250, 0.350]"),
        (0.0, 0.0, 0.1234, "0.000 [0.000, 0.123]"),
        (None, 0.2, 0.3, ""),
        (0.3, None, 0.4, ""),
        (0.3, 0.2, None, ""),
    ],
)
def test_figures_need_a_difference_and_both_bounds(
    difference: float | None, low: float | None, high: float | None, text: str
) -> None:
    assert GroupDifference("g", "m", "<= 0.1", UNCLEAR, difference, low, high).figures == text


def test_without_groups_there_is_nothing() -> None:
    empty = GroupDifference("g", "m", "<= 0.1", MET)
    assert (empty.difference, empty.low, empty.high, empty.rates, empty.counted) == (None, None, None, (), ())
    assert (MET, BEYOND, UNCLEAR) == ("met", "beyond", "unclear")  # records of before have these words
