"""Figures held against their limits, and the reasons of a gate."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mlops.core.limits import Limit
from airflow_mlops.core.records import Check, Comparison, SliceCheck
from airflow_mlops.training.core.comparison import Interval


def check(name: str, value: float, limit: str) -> Check:
    """Return whether one figure meets its limit.

    >>> check("roc_auc", 0.71, ">= 0.8")
    Check(name='roc_auc', value=0.71, limit='>= 0.8', passed=False)
    """
    bound = Limit.parse(limit)
    return Check(name, value, str(bound), bound.holds(value))


def compare(metric: str, interval: Interval, limit: str, *, larger_is_better: bool = True) -> Comparison:
    """Hold the lower bound of challenger minus champion against ``limit``; an empty one refuses nothing.

    All figures of ``interval`` are larger-is-better. In the comparison the two values of a loss have their
    own sign again; difference and bounds stay larger-is-better.
    """
    bound, sign = Limit.parse(limit) if limit else None, 1.0 if larger_is_better else -1.0
    return Comparison(
        metric=metric,
        challenger=sign * interval.challenger,
        champion=sign * interval.champion,
        difference=interval.difference,
        low=interval.low,
        high=interval.high,
        limit="" if bound is None else str(bound),
        passed=bound is None or bound.holds(interval.low),
    )


def reasons(checks: tuple[Check, ...], comparisons: tuple[Comparison, ...]) -> tuple[str, ...]:
    """Return one sentence for each limit that was not met."""
    floors = [f"{c.name} {c.value:.4g} is not {c.limit}" for c in checks if not c.passed]
    against = [
        f"{c.metric} {c.challenger:.4g} against the champion's {c.champion:.4g}: "
        f"better by {c.difference:+.4g}, lower bound {c.low:+.4g} is not {c.limit}"
        for c in comparisons
        if not c.passed
    ]
    return (*floors, *against)


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
