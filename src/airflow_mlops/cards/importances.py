"""How much a metric loses when one column is shuffled, within a bound of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS: Final = 2_000
MOST_REPEATS: Final = 5
BUDGET: Final = 5.0
"""Seconds that all shuffles together may take, about."""
_SEED: Final = 0

Score = Callable[["pd.DataFrame", "pd.Series"], float]
"""Rows and their target to a metric of which more is better."""


@dataclass(frozen=True)
class Importance:
    """What the metric loses without the column; ``low`` and ``high`` span the error of the shuffles alone."""

    column: str
    lost: float
    low: float
    high: float


@dataclass(frozen=True)
class Importances:
    """Columns by what they are worth, the largest first; ``left_out`` were not tried for lack of time."""

    items: tuple[Importance, ...]
    rows: int
    repeats: int
    left_out: int = 0


def importances(
    rows: pd.DataFrame,
    target: pd.Series,
    columns: Sequence[str],
    score: Score,
    *,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.perf_counter,
) -> Importances:
    """Return what ``score`` loses when each column is shuffled among the rows (Breiman 2001, section 10).

    At most 2,000 rows and 5 shuffles of each column; fewer shuffles, then fewer columns, when one scoring is
    so slow that all would take longer than ``budget`` seconds.
    """
    rng = np.random.default_rng(_SEED)
    places = np.sort(rng.permutation(len(rows))[:MOST_ROWS])
    sample, truth = rows.iloc[places].reset_index(drop=True), target.iloc[places].reset_index(drop=True)
    begin = clock()
    whole = score(sample, truth)
    affordable = int(budget / max(clock() - begin, 1e-6))
    repeats = min(MOST_REPEATS, max(affordable // max(len(columns), 1), 1))
    tried = columns[: max(affordable, 1)]
    found = []
    for column in tried:
        losses = []
        for _ in range(repeats):
            order = rng.permutation(len(sample))
            shuffled = sample.assign(**{column: sample[column].iloc[order].set_axis(sample.index)})
            losses.append(whole - score(shuffled, truth))
        found.append(_importance(column, np.array(losses)))
    ordered = tuple(sorted(found, key=lambda item: -item.lost))
    return Importances(ordered, len(sample), repeats, len(columns) - len(tried))


def _importance(column: str, losses: np.ndarray[Any, Any]) -> Importance:
    mean, count = float(losses.mean()), len(losses)
    if count < 2:
        return Importance(column, mean, float("nan"), float("nan"))
    half = float(stats.t.ppf(0.975, count - 1) * losses.std(ddof=1) / np.sqrt(count))
    return Importance(column, mean, mean - half, mean + half)
