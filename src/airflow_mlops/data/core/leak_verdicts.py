"""Whether a column tells the target better than an honest feature does.

Limits are held against chance: a column is suspected when its score is at or above the limit, and when a
feature at the edge of what is honest (AUC 0.98, 95 % of the errors removed, R² 0.98, odds ratio 10) would
reach that in at most 1 of 100 samples of this size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from airflow_mlops.data.core import leak_scores
from airflow_mlops.data.core.leak_scores import Codes, Floats

CHANCE: Final = 0.01
AREA: Final = 0.99
REDUCTION: Final = 0.98
HONEST_REDUCTION: Final = 0.95
EXPLAINED: Final = 0.99
_LEAST_ROWS: Final = 50
_LEAST_OF_A_CLASS: Final = 50
_MANY: Final = 600
_LEAST_REPEATS: Final = 20
_PURE: Final = 0.97
_ODDS: Final = 30.0
_HONEST_ODDS: Final = 10.0
_LEAST_SIDE: Final = 30
_EXACT: Final = 1e-9


@dataclass(frozen=True, eq=False)
class Target:
    """The target of the rows that are looked at: classes (0, 1, …) or numbers, each of shape (rows,).

    ``weights`` are the rows that each row stands for, ``fold`` which of the two folds it is in.
    """

    codes: Codes
    numbers: Floats | None
    weights: Floats
    fold: NDArray[np.bool_]

    @property
    def classes(self) -> int:
        """Number of classes; 0 for numbers."""
        return 0 if self.numbers is not None else int(self.codes.max(initial=-1)) + 1

    @property
    def measure(self) -> str:
        """What a column is scored by, a key of ``MEASURES``."""
        if self.numbers is not None:
            return "r2"
        return "roc_auc" if self.classes == 2 else "error_reduction"


@dataclass(frozen=True, eq=False)
class Column:
    """One feature: a code per row, its values if they are numbers, and where there is a gap."""

    codes: Codes
    values: Floats | None
    missing: NDArray[np.bool_]


@dataclass(frozen=True)
class Gaps:
    """One class among the rows with a value (``present``) or among those without."""

    present: bool
    of_class: int
    share: float
    rows: int


@dataclass(frozen=True)
class Verdict:
    """The score of a column, and of what kind the suspicion is: ``copy``, ``predicts``, ``gaps`` or none."""

    score: float
    kind: str = ""
    gaps: Gaps | None = None


def judge(column: Column, target: Target) -> Verdict:
    """Score one column alone, and say whether it is suspected."""
    if target.numbers is not None:
        return _of_numbers(column, target, target.numbers)
    if target.classes < 2:
        return Verdict(0.0)
    score, beyond = _of_two(column, target) if target.classes == 2 else _of_many(column, target)
    if _is_copy(column.codes, target.codes, target.classes + 1):
        return Verdict(score, "copy")
    gaps = one_sided(column.missing, target.codes, target.weights)
    if beyond and gaps is None:
        return Verdict(score, "predicts")
    return Verdict(score, "gaps" if gaps else "", gaps)


def _of_two(column: Column, target: Target) -> tuple[float, bool]:
    positive = target.codes == 1
    score = leak_scores.ranking(column.codes, positive, target.fold)
    if column.values is not None:
        score = max(score, leak_scores.ordered_ranking(column.values, positive))
    few = int(min(positive.sum(), (~positive).sum()))
    return score, score >= least_area(few)


def least_area(of_rarest: int) -> float:
    """Return the AUC from which a column is suspected, by the rows of the rarer class; above 1 for too few.

    With few rows a feature at the edge of what is honest separates the classes by luck, so that more is
    asked. The limits come from simulation: see ``benchmarks/leaks.py`` for the shares of false alarms.

    >>> [round(least_area(rows), 4) for rows in (49, 50, 100, 200, 1000)]
    [2.0, 1.0, 0.9983, 0.9933, 0.99]
    """
    if of_rarest < _LEAST_OF_A_CLASS:
        return 2.0
    return min(1.0, AREA + max(0.0, 1 / of_rarest - 1 / _MANY))


def _of_many(column: Column, target: Target) -> tuple[float, bool]:
    score, errors = leak_scores.error_reduction(column.codes, target.codes, target.fold)
    without = len(target.codes) - int(np.bincount(target.codes).max())
    by_luck = float(stats.poisson.cdf(errors, (1 - HONEST_REDUCTION) * without))
    return score, score >= REDUCTION and by_luck <= CHANCE


def _of_numbers(column: Column, target: Target, numbers: Floats) -> Verdict:
    if len(numbers) < _LEAST_ROWS or numbers.min() == numbers.max():
        return Verdict(0.0)
    score = max(0.0, leak_scores.explained(column.codes, numbers, target.fold))
    ordered = 0.0 if column.values is None else leak_scores.ordered_explained(column.values, numbers)
    score = max(score, ordered)
    levels = int(target.codes.max()) + 1
    if ordered > 1 - _EXACT or _is_copy(column.codes, target.codes, levels + 1):
        return Verdict(score, "copy")
    # The standard error of log(1 - R²) of two normal variables is 2 over the root of the rows: from 50 rows
    # on, R² 0.98 is measured as 0.99 in less than 1 of 100 samples, so the limit alone is beyond luck.
    return Verdict(score, "predicts" if score >= EXPLAINED else "")


def _is_copy(codes: Codes, target: Codes, most: int) -> bool:
    """Return whether the column is one-to-one with the target, in rows enough for that to mean anything."""
    rows = len(target)
    if rows < _LEAST_ROWS or codes.max() > most:
        return False
    counts = np.bincount(target)
    repeats = rows - int((counts > 0).sum())
    if repeats < _LEAST_REPEATS or rows - int(counts.max()) < _LEAST_REPEATS / 2:
        return False
    return leak_scores.one_to_one(codes, target)


def one_sided(missing: NDArray[np.bool_], classes: Codes, weights: Floats) -> Gaps | None:
    """Return the side, with or without a value, that is nearly all of one class while the other is not.

    The odds against the class must differ at least thirtyfold, and more than tenfold beyond chance (binomial
    test of the errors on the pure side at 1 %).

    :param missing: whether a row has no value, shape (rows,).
    :param classes: the class of each row.
    :param weights: how many rows each row stands for.
    """
    if not missing.any() or missing.all():
        return None
    found = []
    for present in (True, False):
        inside = missing != present
        of_class = int(np.bincount(classes[inside], weights[inside]).argmax())
        share = float(weights[inside & (classes == of_class)].sum() / weights[inside].sum())
        rows, right = int(inside.sum()), int((inside & (classes == of_class)).sum())
        other = int((~inside & (classes == of_class)).sum())
        against = ((~inside).sum() - other + 0.5) / (other + 0.5)
        ratio = against * (right + 0.5) / (rows - right + 0.5)
        honest = against / _HONEST_ODDS
        by_luck = float(stats.binom.cdf(rows - right, rows, honest / (1 + honest)))
        if rows >= _LEAST_SIDE and share >= _PURE and ratio >= _ODDS and by_luck <= CHANCE:
            found.append((ratio, Gaps(present, of_class, share, rows)))
    return max(found, key=lambda item: item[0])[1] if found else None
