"""The metrics that a pipeline file can name: task, direction, what they need, how they are computed.

Each metric is a function of truth and predictions that returns a statistic of row weights
(``core.compare``): with equal weights it is the figure, with resampled weights its bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.training.core import comparison as compare
from airflow_mlops.training.core.metric_facts import CLASSIFICATION as CLASSIFICATION
from airflow_mlops.training.core.metric_facts import METRIC_FACTS, facts
from airflow_mlops.training.core.metric_facts import REGRESSION as REGRESSION

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


@dataclass(frozen=True)
class Metric:
    """One row of the table."""

    task: str
    larger_is_better: bool
    needs_probability: bool
    prepare: Callable[[Outcome], compare.Statistic]


def classification(
    truth: Sequence[Any] | NDArray[Any],
    predicted: Sequence[Any] | NDArray[Any],
    classes: Sequence[Any] | NDArray[Any],
    probabilities: NDArray[Any] | None = None,
) -> Outcome:
    """Build the outcome of a classifier from labels; ``classes`` are in the order of ``probabilities``.

    ``probabilities`` of shape (rows,) are those of the second of two classes.
    Raises DataRejected when a true label is none of the classes that the model knows.
    """
    index = {label: position for position, label in enumerate(np.asarray(classes).tolist())}
    labels = np.asarray(truth).tolist()
    if unknown := sorted({str(label) for label in labels if label not in index}):
        raise DataRejected(
            f"the target has labels that the model was not trained on: {', '.join(unknown[:5])}; "
            f"it knows {', '.join(map(str, index))}"
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


def find(name: str, task: str | None = None) -> Metric:
    """Return the metric ``name``.

    Raises ConfigError with the nearest known name, or when the metric belongs to the other task.
    """
    facts(name)
    metric = METRICS[name]
    if task is not None and metric.task != task:
        others = ", ".join(other for other, row in METRICS.items() if row.task == task)
        raise ConfigError(
            f"metric {name} is for {metric.task}, but the estimator does {task}: choose from {others}"
        )
    return metric


def statistic(name: str, outcome: Outcome) -> compare.Statistic:
    """Prepare the metric ``name`` of ``outcome`` as a function of row weights.

    Raises ConfigError when the metric does not fit the task, or needs probabilities that the model does
    not give; DataRejected when it is undefined on these rows.
    """
    metric = find(name, outcome.task)
    if metric.needs_probability and outcome.probabilities is None:
        raise ConfigError(
            f"metric {name} needs predict_proba, which the estimator lacks: choose accuracy or f1, "
            "or set the estimator's probability option"
        )
    if metric.needs_probability and len(np.unique(outcome.truth)) < 2:
        raise DataRejected(
            f"metric {name} needs at least two classes among the {outcome.rows} rows, found one"
        )
    return metric.prepare(outcome)


def compute(names: Iterable[str], outcome: Outcome) -> dict[str, float]:
    """Return each named metric of ``outcome``; raises what ``statistic`` raises."""
    ones = np.ones(outcome.rows)
    return {name: float(statistic(name, outcome)(ones)) for name in names}


def _each_class(build: Callable[[Any, Any], compare.Statistic]) -> Callable[[Outcome], compare.Statistic]:
    """Two classes: the metric of the second one. More: the mean over one class against the rest."""

    def prepare(outcome: Outcome) -> compare.Statistic:
        assert outcome.probabilities is not None  # held by ``statistic``
        if outcome.scores is not None:
            return build(outcome.truth == 1, outcome.scores)
        present = np.unique(outcome.truth)
        parts = [build(outcome.truth == k, outcome.probabilities[:, k]) for k in present]
        return lambda weights: float(np.mean([part(weights) for part in parts]))

    return prepare


def _log_loss(outcome: Outcome) -> compare.Statistic:
    assert outcome.probabilities is not None
    chosen = outcome.probabilities[np.arange(outcome.rows), outcome.truth].astype(float)
    return compare.mean(-np.log(np.clip(chosen, _TINY, 1 - _TINY)))


def _brier(outcome: Outcome) -> compare.Statistic:
    assert outcome.probabilities is not None
    if outcome.scores is not None:
        return compare.mean((outcome.scores - outcome.truth) ** 2)
    hot = np.eye(outcome.probabilities.shape[1])[outcome.truth]
    return compare.mean(((outcome.probabilities - hot) ** 2).sum(axis=1))


@dataclass(frozen=True)
class _Counts:
    """Per class: right predictions, predictions, occurrences; each of shape (classes,)."""

    hits: NDArray[Any]
    said: NDArray[Any]
    real: NDArray[Any]


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    share: NDArray[Any] = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return share


def _per_class(
    score: Callable[[_Counts], NDArray[Any]], *, always_mean: bool = False
) -> Callable[[Outcome], compare.Statistic]:
    """Two classes: the value of the second one. More: the mean over the classes that occur."""

    def prepare(outcome: Outcome) -> compare.Statistic:
        two = max(outcome.truth.max(), outcome.predicted.max()) < 2 and not always_mean

        def pick(hits: Any, said: Any, real: Any) -> float:
            values = score(_Counts(hits, said, real))
            if two:
                return float(values[1]) if len(values) > 1 else 0.0
            return float(values[(real > 0) if always_mean else (real + said > 0)].mean())

        return compare.confusion(outcome.truth, outcome.predicted, pick)

    return prepare


def _errors(loss: Callable[[Any, Any], Any], build: Callable[[Any], compare.Statistic] = compare.mean) -> Any:
    return lambda outcome: build(loss(outcome.truth, outcome.predicted))


_PREPARE: Final[Mapping[str, Callable[[Outcome], compare.Statistic]]] = {
    "roc_auc": _each_class(compare.ranking_auc),
    "average_precision": _each_class(compare.average_precision),
    "log_loss": _log_loss,
    "brier": _brier,
    "accuracy": _errors(lambda y, p: y == p),
    "balanced_accuracy": _per_class(lambda c: _ratio(c.hits, c.real), always_mean=True),
    "f1": _per_class(lambda c: _ratio(2 * c.hits, c.said + c.real)),
    "precision": _per_class(lambda c: _ratio(c.hits, c.said)),
    "recall": _per_class(lambda c: _ratio(c.hits, c.real)),
    "rmse": _errors(lambda y, p: (y - p) ** 2, compare.root_mean),
    "mae": _errors(lambda y, p: np.abs(y - p)),
    "mape": _errors(lambda y, p: np.abs(y - p) / np.maximum(np.abs(y), _TINY)),
    "r2": lambda o: compare.r_squared(o.truth, o.predicted),
}
METRICS: Final[Mapping[str, Metric]] = {
    name: Metric(row.task, row.larger_is_better, row.needs_probability, _PREPARE[name])
    for name, row in METRIC_FACTS.items()
}
