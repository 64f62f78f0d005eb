"""Differences between groups held against their limits, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import GroupDifference
from airflow_mlops.core.records.groups import BEYOND, MET, UNCLEAR
from airflow_mlops.training.core.group_rates import RATES


def outcome_of(low: float, high: float, limit: str) -> str:
    """Return what the interval of a difference says about its limit; without bounds, nothing.

    >>> outcome_of(0.12, 0.3, "<= 0.1"), outcome_of(0.02, 0.3, "<= 0.1"), outcome_of(0.0, 0.05, "<= 0.1")
    ('beyond', 'unclear', 'met')
    """
    bound = Limit.parse(limit)
    if math.isnan(low) or math.isnan(high):
        return UNCLEAR
    if bound.holds(high):
        return MET
    return UNCLEAR if bound.holds(low) else BEYOND


def beyond(groups: Sequence[GroupDifference]) -> tuple[str, ...]:
    """Return one sentence for each difference that is clearly beyond its limit."""
    return tuple(
        f"{_named(item)} is not {item.limit}{_ends(item)}" for item in groups if item.outcome == BEYOND
    )


def unclear(groups: Sequence[GroupDifference]) -> tuple[str, ...]:
    """Return one sentence for each difference that the hold-out does not decide."""
    return tuple(_unclear(item) for item in groups if item.outcome == UNCLEAR)


def skipped(groups: Sequence[GroupDifference]) -> Iterator[str]:
    """Yield a sentence for each column and measure with groups that do not count."""
    for item in groups:
        left = [f"{rate.value!r} ({rate.skipped})" for rate in item.rates if rate.skipped]
        if left and item.difference is not None:
            yield f"{item.column}: {item.measure} says nothing about {', '.join(left)}"


def _unclear(item: GroupDifference) -> str:
    if item.difference is None:
        left = ", ".join(f"{rate.value!r}: {rate.skipped}" for rate in item.rates if rate.skipped)
        why = f" ({left})" if left else ""
        return (
            f"{item.column}: {item.measure} needs two groups that can be judged{why}; hold out more rows, "
            "or lower evaluate.min_slice_rows"
        )
    return f"{_named(item)} is not {item.limit} with certainty{_ends(item)}"


def _named(item: GroupDifference) -> str:
    bounds = "" if item.low is None else f" (95 % interval {item.low:.3g} to {item.high:.3g})"
    return f"{item.column}: {item.measure} {item.difference:.3g}{bounds}"


def _ends(item: GroupDifference) -> str:
    """Return the groups with the largest and the smallest rate."""
    first, last = item.counted[0], item.counted[-1]
    return (
        f": {RATES[item.measure]} {first.rate:.3g} of {first.value!r}, {last.rate:.3g} of {last.value!r} "
        f"({first.counted:,} and {last.counted:,} rows)"
    )
