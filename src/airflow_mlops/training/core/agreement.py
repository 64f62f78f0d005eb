"""How far two models agree on the same rows, and what about it is striking.

The registered model has learned the rows of the hold-out, its judged twin has not. So they may differ, by
what these rows taught. They must not differ as if they knew nothing of each other, and the model that has
learned the rows must not answer them worse than the one that has not.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.records import Agreement

_MUCH: Final = 0.9
"""Share of equal labels from which on nothing is said."""
_KAPPA: Final = 0.2
"""Cohen's kappa below which agreement is called slight at most (Landis and Koch, Biometrics 33, 1977)."""
_CORRELATION: Final = 0.3
_LOST_SHARE: Final = 0.05
_LOST_ERROR: Final = 1.1

Values = NDArray[Any]


def agreement(
    judged: Values, registered: Values, scores: tuple[Values, Values] | None = None, *, numbers: bool
) -> Agreement:
    """Return how far two models agree.

    ``judged`` and ``registered`` are their answers to the same rows, each of shape (rows,): labels, or with
    ``numbers`` predicted numbers. ``scores`` are those of classifiers that have one per row.

    >>> str(agreement(np.array(["a", "b"]), np.array(["a", "a"]), numbers=False))
    '50.0 % equal labels'
    """
    pair = (judged, registered) if numbers else scores
    equal = None if numbers else float((judged == registered).mean())
    if pair is None:
        return Agreement(len(judged), equal)
    one, other = (np.asarray(values, dtype=float) for values in pair)
    return Agreement(len(judged), equal, _correlation(one, other), float(np.abs(one - other).mean()))


def caution(found: Agreement, judged: Values, registered: Values, truth: Values, *, numbers: bool) -> str:
    """Return what is striking about an agreement, as a sentence; empty for nothing.

    ``truth`` has the labels of the rows. Striking is an agreement like that of strangers (kappa below 0.2 and
    fewer than 90 % equal labels; a correlation below 0.3), and a model that answers the rows that it has
    learned worse than the one that has not (5 points fewer labels right; an absolute error 10 % larger).
    """
    lost = _lost_numbers(judged, registered, truth) if numbers else _lost_labels(judged, registered, truth)
    parts = []
    if _like_strangers(found, judged, registered, numbers=numbers):
        parts.append(f"the registered model hardly agrees with the judged one ({found})")
    if lost:
        parts.append(lost)
    if not parts:
        return ""
    return f"{'; '.join(parts)}: compare the two before it is deployed"


def _like_strangers(found: Agreement, judged: Values, registered: Values, *, numbers: bool) -> bool:
    if numbers:
        return found.correlation is not None and found.correlation < _CORRELATION
    return found.equal is not None and found.equal < _MUCH and _kappa(judged, registered) < _KAPPA


def _correlation(one: Values, other: Values) -> float | None:
    """Return Pearson's correlation; None where one side has a single value."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _kappa(one: Values, other: Values) -> float:
    """Return Cohen's kappa (Educational and Psychological Measurement 20, 1960): agreement beyond chance."""
    labels = np.unique(np.concatenate([one, other]))
    shares = [np.array([(side == label).mean() for label in labels]) for side in (one, other)]
    chance = float(shares[0] @ shares[1])
    return 1.0 if chance == 1.0 else (float((one == other).mean()) - chance) / (1 - chance)


def _lost_labels(judged: Values, registered: Values, truth: Values) -> str:
    before, after = (float((_as_objects(side) == _as_objects(truth)).mean()) for side in (judged, registered))
    if before - after <= _LOST_SHARE:
        return ""
    return (
        f"the registered model is right about {100 * after:.1f} % of the hold-out, which it has learned, the "
        f"judged one, which has not, about {100 * before:.1f} %"
    )


def _as_objects(values: Values) -> Values:
    """Return labels so that those of two types can be compared: 1 and True are equal, 1 and "1" are not."""
    return np.asarray(values, dtype=object)


def _lost_numbers(judged: Values, registered: Values, truth: Values) -> str:
    before, after = (float(np.abs(side - truth).mean()) for side in (judged, registered))
    if after <= _LOST_ERROR * before:
        return ""
    return (
        f"the registered model's mean absolute error on the hold-out, which it has learned, is {after:.4g}, "
        f"that of the judged one, which has not, {before:.4g}"
    )
