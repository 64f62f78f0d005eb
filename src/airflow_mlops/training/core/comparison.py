"""Metrics of two models on the same rows, as statistics of row weights.

A metric is prepared once as a statistic of row weights, so that a resample costs one pass over the rows
(a resample with replacement is a vector of counts) instead of a new sort or a new confusion matrix.
``core.bootstrap`` resamples; a statistic that is a ``RowStatistic`` takes many resamples in one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[Any]
Statistic = Callable[[Vector], float]
"""Row weights, shape (rows,), to the value of a metric."""
_MOST_CLASSES: Final = 50


@dataclass(frozen=True)
class RowStatistic:
    """A statistic that takes many weightings at once.

    ``of_many`` takes weights of shape (draws, rows) and returns values of shape (draws,), NaN where the
    metric is undefined. Called with one weight per row it is a ``Statistic``.
    """

    of_many: Callable[[Vector], Vector]

    def __call__(self, weights: Vector) -> float:
        """Return the value for weights of shape (rows,)."""
        return float(self.of_many(weights[np.newaxis]).item())


def of_many(statistic: Statistic, weights: Vector) -> Vector:
    """Return the values of a statistic, shape (draws,), for weights of shape (draws, rows)."""
    if isinstance(statistic, RowStatistic):
        return statistic.of_many(weights)
    return np.array([statistic(row) for row in weights])


def negated(statistic: Statistic) -> Statistic:
    """Turn a smaller-is-better statistic into a larger-is-better one."""
    return RowStatistic(lambda weights: -of_many(statistic, weights))


def mean(values: Vector) -> Statistic:
    """Weighted mean of one value per row: accuracy, log loss, Brier score, absolute error."""
    values = np.asarray(values, dtype=float)
    return RowStatistic(lambda weights: weights @ values / weights.sum(axis=1))


def root_mean(values: Vector) -> Statistic:
    """Square root of the weighted mean: root mean squared error from squared errors."""
    inner = mean(values)
    return RowStatistic(lambda weights: np.sqrt(of_many(inner, weights)))


def _ties(scores: Vector) -> tuple[Vector, Vector]:
    """Return the order of rising scores and the start of each group of equal scores in that order."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    return order, starts


def _grouped(ranked: Vector, starts: Vector) -> Vector:
    """Return the sums of each group of columns; without ties there is nothing to add."""
    if len(starts) == ranked.shape[1]:
        return ranked
    sums: Vector = np.add.reduceat(ranked, starts, axis=1)
    return sums


def _ratio(part: Vector, whole: Vector) -> Vector:
    """Return a ratio, NaN where the whole is not positive."""
    found: Vector = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return found


def ranking_auc(positive: Vector, scores: Vector) -> Statistic:
    """Area under the ROC curve: the weighted share of ordered pairs, ties counting half.

    ``positive`` holds 0 or 1 per row, ``scores`` a score per row. Source: Hanley and McNeil (1982).
    """
    order, starts = _ties(np.asarray(scores))
    labels = np.asarray(positive, dtype=float)[order]

    def auc(weights: Vector) -> Vector:
        ranked = np.take(weights, order, axis=1)
        up, every = _grouped(ranked * labels, starts), _grouped(ranked, starts)
        down = every - up
        below = np.cumsum(down, axis=1)
        pairs = up.sum(axis=1) * below[:, -1]
        won = np.einsum("ij,ij->i", up, below - down / 2)
        return _ratio(won, pairs)

    return RowStatistic(auc)


def average_precision(positive: Vector, scores: Vector) -> Statistic:
    """Sum of precision times step in recall over the thresholds, as scikit-learn defines it."""
    order, starts = _ties(-np.asarray(scores))
    labels = np.asarray(positive, dtype=float)[order]

    def precision(weights: Vector) -> Vector:
        ranked = np.take(weights, order, axis=1)
        hits = _grouped(ranked * labels, starts)
        seen = np.cumsum(_grouped(ranked, starts), axis=1)
        share = np.divide(np.cumsum(hits, axis=1), seen, out=np.zeros_like(seen), where=seen > 0)
        total = hits.sum(axis=1)
        found = np.einsum("ij,ij->i", hits, share)
        return _ratio(found, total)

    return RowStatistic(precision)


def confusion(
    truth: Vector, predicted: Vector, score: Callable[[Vector, Vector, Vector], float]
) -> Statistic:
    """Build a statistic from hits, predictions and occurrences per class.

    ``truth`` and ``predicted`` are class indices from 0; ``score`` gets three vectors of shape (classes,).
    """
    size = int(max(truth.max(), predicted.max())) + 1
    hit = truth == predicted

    def counted(weights: Vector) -> float:
        hits = np.bincount(truth[hit], weights=weights[hit], minlength=size)
        predictions = np.bincount(predicted, weights=weights, minlength=size)
        real = np.bincount(truth, weights=weights, minlength=size)
        return score(hits, predictions, real)

    def multiplied(weights: Vector) -> Vector:
        classes = np.arange(size)
        real, guessed = (weights @ (labels[:, np.newaxis] == classes) for labels in (truth, predicted))
        hits = weights @ ((truth[:, np.newaxis] == classes) & hit[:, np.newaxis])
        return np.array([score(*draw) for draw in np.stack((hits, guessed, real), axis=1)])

    return RowStatistic(multiplied) if size <= _MOST_CLASSES else counted


def r_squared(truth: Vector, predicted: Vector) -> Statistic:
    """Coefficient of determination with row weights."""
    centred = np.asarray(truth, dtype=float) - np.mean(truth)  # less cancellation below
    errors = (np.asarray(truth, dtype=float) - np.asarray(predicted, dtype=float)) ** 2

    def statistic(weights: Vector) -> Vector:
        total = weights @ centred**2 - (weights @ centred) ** 2 / weights.sum(axis=1)
        return 1 - _ratio(weights @ errors, total)

    return RowStatistic(statistic)
