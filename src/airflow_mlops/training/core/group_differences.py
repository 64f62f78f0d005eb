"""How far groups of rows are apart in a rate, with an interval that holds for any number of groups.

The largest minus the smallest rate of several groups is never negative, and grows with noise: resampled, it
is always above what it was. So the interval comes from all pairs of groups together, not from percentiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from airflow_mlops.training.core.bootstrap import CONFIDENCE, DRAWS, resamples
from airflow_mlops.training.core.group_rates import EQUAL_OPPORTUNITY
from airflow_mlops.training.core.units import Units


@dataclass(frozen=True)
class Apart:
    """The largest minus the smallest rate, its 95 % bounds, and the groups that have these rates."""

    difference: float
    low: float
    high: float
    largest: int
    smallest: int


def denominator(measure: str, truth: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the rows whose share of positive predictions is the rate of ``measure``, shape (rows,).

    All rows for the selection rate, those of the positive class (1 in ``truth``) for the true positive rate.

    >>> denominator("equal_opportunity_difference", np.array([0, 1, 1]))
    array([False,  True,  True])
    """
    if measure == EQUAL_OPPORTUNITY:
        return np.asarray(truth == 1)
    return np.ones(len(truth), dtype=bool)


def apart(
    selected: NDArray[Any],
    groups: NDArray[Any],
    units: Units,
    *,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Apart:
    """Return how far two or more groups are apart in their share of ``selected`` rows.

    Parameters: ``selected`` 0 or 1 per row, ``groups`` the group of each row, counted from 0 without gaps,
    both of shape (rows,); ``units`` what is resampled.
    With the confidence given, no pair of groups differs by more than ``high``, and one by ``low`` at least:
    each pair gets its bootstrap standard error (not below that of Agresti and Caffo, which a rate of 0 or 1
    has too) times the quantile of the largest studentized difference among the draws.
    Source: Romano and Wolf, Exact and Approximate Stepdown Methods (2005), section 4.2, without the steps;
    Agresti and Caffo, The American Statistician 54 (2000).

    >>> selected = np.repeat([1, 0, 1, 0], [60, 40, 30, 70])
    >>> found = apart(selected, np.repeat([0, 1], 100), Units(np.arange(200)))
    >>> f"{found.difference:.2f}, {found.low:.2f} to {found.high:.2f}"
    '0.30, 0.16 to 0.44'
    """
    hits, sizes = np.bincount(groups, weights=selected), np.bincount(groups)
    rates = hits / sizes
    drawn = _drawn_rates(selected, groups, units, draws, np.random.default_rng(seed))
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    largest, smallest = int(rates.argmax()), int(rates.argmin())
    difference = float(rates[largest] - rates[smallest])
    if len(drawn) < 2:  # one draw has no spread
        return Apart(difference, float("nan"), float("nan"), largest, smallest)
    first, second = np.triu_indices(len(rates), 1)
    pairs, resampled = rates[first] - rates[second], drawn[:, first] - drawn[:, second]
    numbers = np.array([len(np.unique(units.codes[groups == group])) for group in range(len(rates))])
    least = _least_variance(rates, sizes, numbers)
    error = np.sqrt(np.maximum(resampled.var(axis=0, ddof=1), least[first] + least[second]))
    normal = float(stats.norm.ppf((1 + confidence) / 2))
    of_draws = float(np.quantile(np.abs((resampled - pairs) / error).max(axis=1), confidence))
    few = float(stats.t.ppf((1 + confidence) / 2, max(numbers.min() - 1, 1))) / normal
    reach = max(of_draws, normal) * few * error
    low = max(0.0, float((np.abs(pairs) - reach).max()))
    return Apart(difference, low, min(1.0, float((np.abs(pairs) + reach).max())), largest, smallest)


def _least_variance(rates: NDArray[Any], sizes: NDArray[Any], numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the variance of each rate after one success and one failure more, shape (groups,).

    A rate of 0 or 1 says nothing about how alike the rows of a unit are, so its units are counted.
    """
    count = np.where((rates == 0) | (rates == 1), numbers, sizes)
    share = (rates * count + 1) / (count + 2)
    found: NDArray[Any] = share * (1 - share) / (count + 2)
    return found


def _drawn_rates(
    selected: NDArray[Any], groups: NDArray[Any], units: Units, draws: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Return the rate of each group in each draw, shape (draws, groups); NaN for a group without rows."""
    cells = groups * 2 + selected.astype(np.int64)
    count = 2 * (int(groups.max()) + 1)
    if units.are_rows:  # how many rows of each cell are drawn follows a multinomial distribution
        shares = np.bincount(cells, minlength=count) / len(cells)
        sums = rng.multinomial(len(cells), shares, draws).astype(float)
    else:
        order = np.argsort(cells, kind="stable")
        present, starts = np.unique(cells[order], return_index=True)
        sums = np.zeros((draws, count))
        start = 0
        for weights in resamples(units.count, draws, None, rng):
            of_rows = np.take(weights, units.codes[order], axis=1)
            sums[start : start + len(weights), present] = np.add.reduceat(of_rows, starts, axis=1)
            start += len(weights)
    missed, hit = sums[:, 0::2], sums[:, 1::2]
    whole = missed + hit
    rates: NDArray[Any] = np.divide(hit, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return rates
