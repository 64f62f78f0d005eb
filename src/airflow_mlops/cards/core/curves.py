"""Curves of two classes: ROC, precision and recall, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MOST_POINTS: Final = 120
BINS: Final = 10

Vector = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Curve:
    """Points from left to right, each of shape (points,)."""

    x: Vector
    y: Vector


@dataclass(frozen=True)
class Bin:
    """Rows of similar predictions: the mean prediction, and what was observed with its 95 % interval."""

    predicted: float
    observed: float
    low: float
    high: float
    rows: int


def roc(positive: Vector, scores: Vector) -> Curve:
    """Return the share found (y) against the share of false alarms (x) over all thresholds.

    :param positive: whether a row is of the class in question, shape (rows,); both must occur.
    :param scores: larger for rows that are more likely of it.
    """
    ups, downs = _cumulated(positive, scores)
    return thinned(Curve(np.r_[0, downs / downs[-1]], np.r_[0, ups / ups[-1]]))


def precision_recall(positive: Vector, scores: Vector) -> Curve:
    """Return the share of alarms that are right (y) against the share found (x) over all thresholds."""
    ups, downs = _cumulated(positive, scores)
    found = ups > 0
    return thinned(Curve((ups / ups[-1])[found], (ups / (ups + downs))[found]))


def _cumulated(positive: Vector, scores: Vector) -> tuple[Vector, Vector]:
    """Return the rows of both classes at or above each distinct score, from the highest one down."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])
    ups = np.cumsum(positive[order].astype(np.int64))[last]
    return ups, last + 1 - ups


def thinned(curve: Curve, most: int = MOST_POINTS) -> Curve:
    """Return a curve of few points that lies on the given one, closer together where it turns."""
    if len(curve.x) <= most:
        return curve
    length = np.r_[0, np.cumsum(np.abs(np.diff(curve.x)) + np.abs(np.diff(curve.y)))]
    places = np.unique(np.searchsorted(length, np.linspace(0, length[-1], most)))
    return Curve(curve.x[places], curve.y[places])


def share_interval(hits: int, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share (1927).

    >>> [round(end, 3) for end in share_interval(8, 10)]
    [0.49, 0.943]
    """
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share = hits / rows
    middle = share + z**2 / (2 * rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    scale = 1 + z**2 / rows
    return float((middle - half) / scale), float((middle + half) / scale)


def _groups(scores: Vector, most: int) -> list[Vector]:
    """Return the rows of groups of about equal size; equal scores stay together."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    places = np.linspace(0, len(scores), most + 1)[1:-1].astype(int)
    # A cut amid equal scores moves to their nearer end, so that many of one score leave the others a group.
    first, after = (np.searchsorted(ranked, ranked[places], side=side) for side in ("left", "right"))
    starts = np.unique(np.where(places - first <= after - places, first, after))
    return [part for part in np.split(order, starts) if len(part)]


def calibration(positive: Vector, scores: Vector, most: int = BINS) -> tuple[Bin, ...]:
    """Return the observed share of the class in up to ``most`` groups of rows with similar probabilities."""
    found = []
    for rows in _groups(scores, most):
        hits = int(positive[rows].sum())
        low, high = share_interval(hits, len(rows))
        found.append(Bin(float(scores[rows].mean()), hits / len(rows), low, high, len(rows)))
    return tuple(found)


def mean_by_prediction(truth: Vector, predicted: Vector, most: int = BINS) -> tuple[Bin, ...]:
    """Return the observed mean in up to ``most`` groups of rows with similar predictions."""
    found = []
    for rows in _groups(predicted, most):
        mean = float(truth[rows].mean())
        half = 1.96 * float(truth[rows].std(ddof=1)) / np.sqrt(len(rows)) if len(rows) > 1 else float("nan")
        found.append(Bin(float(predicted[rows].mean()), mean, mean - half, mean + half, len(rows)))
    return tuple(found)


def worst(bins: tuple[Bin, ...]) -> Bin | None:
    """Return the group whose prediction lies furthest from its observation, where that is beyond chance.

    Each group is held against an interval so wide that all of them together would miss a calibrated model in
    5 of 100 cases (Bonferroni).
    """
    if not bins:
        return None
    wider = float(stats.norm.ppf(1 - 0.025 / len(bins)) / stats.norm.ppf(0.975))
    beyond = []
    for item in bins:
        low = item.observed - (item.observed - item.low) * wider
        high = item.observed + (item.high - item.observed) * wider
        if not low <= item.predicted <= high and np.isfinite([low, high]).all():
            beyond.append(item)
    return max(beyond, key=lambda item: abs(item.predicted - item.observed), default=None)
