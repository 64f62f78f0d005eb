"""How the metrics are computed, from truth and predictions of the same rows.

The function of a metric has the metric's name. It prepares a statistic of row weights
(``core.comparison``): with equal weights that is the figure, with resampled weights its bootstrap.
A new metric is a function here and a row in ``core.metric_facts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.positive_class import quoted
from airflow_mlops.training.core import averages, many_classes
from airflow_mlops.training.core import comparison as compare
from airflow_mlops.training.core.metric_facts import CLASSIFICATION as CLASSIFICATION
from airflow_mlops.training.core.metric_facts import REGRESSION as REGRESSION
from airflow_mlops.training.core.metric_facts import MetricFacts
from airflow_mlops.training.core.metric_facts import facts as facts
from airflow_mlops.training.core.outcome import AS_THEY_ARE as AS_THEY_ARE
from airflow_mlops.training.core.outcome import Outcome as Outcome
from airflow_mlops.training.core.outcome import Prepare as Prepare
from airflow_mlops.training.core.outcome import Scoring as Scoring
from airflow_mlops.training.core.outcome import UndefinedMetric as UndefinedMetric
from airflow_mlops.training.core.outcome import UnknownLabels as UnknownLabels
from airflow_mlops.training.core.outcome import classification as classification
from airflow_mlops.training.core.outcome import comparable as comparable
from airflow_mlops.training.core.outcome import regression as regression

_TINY: Final = float(np.finfo(np.float64).eps)
_TWO: Final = 2
_EXACT_CLASSES: Final = 20
"""With more classes, rankings of resampled rows are computed to first order."""
_OVER_CLASSES: Final = ("f1", "precision", "recall", "jaccard")
_SCORES: Final = (averages.f1, averages.precision, averages.recall, averages.jaccard)


def statistic(name: str, outcome: Outcome) -> compare.Statistic:
    """Prepare the metric ``name`` of ``outcome`` as a function of row weights.

    Rows with a label that the model does not know do not count. Raises ConfigError when the metric does not
    fit the task, or needs probabilities that the model does not give; UndefinedMetric when these rows do
    not define it.
    """
    row = facts(name, outcome.task)
    if row.needs_probability and outcome.probabilities is None:
        raise ConfigError(
            f"metric {name} needs predict_proba, which the estimator lacks: choose accuracy or f1, "
            "or set the estimator's probability option"
        )
    # The function of a metric has its name, and ``facts`` has checked that there is such a metric.
    prepare: Prepare | None = outcome.others.get(name) if row.by else globals()[name]
    if prepare is None:
        raise ConfigError(f"metric {name} is computed by {row.by}, which was not asked to prepare it")
    if not outcome.unknown_rows:
        _check_classes(name, row, outcome)
        return prepare(outcome)
    known = outcome.known
    judged = outcome.part(known)
    _check_classes(name, row, judged)
    prepared = prepare(judged)
    return lambda weights: prepared(weights[known])


def compute(names: Iterable[str], outcome: Outcome) -> dict[str, float]:
    """Return each named metric of ``outcome``; raises what ``statistic`` raises.

    A figure that is not a finite number is an UndefinedMetric.

    >>> outcome = regression([1.0, 2.0, 4.0], [1.0, 3.0, 3.0])
    >>> figures = compute(["mae", "r2"], outcome)
    >>> round(figures["mae"], 3), round(figures["r2"], 3)
    (0.667, 0.571)
    """
    ones = np.ones(outcome.rows)
    found = {name: float(statistic(name, outcome)(ones)) for name in names}
    for name, value in found.items():
        if not np.isfinite(value):
            raise UndefinedMetric(
                f"metric {name} is {value:g} on these {outcome.rows:,} rows, which do not define it: hold "
                "out more rows, or choose another metric"
            )
    return found


def _check_classes(name: str, row: MetricFacts, outcome: Outcome) -> None:
    """Raise UndefinedMetric when the rows lack the classes that a metric is about."""
    if outcome.task != CLASSIFICATION or row.by == "own":
        return
    if row.ranks and len(found := np.unique(outcome.truth)) < _TWO:
        only = f": all are {outcome.classes[found[0]]!r}" if len(found) else ""
        raise UndefinedMetric(
            f"metric {name} needs at least two classes among the {outcome.rows:,} rows, found "
            f"{'one' if len(found) else 'none'}{only}; hold out more rows, or choose accuracy or log_loss"
        )
    if row.of_a_class and outcome.size == _TWO and not (outcome.truth == 1).any():
        raise UndefinedMetric(
            f"metric {name} is about the class {outcome.classes[1]!r}, which none of the {outcome.rows:,} "
            "rows has: hold out more rows, or choose accuracy or log_loss"
        )


def unseen_classes(names: Iterable[str], outcome: Outcome) -> str:
    """Say which classes no row has, and in which averages they count 0; empty when none is missing."""
    absent = outcome.absent_classes if outcome.task == CLASSIFICATION and outcome.size > _TWO else ()
    if not absent:
        return ""
    one = len(absent) == 1
    subject, them = ("the class", "it") if one else ("one of the classes", "them")
    lowered = lowered_averages(names, outcome)
    counts = f", and {'it counts' if one else 'they count'} 0 in {', '.join(lowered)}" if lowered else ""
    return f"no row has {subject} {quoted(absent)}: no figure says anything about {them}{counts}"


def lowered_averages(names: Iterable[str], outcome: Outcome) -> tuple[str, ...]:
    """Return the metrics among ``names`` that cannot reach 1 on these rows, because they lack classes."""
    if outcome.task != CLASSIFICATION or outcome.size <= _TWO or not outcome.absent_classes:
        return ()
    return tuple(name for name in names if name in _OVER_CLASSES or name.endswith("_macro"))


def _each_class(build: Callable[[Any, Any], compare.Statistic], derived: many_classes.Derived) -> Prepare:
    """Two classes: the metric of the positive one. More: the mean over one class against the rest.

    A class without rows has no ranking: it does not count, whatever the model says.
    """

    def prepare(outcome: Outcome) -> compare.Statistic:
        assert outcome.probabilities is not None  # held by ``statistic``
        if outcome.scores is not None:
            return build(outcome.truth == 1, outcome.scores)
        present = np.unique(outcome.truth)
        if len(present) > _EXACT_CLASSES:
            return many_classes.mean_over_classes(outcome.truth, outcome.probabilities, derived)
        parts = [build(outcome.truth == k, outcome.probabilities[:, k]) for k in present]
        return lambda weights: float(np.mean([part(weights) for part in parts]))

    return prepare


def log_loss(outcome: Outcome) -> compare.Statistic:
    """Return the mean negative log of the probability of the true class."""
    assert outcome.probabilities is not None
    chosen = outcome.probabilities[np.arange(outcome.rows), outcome.truth].astype(float)
    return compare.mean(-np.log(np.clip(chosen, _TINY, 1 - _TINY)))


def brier(outcome: Outcome) -> compare.Statistic:
    """Return the mean squared error of the probabilities (Brier 1950), for more classes their sum."""
    assert outcome.probabilities is not None
    if outcome.scores is not None:
        return compare.mean((outcome.scores - outcome.truth) ** 2)
    chosen = outcome.probabilities[np.arange(outcome.rows), outcome.truth].astype(float)
    squares = np.einsum("ij,ij->i", outcome.probabilities, outcome.probabilities, dtype=float)
    return compare.mean(squares - chosen**2 + (1 - chosen) ** 2)


def _negated(prepare: Prepare) -> Prepare:
    return lambda outcome: compare.negated(prepare(outcome))


def _errors(
    loss: Callable[[Any, Any], Any], build: Callable[[Any], compare.Statistic] = compare.mean
) -> Prepare:
    """The mean, or what else ``build`` makes, of a loss of each row."""
    return lambda outcome: build(loss(outcome.truth, outcome.predicted))


def _squares(truth: NDArray[Any], predicted: NDArray[Any]) -> NDArray[Any]:
    squares: NDArray[Any] = (truth - predicted) ** 2
    return squares


roc_auc = roc_auc_ovr = _each_class(compare.ranking_auc, many_classes.area)
average_precision = _each_class(compare.average_precision, many_classes.average_precision)
accuracy = _errors(lambda truth, predicted: truth == predicted)
f1_micro = precision_micro = recall_micro = accuracy  # one label for each row: hits of all predictions
balanced_accuracy = averages.over_rows(averages.recall)
f1, precision, recall, jaccard = map(averages.of_class, _SCORES)
f1_macro, precision_macro, recall_macro, jaccard_macro = map(averages.macro, _SCORES)
f1_weighted, precision_weighted, recall_weighted, jaccard_weighted = map(averages.weighted, _SCORES)
jaccard_micro = averages.jaccard_of_all
matthews_corrcoef = averages.matthews_correlation
neg_log_loss, neg_brier_score = _negated(log_loss), _negated(brier)
rmse = _errors(_squares, compare.root_mean)
mae = _errors(lambda truth, predicted: np.abs(truth - predicted))
mape = _errors(lambda truth, predicted: np.abs(truth - predicted) / np.maximum(np.abs(truth), _TINY))
neg_mean_absolute_error, neg_root_mean_squared_error = _negated(mae), _negated(rmse)
neg_mean_absolute_percentage_error = _negated(mape)
neg_mean_squared_error = _negated(_errors(_squares))


def r2(outcome: Outcome) -> compare.Statistic:
    """Return the coefficient of determination."""
    return compare.r_squared(outcome.truth, outcome.predicted)
