"""Two models on the same rows: a paired bootstrap of the difference of a metric.

What is resampled are units: entities with all their rows, or rows. A unit counts as often in a draw for one
model as for the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from airflow_mlops.training.core.comparison import Statistic, Vector, of_many

DRAWS: Final = 500
CONFIDENCE: Final = 0.95
POWER: Final = 0.8
LEAST_UNITS: Final = 30
"""Fewer units give no interval that holds its error: the spread between them is hardly known."""
_CELLS: Final = 2_000_000
"""Weights that are in memory at once."""
MANY_UNITS: Final = 20_000
_ENOUGH_DRAWS: Final = 200
"""Draws for the spread of that many units, whose differences are normal: their percentiles need more."""


@dataclass(frozen=True)
class Interval:
    """A metric of two models on the same rows, and an interval of the difference.

    ``detectable`` is the smallest true difference whose interval leaves out zero in 80 % of such hold-outs,
    ``units`` how many entities or rows were resampled.
    """

    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    detectable: float = float("nan")
    units: int = LEAST_UNITS

    @property
    def is_sound(self) -> bool:
        """Whether there are bounds, from enough units."""
        return self.units >= LEAST_UNITS and not np.isnan([self.low, self.high]).any()


def paired_bootstrap(
    challenger: Statistic,
    champion: Statistic,
    rows: int,
    *,
    units: NDArray[Any] | None = None,
    strata: NDArray[Any] | None = None,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
    normal: bool = False,
    seed: int = 0,
) -> Interval:
    """Bootstrap challenger minus champion, each draw with the same rows for both.

    Parameters: ``challenger`` and ``champion`` larger-is-better statistics of row weights; ``rows`` their
    number; ``units`` the unit of each row, shape (rows,), counted from 0, by default each row is one;
    ``strata`` the stratum of each unit, shape (units,): each draw has as many units of a stratum as there
    are; ``draws`` resamples, at most 200 from 20,000 units on, where the interval is normal with their
    standard deviation; ``confidence`` of the two-sided interval; ``normal`` that interval whatever the number
    of units, for a confidence whose percentiles the draws do not reach, with the spread that units have
    where the models are equal.
    Returns the figures on all rows and the interval. A draw in which the metric is undefined (one class
    only) is left out; if none is left the bounds are NaN, which no limit accepts.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 8.3 and 13.3; the wider
    percentiles of few units: Hesterberg, What Teachers Should Know About the Bootstrap (2015), section 5.3.

    Two classifiers on the same 200 rows: one is right on 150 of them, the other on 180.

    >>> from airflow_mlops.training.core.comparison import mean
    >>> champion = mean(np.arange(200) < 150)
    >>> challenger = mean(np.arange(200) < 180)
    >>> found = paired_bootstrap(challenger, champion, 200)
    >>> f"{found.difference:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}"
    '0.15, 95 % interval 0.10 to 0.21'
    """
    count = rows if units is None else int(units.max()) + 1
    draws = min(draws, _ENOUGH_DRAWS) if count >= MANY_UNITS else draws
    first, second = challenger(np.ones(rows)), champion(np.ones(rows))
    drawn = resamples(count, draws, strata, np.random.default_rng(seed))
    of_rows = drawn if units is None else (np.take(weights, units, axis=1) for weights in drawn)
    differences = np.concatenate([of_many(challenger, some) - of_many(champion, some) for some in of_rows])
    kept = differences[~np.isnan(differences)]
    freedom = _freedom(count, strata)
    if normal or count >= MANY_UNITS:
        few = (first - second) ** 2 / count if normal else 0.0
        low, high = _normal_bounds(kept, first - second, freedom, confidence, few)
    else:
        low, high = _bounds(kept, freedom, confidence)
    detectable = _detectable(kept, freedom, confidence)
    return Interval(first, second, first - second, low, high, detectable, units=count)


def resamples(
    count: int, draws: int, strata: NDArray[Any] | None, rng: np.random.Generator
) -> Iterator[Vector]:
    """Yield how often each unit is drawn, shape (some draws, units), until there are ``draws``."""
    at_once = max(1, _CELLS // count)
    groups = [np.flatnonzero(strata == code) for code in np.unique(strata)] if strata is not None else []
    for start in range(0, draws, at_once):
        some = min(at_once, draws - start)
        if not groups:
            yield _counts(count, some, rng)
            continue
        weights = np.empty((some, count))
        for group in groups:
            weights[:, group] = _counts(len(group), some, rng)
        yield weights


def _counts(count: int, draws: int, rng: np.random.Generator) -> Vector:
    """Return how often each of ``count`` units is drawn, in ``draws`` draws of as many units."""
    picked = rng.integers(0, count, (draws, count)) + np.arange(draws)[:, np.newaxis] * count
    counts = np.bincount(picked.ravel(), minlength=draws * count)
    return counts.reshape(draws, count).astype(float)


def _freedom(count: int, strata: NDArray[Any] | None) -> float:
    """Return the degrees of freedom of the spread between units.

    With strata of equal spread, by Satterthwaite's formula; a stratum of one unit says nothing about it.
    """
    if strata is None:
        return max(count - 1, 1)
    sizes = np.unique(strata, return_counts=True)[1].astype(float)
    return float(np.sum(1 / sizes) ** 2 / np.sum(1 / (sizes**2 * np.maximum(sizes - 1, 1))))


def _bounds(differences: Vector, freedom: float, confidence: float) -> tuple[float, float]:
    """Return the percentiles of the differences that a t distribution of few units asks for."""
    if not differences.size:
        return float("nan"), float("nan")
    quantile = stats.t.ppf((1 + confidence) / 2, freedom) * np.sqrt((freedom + 1) / freedom)
    tail = float(stats.norm.sf(quantile))
    # Of n draws, the share p is expected below place p (n + 1): other rules of quantiles are too narrow.
    low, high = np.quantile(differences, [tail, 1 - tail], method="weibull")
    return float(low), float(high)


def _normal_bounds(
    differences: Vector, difference: float, freedom: float, confidence: float, more: float = 0.0
) -> tuple[float, float]:
    """Return the bounds of a normal difference whose standard error is known from some draws.

    ``more`` is added to its square: few rows that all speak for one model have too small a spread (McNemar
    1947 takes that of equal models, which is larger by the square of the difference).
    """
    if differences.size <= 1:
        return float("nan"), float("nan")
    quantile = stats.t.ppf((1 + confidence) / 2, min(freedom, differences.size - 1))
    half = float(np.sqrt(differences.var(ddof=1) + more) * quantile)
    return difference - half, difference + half


def _detectable(differences: Vector, freedom: float, confidence: float) -> float:
    """Return the standard error times the quantiles of the interval's error and of the power."""
    if differences.size <= 1:
        return float("nan")
    quantile = sum(float(stats.t.ppf(share, freedom)) for share in ((1 + confidence) / 2, POWER))
    return float(differences.std(ddof=1)) * quantile
