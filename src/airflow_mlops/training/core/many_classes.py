"""Rankings averaged over many classes: exact on all rows, to first order on resampled ones.

With 5,000 classes an exact draw of a bootstrap sorts or adds up each row 5,000 times. The derivative of the
figure by the weight of each row (the infinitesimal jackknife: Efron, The Jackknife, the Bootstrap and Other
Resampling Plans, 1982, chapter 6) is computed once, and a draw then costs one product of the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.training.core.comparison import RowStatistic, Statistic

Derived = Callable[[NDArray[Any], NDArray[Any]], tuple[float, NDArray[Any]]]
"""Labels (true for a class) and scores, each of shape (rows,), to the figure and its derivatives by row."""


def mean_over_classes(truth: NDArray[Any], probabilities: NDArray[Any], derived: Derived) -> Statistic:
    """Return the mean of a figure of each class that occurs against the rest.

    ``truth`` are class indices of shape (rows,), ``probabilities`` have shape (rows, classes).
    """
    present = np.unique(truth)
    figures, slopes = [], np.zeros(len(truth))
    for place in present:
        figure, by_row = derived(truth == place, probabilities[:, place])
        figures.append(figure)
        slopes += by_row / len(present)
    value = float(np.mean(figures))

    def of_many(weights: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = value + (weights @ slopes) * (weights.shape[1] / weights.sum(axis=1))
        return found

    return RowStatistic(of_many)


def area(positive: NDArray[Any], scores: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """Return the area under the ROC curve and its derivatives; ties count half."""
    groups, starts, order = _groups(scores)
    labels = positive[order].astype(float)
    up = np.add.reduceat(labels, starts)
    down = np.add.reduceat(1 - labels, starts)
    ups, downs = up.sum(), down.sum()
    worse = ((np.cumsum(down) - down / 2) / downs)[groups]  # share of the others that a row is above
    better = ((ups - np.cumsum(up) + up / 2) / ups)[groups]  # share of the class that a row is below
    figure = float(labels @ worse / ups)
    return figure, _in_rows(np.where(labels > 0, (worse - figure) / ups, (better - figure) / downs), order)


def average_precision(positive: NDArray[Any], scores: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """Return the average precision and its derivatives."""
    groups, starts, order = _groups(-scores)
    labels = positive[order].astype(float)
    hits = np.add.reduceat(labels, starts)
    seen = np.cumsum(np.add.reduceat(np.ones(len(labels)), starts))
    precision = np.cumsum(hits) / seen
    total = hits.sum()
    figure = float(hits @ precision / total)
    # A row changes the precision at its own threshold and at each lower one.
    gained = np.cumsum((hits / seen)[::-1])[::-1][groups]
    lost = np.cumsum((hits * precision / seen)[::-1])[::-1][groups]
    slopes = (labels * (precision[groups] + gained - figure) - lost) / total
    return figure, _in_rows(slopes, order)


def _groups(scores: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the group of equal scores of each row in rising order, where groups start, and the order."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    first = np.concatenate(([True], ranked[1:] != ranked[:-1]))
    return np.cumsum(first) - 1, np.flatnonzero(first), order


def _in_rows(values: NDArray[Any], order: NDArray[Any]) -> NDArray[Any]:
    found = np.empty_like(values)
    found[order] = values
    return found
