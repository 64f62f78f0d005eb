"""Metrics of predicted classes, from how often each class was right, predicted and there.

All are about the classes that the model knows, never about those that happen to be predicted: two models with
the same classes have the same metric, and a row more or less changes a figure by a row's share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.training.core.comparison import Statistic, confusion
from airflow_mlops.training.core.outcome import Outcome, Prepare

_TWO: Final = 2


@dataclass(frozen=True)
class Counts:
    """Per class: right predictions, predictions, occurrences; each of shape (classes,), in weights."""

    hits: NDArray[Any]
    predicted: NDArray[Any]
    real: NDArray[Any]


Score = Callable[[Counts], NDArray[Any]]
"""Counts to one value for each class, shape (classes,)."""


def f1(counts: Counts) -> NDArray[Any]:
    """Return the harmonic mean of precision and recall, 0 where neither rows nor predictions are."""
    return _ratio(2 * counts.hits, counts.predicted + counts.real)


def precision(counts: Counts) -> NDArray[Any]:
    """Return the share of right predictions, 0 for a class that is never predicted."""
    return _ratio(counts.hits, counts.predicted)


def recall(counts: Counts) -> NDArray[Any]:
    """Return the share of rows that were found, 0 for a class without rows."""
    return _ratio(counts.hits, counts.real)


def jaccard(counts: Counts) -> NDArray[Any]:
    """Return right predictions over rows and predictions together, 0 where neither are."""
    return _ratio(counts.hits, counts.predicted + counts.real - counts.hits)


def of_class(score: Score) -> Prepare:
    """Two classes: the value of the positive one. More: the mean over all of them."""

    def prepare(outcome: Outcome) -> Statistic:
        if outcome.size == _TWO:
            return _of(outcome, lambda counts: score(counts)[1] if counts.real[1] > 0 else np.nan)
        return macro(score)(outcome)

    return prepare


def macro(score: Score) -> Prepare:
    """The mean over all classes of the model; one without rows and predictions counts 0."""
    return lambda outcome: _of(outcome, lambda counts: score(counts).mean())


def weighted(score: Score) -> Prepare:
    """The mean over all classes of the model, each with the weight of its rows."""
    return lambda outcome: _of(outcome, lambda counts: score(counts) @ counts.real / counts.real.sum())


def over_rows(score: Score) -> Prepare:
    """The mean over the classes that have rows, which does not depend on what was predicted."""
    return lambda outcome: _of(outcome, lambda counts: score(counts)[counts.real > 0].mean())


def jaccard_of_all(outcome: Outcome) -> Statistic:
    """Return the Jaccard index of all rows: right ones over rows and predictions together."""
    return _of(outcome, lambda counts: counts.hits.sum() / (2 * counts.real.sum() - counts.hits.sum()))


def matthews_correlation(outcome: Outcome) -> Statistic:
    """Return the correlation of truth and prediction, 0 where one of them is constant.

    Source: Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient (2004).
    """

    def score(counts: Counts) -> float:
        total = counts.real.sum()
        # Each is divided by the total first, so that squares of large weights stay exact enough.
        real, predicted = counts.real / total, counts.predicted / total
        spread = (1 - real @ real) * (1 - predicted @ predicted)
        return float((counts.hits.sum() / total - real @ predicted) / np.sqrt(spread)) if spread > 0 else 0.0

    return _of(outcome, score)


def _of(outcome: Outcome, score: Callable[[Counts], Any]) -> Statistic:
    """Build the statistic; classes that neither occur nor are predicted are counted, as zeros."""

    def padded(found: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([found, np.zeros(outcome.size - len(found))])

    return confusion(
        outcome.truth,
        outcome.predicted,
        lambda hits, predicted, real: float(score(Counts(*map(padded, (hits, predicted, real))))),
    )


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    share: NDArray[Any] = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return share
