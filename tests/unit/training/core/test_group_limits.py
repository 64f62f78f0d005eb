"""What is said about differences between groups, and what an interval without bounds proves: nothing."""

from __future__ import annotations

import pytest

from airflow_mlops.core.records import GroupDifference, GroupRate
from airflow_mlops.training.core import group_limits
from airflow_mlops.training.core.group_rates import DEMOGRAPHIC_PARITY, EQUAL_OPPORTUNITY


@pytest.mark.parametrize(
    ("low", "high", "limit", "outcome"),
    [
        (0.0, 0.1, "<= 0.1", "met"),
        (0.0, 0.1, "< 0.1", "unclear"),
        (0.1, 0.3, "<= 0.1", "unclear"),
        (0.1, 0.3, "< 0.1", "beyond"),
        (float("nan"), 0.0, "<= 0.1", "unclear"),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, limit: str, outcome: str) -> None:
    assert group_limits.outcome_of(low, high, limit) == outcome


def test_the_words_name_the_groups_and_those_that_do_not_count() -> None:
    rates = (GroupRate("a", 300, 300, 0.2), GroupRate("b", 400, 400, 0.5), GroupRate("c", 9, 9, None, "few"))
    far = GroupDifference("g", DEMOGRAPHIC_PARITY, "<= 0.1", "beyond", 0.3, 0.2, 0.4, rates)
    assert group_limits.beyond([far]) == (
        "g: demographic_parity_difference 0.3 (95 % interval 0.2 to 0.4) is not <= 0.1: selection rate "
        "0.5 of 'b', 0.2 of 'a' (400 and 300 rows)",
    )
    assert list(group_limits.skipped([far])) == [
        "g: demographic_parity_difference says nothing about 'c' (few)"
    ]
    alone = GroupDifference("g", EQUAL_OPPORTUNITY, "<= 0.1", "unclear", rates=rates[1:])
    assert group_limits.unclear([far, alone]) == (
        "g: equal_opportunity_difference needs two groups that can be judged ('c': few); hold out more "
        "rows, or lower evaluate.min_slice_rows",
    )


RATES = (GroupRate("a", 300, 300, 0.2), GroupRate("b", 4_000, 4_000, 0.5), GroupRate("c", 900, 900, 0.3))


def difference(outcome: str, **more: object) -> GroupDifference:
    found = {"difference": 0.3, "low": 0.05, "high": 0.4, "rates": RATES, **more}
    return GroupDifference("g", EQUAL_OPPORTUNITY, "<= 0.1", outcome, **found)  # type: ignore[arg-type]


def test_each_difference_is_in_the_list_of_its_outcome_only() -> None:
    groups = [difference("met"), difference("unclear"), difference("beyond")]
    (refused,), (open_,) = group_limits.beyond(groups), group_limits.unclear(groups)
    assert "is not <= 0.1: true positive rate" in refused
    assert open_ == (
        "g: equal_opportunity_difference 0.3 (95 % interval 0.05 to 0.4) is not <= 0.1 with certainty: true "
        "positive rate 0.5 of 'b', 0.2 of 'a' (4,000 and 300 rows)"
    )


def test_a_difference_without_bounds_has_no_interval_in_its_words() -> None:
    (text,) = group_limits.unclear([difference("unclear", low=None, high=None)])
    assert text.startswith("g: equal_opportunity_difference 0.3 is not <= 0.1 with certainty: true")


def test_groups_that_do_not_count_are_named_where_others_do() -> None:
    few, none = GroupRate("d", 9, 9, None, "9 rows"), GroupRate("e", 5, 0, None, "no positive row")
    counted = difference("met", rates=(*RATES, few, none))
    uncounted = difference("unclear", difference=None, low=None, high=None, rates=(few, none))
    assert list(group_limits.skipped([difference("met"), counted, uncounted])) == [
        "g: equal_opportunity_difference says nothing about 'd' (9 rows), 'e' (no positive row)"
    ]
    assert group_limits.unclear([uncounted])[0].startswith(
        "g: equal_opportunity_difference needs two groups that can be judged ('d': 9 rows, 'e': no positive "
        "row); hold out"
    )
    alone = difference("unclear", difference=None, low=None, high=None, rates=RATES[:1])
    assert "can be judged; hold out more rows" in group_limits.unclear([alone])[0]
