"""Figures held against their limits, and the reasons of a gate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import Check, Comparison, SliceCheck
from airflow_mlops.core.records.training import INCONCLUSIVE, NOT_WORSE, WORSE
from airflow_mlops.training.core.bootstrap import Interval


def check(name: str, value: float, limit: str) -> Check:
    """Return whether one figure meets its limit.

    >>> check("roc_auc", 0.71, ">= 0.8").passed
    False
    """
    bound = Limit.parse(limit)
    return Check(name, value, str(bound), bound.holds(value))


def outcome_of(interval: Interval, limit: str) -> str:
    """Return what an interval of challenger minus champion says about a limit.

    ``not_worse``: its lower bound meets the limit. ``worse``: not even its upper bound does. Otherwise, and
    without sound bounds, there is not enough evidence: ``inconclusive``. Without a limit, zero is it.

    >>> outcome_of(Interval(0.7, 0.7, 0.0, -0.01, 0.01), ">= -0.005")
    'inconclusive'
    """
    if not interval.is_sound:
        return INCONCLUSIVE
    bound = Limit.parse(limit or ">= 0")
    if bound.holds(interval.low):
        return NOT_WORSE
    return INCONCLUSIVE if bound.holds(interval.high) else WORSE


def compare(
    metric: str,
    interval: Interval,
    limit: str,
    *,
    larger_is_better: bool = True,
    rows: int = 0,
    unit: str = "rows",
) -> Comparison:
    """Hold the interval of challenger minus champion against ``limit``; without one, worse is refused.

    All figures of ``interval`` are larger-is-better. In the comparison the two values of a loss have their
    own sign again; difference and bounds stay larger-is-better. ``rows`` counted, in units that ``unit``
    names.
    """
    sign, outcome = 1.0 if larger_is_better else -1.0, outcome_of(interval, limit)
    return Comparison(
        metric=metric,
        challenger=sign * interval.challenger,
        champion=sign * interval.champion,
        difference=interval.difference,
        low=interval.low,
        high=interval.high,
        limit=str(Limit.parse(limit)) if limit else "",
        passed=outcome == NOT_WORSE or (not limit and outcome == INCONCLUSIVE),
        outcome=outcome,
        detectable=None if math.isnan(interval.detectable) else interval.detectable,
        rows=rows,
        units=interval.units,
        unit=unit,
    )


def floor_reasons(checks: Sequence[Check]) -> tuple[str, ...]:
    """Return one sentence for each figure that does not meet its limit."""
    return tuple(f"{c.name} {c.value:.4g} is not {c.limit}" for c in checks if not c.passed)


def slice_reasons(slices: Sequence[SliceCheck]) -> tuple[str, ...]:
    """Say which values of a column did not hold their limits, and which columns gave no evidence at all."""
    failed = [
        f"{item.column}={item.value} ({item.rows:,} rows): "
        f"{check.name} {check.value:.4g} is not {check.limit}"
        for item in slices
        for check in item.checks
        if not check.passed
    ]
    judged = {item.column for item in slices if item.checks}
    silent = [
        f"inconclusive: no value of {column} can be judged ({item.value}: {item.skipped}); "
        "hold out more rows, or lower evaluate.min_slice_rows"
        for column, item in {item.column: item for item in slices}.items()
        if column not in judged
    ]
    return (*failed, *silent)
