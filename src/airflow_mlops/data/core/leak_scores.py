"""How well one column alone tells the target, always on rows that the rule was not made from.

A rule is a table from codes (a column's levels, or bins of its values) to what the target was there. Rows
are in two folds, and each fold is predicted by the table of the other one, so a column that only memorises
rows scores no better than chance.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

BINS: Final = 64
_ROWS_PER_LEVEL: Final = 5

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


def codes_of_numbers(values: Floats) -> Codes:
    """Return levels where values repeat, else bins of equal numbers of rows; gaps are a code of their own.

    :param values: shape (rows,), NaN for a gap.

    >>> codes_of_numbers(np.array([1.0, 1.0, np.nan, 1.0, 1.0, 1.0])).tolist()
    [0, 0, 1, 0, 0, 0]
    """
    known = np.isfinite(values)
    codes = np.zeros(len(values), dtype=np.int64)
    levels = np.unique(values[known])
    if len(levels) * _ROWS_PER_LEVEL <= known.sum():
        codes[known] = np.searchsorted(levels, values[known])
    else:
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, BINS + 1)[1:-1]))
        codes[known] = np.searchsorted(edges, values[known], side="right")
    codes[~known] = codes.max(initial=0) + 1
    return codes


def ranking(codes: Codes, positive: NDArray[np.bool_], fold: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of two classes: the mean over both folds.

    A fold without both classes does not count; 0.5 when neither has them.

    :param codes: one code per row, shape (rows,).
    :param positive: whether a row is of the class in question.
    :param fold: which of the two folds a row is in.
    """
    size = int(codes.max()) + 1
    counts = [
        (
            np.bincount(codes[part & positive], minlength=size),
            np.bincount(codes[part & ~positive], minlength=size),
        )
        for part in (fold, ~fold)
    ]
    found = [
        _area(_shares(*learned), *judged)
        for learned, judged in (counts, counts[::-1])
        if judged[0].any() and judged[1].any()
    ]
    return float(np.mean(found)) if found else 0.5


def _shares(yes: Codes, no: Codes) -> Floats:
    """Return the share of the class per code, one pseudo-row drawn to the overall share."""
    overall = yes.sum() / max(yes.sum() + no.sum(), 1)
    share: Floats = (yes + overall) / (yes + no + 1)
    return share


def _area(scores: Floats, yes: Codes, no: Codes) -> float:
    """Return the area under the curve from counts per code; rows of equal scores count half."""
    _, place = np.unique(scores, return_inverse=True)
    ups, downs = (np.bincount(place, weights=count) for count in (yes, no))
    below = np.cumsum(downs) - downs
    return float((ups * (below + downs / 2)).sum() / (ups.sum() * downs.sum()))


def ordered_ranking(values: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the area under the curve of the values themselves, in whichever direction it is larger.

    Without gaps only: 0.5 when there is one, or when a class is missing.
    """
    ups = int(positive.sum())
    downs = len(values) - ups
    if not ups or not downs or not np.isfinite(values).all():
        return 0.5
    ranks = stats.rankdata(values)
    area = (ranks[positive].sum() - ups * (ups + 1) / 2) / (ups * downs)
    return float(max(area, 1 - area))


def error_reduction(codes: Codes, classes: Codes, fold: NDArray[np.bool_]) -> tuple[float, int]:
    """Return the share of the errors of guessing that knowing the code removes, and how many are left.

    Guessing takes the most frequent class for every row. The share is Goodman and Kruskal's lambda (1954),
    with each fold predicted by the other one.
    """
    errors = 0
    for learn in (fold, ~fold):
        overall = int(np.bincount(classes[learn], minlength=1).argmax())
        best = np.full(int(codes.max()) + 1, overall)
        width = int(classes.max()) + 1
        pairs, counts = np.unique(codes[learn] * width + classes[learn], return_counts=True)
        order = np.argsort(counts, kind="stable")  # the most frequent pair of a code is written last
        best[pairs[order] // width] = pairs[order] % width
        errors += int((best[codes[~learn]] != classes[~learn]).sum())
    without = len(classes) - int(np.bincount(classes).max())
    return (1 - errors / without if without else 0.0), errors


def explained(codes: Codes, target: Floats, fold: NDArray[np.bool_]) -> float:
    """Return the share of the target's variance that its mean per code explains (R²), across the folds."""
    size, guess = int(codes.max()) + 1, np.empty_like(target)
    for learn in (fold, ~fold):
        if not learn.any():
            return 0.0
        rows = np.bincount(codes[learn], minlength=size)
        sums = np.bincount(codes[learn], weights=target[learn], minlength=size)
        means = np.divide(sums, rows, out=np.full(size, target[learn].mean()), where=rows > 0)
        guess[~learn] = means[codes[~learn]]
    spread = float(((target - target.mean()) ** 2).sum())
    return 1 - float(((target - guess) ** 2).sum()) / spread if spread else 0.0


def ordered_explained(values: Floats, target: Floats) -> float:
    """Return the squared rank correlation (Spearman 1904), which no outlier decides; 0 with a gap."""
    if not np.isfinite(values).all() or values.min() == values.max() or target.min() == target.max():
        return 0.0
    first, second = stats.rankdata(values), stats.rankdata(target)
    return float(np.corrcoef(first, second)[0, 1] ** 2)


def one_to_one(codes: Codes, target: Codes) -> bool:
    """Return whether every code stands for one target value and every target value for one code."""
    levels, values = len(np.unique(codes)), len(np.unique(target))
    if levels != values or levels < 2:
        return False
    pairs: Any = codes * (int(target.max()) + 1) + target
    return len(np.unique(pairs)) == levels
