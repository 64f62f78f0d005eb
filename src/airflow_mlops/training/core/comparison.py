"""Two models on the same rows: a paired bootstrap of the difference of a metric.

A metric is prepared once as a statistic of row weights, so that a resample costs one pass over the rows
(a resample with replacement is a vector of counts) instead of a new sort or a new confusion matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[Any]
Statistic = Callable[[Vector], float]
"""Row weights, shape (rows,), to the value of a metric."""


@dataclass(frozen=True)
class Interval:
    """A metric of two models on the same rows, and a percentile interval of the difference."""

    challenger: float
    champion: float
    difference: float
    low: float
    high: float


def paired_bootstrap(
    challenger: Statistic,
    champion: Statistic,
    rows: int,
    *,
    draws: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bootstrap challenger minus champion, each draw with the same rows for both.

    Parameters: ``challenger`` and ``champion`` larger-is-better statistics of row weights; ``rows`` their
    number; ``draws`` resamples; ``confidence`` of the two-sided percentile interval.
    Returns the figures on all rows and the interval. A draw in which the metric is undefined (one class
    only) is left out; if none is left the bounds are NaN, which no limit accepts.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), sections 8.3 and 13.3.

    Two classifiers on the same 200 rows: one is right on 150 of them, the other on 180.

    >>> champion = mean(np.arange(200) < 150)
    >>> challenger = mean(np.arange(200) < 180)
    >>> found = paired_bootstrap(challenger, champion, 200)
    >>> f"{found.difference:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}"
    '0.15, 95 % interval 0.10 to 0.21'
    """
    rng = np.random.default_rng(seed)
    ones = np.ones(rows)
    first, second = challenger(ones), champion(ones)
    differences = np.empty(draws)
    for index in range(draws):
        weights = np.bincount(rng.integers(0, rows, rows), minlength=rows).astype(float)
        differences[index] = challenger(weights) - champion(weights)
    kept = differences[~np.isnan(differences)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(kept, [tail, 1 - tail]) if kept.size else (np.nan, np.nan)
    return Interval(first, second, first - second, float(low), float(high))


def negated(statistic: Statistic) -> Statistic:
    """Turn a smaller-is-better statistic into a larger-is-better one."""
    return lambda weights: -statistic(weights)


def mean(values: Vector) -> Statistic:
    """Weighted mean of one value per row: accuracy, log loss, Brier score, absolute error."""
    values = np.asarray(values, dtype=float)
    return lambda weights: float(weights @ values / weights.sum())


def root_mean(values: Vector) -> Statistic:
    """Square root of the weighted mean: root mean squared error from squared errors."""
    inner = mean(values)
    return lambda weights: float(np.sqrt(inner(weights)))


def _ties(scores: Vector) -> tuple[Vector, Vector]:
    """Return the order of rising scores and the start of each group of equal scores in that order."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    return order, starts


def ranking_auc(positive: Vector, scores: Vector) -> Statistic:
    """Area under the ROC curve: the weighted share of ordered pairs, ties counting half.

    ``positive`` holds 0 or 1 per row, ``scores`` a score per row. Source: Hanley and McNeil (1982).
    """
    order, starts = _ties(np.asarray(scores))
    labels = np.asarray(positive, dtype=float)[order]

    def auc(weights: Vector) -> float:
        ranked = weights[order]
        up = np.add.reduceat(ranked * labels, starts)
        down = np.add.reduceat(ranked * (1 - labels), starts)
        pairs = up.sum() * down.sum()
        if pairs == 0:
            return float("nan")
        return float(up @ (np.cumsum(down) - down / 2) / pairs)

    return auc


def average_precision(positive: Vector, scores: Vector) -> Statistic:
    """Sum of precision times step in recall over the thresholds, as scikit-learn defines it."""
    order, starts = _ties(-np.asarray(scores))
    labels = np.asarray(positive, dtype=float)[order]

    def precision(weights: Vector) -> float:
        ranked = weights[order]
        hits = np.add.reduceat(ranked * labels, starts)
        seen = np.cumsum(np.add.reduceat(ranked, starts))
        if hits.sum() == 0:
            return float("nan")
        share = np.divide(np.cumsum(hits), seen, out=np.zeros_like(seen), where=seen > 0)
        return float(hits @ share / hits.sum())

    return precision


def confusion(
    truth: Vector, predicted: Vector, score: Callable[[Vector, Vector, Vector], float]
) -> Statistic:
    """Build a statistic from hits, predictions and occurrences per class.

    ``truth`` and ``predicted`` are class indices from 0; ``score`` gets three vectors of shape (classes,).
    """
    size = int(max(truth.max(), predicted.max())) + 1
    hit = truth == predicted

    def statistic(weights: Vector) -> float:
        hits = np.bincount(truth[hit], weights=weights[hit], minlength=size)
        predictions = np.bincount(predicted, weights=weights, minlength=size)
        real = np.bincount(truth, weights=weights, minlength=size)
        return score(hits, predictions, real)

    return statistic


def r_squared(truth: Vector, predicted: Vector) -> Statistic:
    """Coefficient of determination with row weights."""
    centred = np.asarray(truth, dtype=float) - np.mean(truth)  # less cancellation below
    errors = (np.asarray(truth, dtype=float) - np.asarray(predicted, dtype=float)) ** 2

    def statistic(weights: Vector) -> float:
        total = weights @ centred**2 - (weights @ centred) ** 2 / weights.sum()
        return float(1 - (weights @ errors) / total) if total > 0 else float("nan")

    return statistic
