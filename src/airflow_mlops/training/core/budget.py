"""Time and size of a model held against a budget; a time that the machine made long decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.records import BudgetCheck
from airflow_mlops.core.records.groups import BEYOND, MET, UNCLEAR

_BUSY: Final = 0.8
"""Share of the time that the process must have computed: below it, it waited for something."""


def latency_check(wall: NDArray[Any], cpu: NDArray[Any], limit_s: float, limit: str) -> BudgetCheck:
    """Hold the times of single predictions against a limit.

    ``wall`` and ``cpu`` are seconds per prediction, shape (predictions,), by the clock and of all threads of
    the process. Met: 95 % of the predictions are within the limit. Beyond: three of four are not, and the
    process computed for at least 80 % of the time. Anything else decides nothing.

    >>> latency_check(np.full(50, 0.2), np.full(50, 0.199), 0.05, "50ms").outcome
    'beyond'
    >>> latency_check(np.full(50, 0.2), np.full(50, 0.04), 0.05, "50ms").outcome
    'unclear'
    """
    median, most = float(np.median(wall)), float(np.quantile(wall, 0.95))
    figures = f"median {median * 1e3:.3g} ms, 95 % within {most * 1e3:.3g} ms ({len(wall)} single rows)"
    if most <= limit_s:
        return BudgetCheck("latency", median, limit, MET, figures)
    computed = float(cpu.sum() / wall.sum())
    if float(np.quantile(wall, 0.25)) > limit_s and computed >= _BUSY:
        return BudgetCheck("latency", median, limit, BEYOND, figures)
    figures += f", {computed:.0%} of it computing"
    return BudgetCheck("latency", median, limit, UNCLEAR, figures)


def size_check(found: int, limit_bytes: float, limit: str) -> BudgetCheck:
    """Hold the bytes of a model's files against a limit.

    >>> size_check(3_000_000, 2e6, "2MB").outcome
    'beyond'
    """
    return BudgetCheck("size", found, limit, MET if found <= limit_bytes else BEYOND, f"{found / 1e6:.3g} MB")


def beyond(checks: Sequence[BudgetCheck]) -> tuple[str, ...]:
    """Return one sentence for each budget that is exceeded."""
    return tuple(
        f"{item.name} is beyond evaluate.budget.{item.name}, {item.limit}: {item.figures}"
        for item in checks
        if item.outcome == BEYOND
    )


def unclear(checks: Sequence[BudgetCheck]) -> tuple[str, ...]:
    """Return one sentence for each measurement that decides nothing."""
    return tuple(
        f"{item.name} is not judged, the machine was too busy or the times vary too much: {item.figures}, "
        f"the budget is {item.limit}"
        for item in checks
        if item.outcome == UNCLEAR
    )
