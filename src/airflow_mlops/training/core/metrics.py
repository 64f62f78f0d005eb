"""How the metrics are computed, from truth and predictions of the same rows.

The function of a metric has the metric's name. It prepares a statistic of row weights
(``core.comparison``): with equal weights that is the figure, with resampled weights its bootstrap.
A new metric is a function here and a row in ``core.metric_facts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.training.core import comparison as compare
from airflow_mlops.training.core.metric_facts import CLASSIFICATION as CLASSIFICATION
from airflow_mlops.training.core.metric_facts import REGRESSION as REGRESSION
from airflow_mlops.training.core.metric_facts import facts as facts

_TINY: Final = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Outcome:
    """Truth and predictions of the same rows, ready for any metric.

    ``truth`` and ``predicted`` have shape (rows,): class indices (classification) or values (regression).
    ``probabilities`` has shape (rows, classes), or is None for a model without ``predict_proba``.
    """

    task: str
    truth: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: NDArray[Any] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.truth)

    @property
    def scores(self) -> NDArray[Any] | None:
        """Probability of the positive (last) class of a two-class model, else None."""
        two = self.probabilities is not None and self.probabilities.shape[1] == 2
        return self.probabilities[:, 1] if two and self.probabilities is not None else None

    def part(self, mask: NDArray[Any]) -> Outcome:
        """Return the rows where ``mask`` (of shape (rows,)) is true."""
        chosen = None if self.probabilities is None else self.probabilities[mask]
        return Outcome(self.task, self.truth[mask], self.predicted[mask], chosen)


Prepare = Callable[[Outcome], compare.Statistic]


def classification(
    truth: Sequence[Any] | NDArray[Any],
    predicted: Sequence[Any] | NDArray[Any],
    classes: Sequence[Any] | NDArray[Any],
    probabilities: NDArray[Any] | None = None,
    *,
    samples: bool = True,
) -> Outcome:
    """Build the outcome of a classifier from labels; ``classes`` are in the order of ``probabilities``.

    ``probabilities`` of shape (rows,) are those of the second of two classes.
    Without ``samples`` no error names a label.
    Raises DataRejected when a true label is none of the classes that the model knows.
    """
    index = {label: position for position, label in enumerate(np.asarray(classes).tolist())}
    labels = np.asarray(truth).tolist()
    if unknown := sorted({str(label) for label in labels if label not in index}):
        raise DataRejected(
            f"the target has labels that the model was not trained on: {', '.join(unknown[:5])}; "
            f"it knows {', '.join(map(str, index))}"
            if samples
            else f"the target has {len(unknown):,} labels that the model was not trained on; "
            f"it knows {len(index):,}"
        )
    if probabilities is not None and probabilities.ndim == 1:
        probabilities = np.column_stack([1 - probabilities, probabilities])
    return Outcome(
        CLASSIFICATION,
        np.array([index[label] for label in labels], dtype=np.int64),
        np.array([index[label] for label in np.asarray(predicted).tolist()], dtype=np.int64),
        probabilities,
    )


def regression(truth: Sequence[Any] | NDArray[Any], predicted: Sequence[Any] | NDArray[Any]) -> Outcome:
    """Build the outcome of a regressor from true and predicted values."""
    return Outcome(REGRESSION, np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float))


def statistic(name: str, outcome: Outcome) -> compare.Statistic:
    """Prepare the metric ``name`` of ``outcome`` as a function of row weights.

    Raises ConfigError when the metric does not fit the task, or needs probabilities that the model does
    not give; DataRejected when it is undefined on these rows.
    """
    metric = facts(name, outcome.task)
    if metric.needs_probability and outcome.probabilities is None:
        raise ConfigError(
            f"metric {name} needs predict_proba, which the estimator lacks: choose accuracy or f1, "
            "or set the estimator's probability option"
        )
    if metric.needs_probability and len(np.unique(outcome.truth)) < 2:
        raise DataRejected(
            f"metric {name} needs at least two classes among the {outcome.rows} rows, found one"
        )
    # The function of a metric has its name, and ``facts`` has checked that there is such a metric.
    prepare: Prepare = globals()[name]
    return prepare(outcome)


def compute(names: Iterable[str], outcome: Outcome) -> dict[str, float]:
    """Return each named metric of ``outcome``; raises what ``statistic`` raises.

    >>> outcome = regression([1.0, 2.0, 4.0], [1.0, 3.0, 3.0])
    >>> figures = compute(["mae", "r2"], outcome)
    >>> round(figures["mae"], 3), round(figures["r2"], 3)
    (0.667, 0.571)
    """
    ones = np.ones(outcome.rows)
    return {name: float(statistic(name, outcome)(ones)) for name in names}


def _each_class(build: Callable[[Any, Any], compare.Statistic]) -> Prepare:
    """Two classes: the metric of the second one. More: the mean over one class against the rest."""

    def prepare(outcome: Outcome) -> compare.Statistic:
        assert outcome.probabilities is not None  # held by ``statistic``
        if outcome.scores is not None:
            return build(outcome.truth == 1, outcome.scores)
        present = np.unique(outcome.truth)
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
    hot = np.eye(outcome.probabilities.shape[1])[outcome.truth]
    return compare.mean(((outcome.probabilities - hot) ** 2).sum(axis=1))


@dataclass(frozen=True)
class _Counts:
    """Per class: right predictions, predictions, occurrences; each of shape (classes,)."""

    hits: NDArray[Any]
    predicted: NDArray[Any]
    real: NDArray[Any]


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    share: NDArray[Any] = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return share


def _per_class(score: Callable[[_Counts], NDArray[Any]], *, always_mean: bool = False) -> Prepare:
    """Two classes: the value of the second one. More: the mean over the classes that occur."""

    def prepare(outcome: Outcome) -> compare.Statistic:
        two = max(outcome.truth.max(), outcome.predicted.max()) < 2 and not always_mean

        def pick(hits: Any, predicted: Any, real: Any) -> float:
            values = score(_Counts(hits, predicted, real))
            if two:
                return float(values[1]) if len(values) > 1 else 0.0
            return float(values[(real > 0) if always_mean else (real + predicted > 0)].mean())

        return compare.confusion(outcome.truth, outcome.predicted, pick)

    return prepare


def _errors(
    loss: Callable[[Any, Any], Any], build: Callable[[Any], compare.Statistic] = compare.mean
) -> Prepare:
    """The mean, or what else ``build`` makes, of a loss of each row."""
    return lambda outcome: build(loss(outcome.truth, outcome.predicted))


roc_auc = _each_class(compare.ranking_auc)
average_precision = _each_class(compare.average_precision)
accuracy = _errors(lambda truth, predicted: truth == predicted)
balanced_accuracy = _per_class(lambda counts: _ratio(counts.hits, counts.real), always_mean=True)
f1 = _per_class(lambda counts: _ratio(2 * counts.hits, counts.predicted + counts.real))
precision = _per_class(lambda counts: _ratio(counts.hits, counts.predicted))
recall = _per_class(lambda counts: _ratio(counts.hits, counts.real))
rmse = _errors(lambda truth, predicted: (truth - predicted) ** 2, compare.root_mean)
mae = _errors(lambda truth, predicted: np.abs(truth - predicted))
mape = _errors(lambda truth, predicted: np.abs(truth - predicted) / np.maximum(np.abs(truth), _TINY))


def r2(outcome: Outcome) -> compare.Statistic:
    """Return the coefficient of determination."""
    return compare.r_squared(outcome.truth, outcome.predicted)
