"""Truth and predictions of the same rows, ready for any metric; what cannot be judged is refused here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.positive_class import positive_place, quoted
from airflow_mlops.training.core.comparison import Statistic
from airflow_mlops.training.core.metric_facts import CLASSIFICATION, REGRESSION

UNKNOWN: Final = -1
"""The class index of a true label that the model was not trained on."""
_ROUNDING: Final = 1e-6
_SHOWN: Final = 5
_TWO: Final = 2


class UndefinedMetric(DataRejected):
    """A metric that these rows do not define, such as the recall of a class without rows."""


class UnknownLabels(DataRejected):
    """More rows than allowed have a label that the model was not trained on."""


@dataclass(frozen=True)
class Outcome:
    """Truth and predictions of the same rows, ready for any metric.

    ``truth`` and ``predicted`` have shape (rows,): class indices (classification) or values (regression).
    ``probabilities`` has shape (rows, classes), or is None for a model without ``predict_proba``.
    ``classes`` are the labels of the model; of two classes the positive one is the last, whatever order the
    model has. A true label that the model does not know has the index -1, and no metric counts the row.
    ``others`` prepares the metrics that ``core.metrics`` has no function for; ``unknown_labels`` names the
    first labels that the model does not know.
    """

    task: str
    truth: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: NDArray[Any] | None = None
    classes: tuple[Any, ...] = ()
    others: Mapping[str, Prepare] = field(default_factory=dict)
    unknown_labels: str = ""

    @property
    def rows(self) -> int:
        """Number of rows, those with an unknown label included."""
        return len(self.truth)

    @property
    def size(self) -> int:
        """Number of classes that the model knows, whatever was predicted or is there."""
        return len(self.classes)

    @property
    def scores(self) -> NDArray[Any] | None:
        """Probability of the positive (last) class of a two-class model, else None."""
        two = self.probabilities is not None and self.probabilities.shape[1] == _TWO
        return self.probabilities[:, 1] if two and self.probabilities is not None else None

    @property
    def known(self) -> NDArray[Any]:
        """Which rows have a label that the model knows, shape (rows,)."""
        return self.truth != UNKNOWN if self.task == CLASSIFICATION else np.ones(self.rows, dtype=bool)

    @property
    def unknown_rows(self) -> int:
        """Number of rows whose label the model was not trained on."""
        return int(np.count_nonzero(~self.known))

    @property
    def absent_classes(self) -> tuple[Any, ...]:
        """The classes that no row has: no figure says anything about them."""
        present = set(np.unique(self.truth).tolist())
        return tuple(label for place, label in enumerate(self.classes) if place not in present)

    @property
    def scoring(self) -> Scoring:
        """How other rows of the same model are scored in the same way."""
        positive = self.classes[1] if self.size == _TWO else None
        return Scoring(positive, 1.0, self.others, samples=False)

    def part(self, mask: NDArray[Any]) -> Outcome:
        """Return the rows where ``mask`` (of shape (rows,)) is true."""
        chosen = None if self.probabilities is None else self.probabilities[mask]
        return replace(self, truth=self.truth[mask], predicted=self.predicted[mask], probabilities=chosen)


@dataclass(frozen=True)
class Scoring:
    """How the rows of a pipeline are scored.

    ``positive`` is the declared positive class of two, ``max_unknown`` the largest share of rows with
    labels that the model was not trained on, ``others`` prepares metrics that are not computed here;
    without ``samples`` no message quotes a label.
    """

    positive: Any = None
    max_unknown: float = 0.0
    others: Mapping[str, Prepare] = field(default_factory=dict)
    samples: bool = True


Prepare = Callable[[Outcome], Statistic]
"""Makes a metric of an outcome a function of row weights."""
AS_THEY_ARE: Final = Scoring()
"""The last of two classes is the positive one, and each label must be known."""


def classification(
    truth: Sequence[Any] | NDArray[Any],
    predicted: Sequence[Any] | NDArray[Any],
    classes: Sequence[Any] | NDArray[Any],
    probabilities: NDArray[Any] | None = None,
    scoring: Scoring = AS_THEY_ARE,
) -> Outcome:
    """Build the outcome of a classifier from labels; ``classes`` are in the order of ``probabilities``.

    ``probabilities`` of shape (rows,) are those of the positive class of two. Raises DataRejected for more
    rows with unknown labels than ``scoring.max_unknown`` and for probabilities that are none, ConfigError
    for a positive class that is none of ``classes``.
    """
    known = np.asarray(classes).tolist()
    flipped = positive_place(known, scoring.positive) == 0
    order = tuple(reversed(known)) if flipped else tuple(known)
    index = {label: position for position, label in enumerate(order)}
    labels = np.asarray(truth).tolist()
    codes = _coded(np.asarray(truth), labels, index)
    _check_unknown(labels, codes, order, scoring)
    return Outcome(
        CLASSIFICATION,
        codes,
        _predicted(np.asarray(predicted), index),
        None if probabilities is None else _checked(probabilities, len(order), flipped=flipped),
        order,
        scoring.others,
        _named(labels, codes) if scoring.samples else "",
    )


def _coded(values: NDArray[Any], labels: Sequence[Any], index: Mapping[Any, int]) -> NDArray[np.int64]:
    """Return the place of each label, UNKNOWN for one that has none."""
    known = np.asarray(list(index))
    if values.ndim != 1 or not known.size or {values.dtype.kind, known.dtype.kind} - set("bi"):
        return np.array([index.get(label, UNKNOWN) for label in labels], dtype=np.int64)
    rising = np.argsort(known)
    at = rising[np.minimum(np.searchsorted(known[rising], values), known.size - 1)]
    places = np.array(list(index.values()), dtype=np.int64)
    return np.where(known[at] == values, places[at], UNKNOWN)


def regression(
    truth: Sequence[Any] | NDArray[Any],
    predicted: Sequence[Any] | NDArray[Any],
    scoring: Scoring = AS_THEY_ARE,
) -> Outcome:
    """Build the outcome of a regressor from true and predicted values.

    Raises DataRejected with the rows where a value is not a finite number.
    """
    values = np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float)
    if (bad := ~np.isfinite(values[0])).any():
        raise DataRejected(f"the target is not a finite number in {rows_in(bad)}: leave these rows out")
    if (bad := ~np.isfinite(values[1])).any():
        raise DataRejected(
            f"the model predicts no finite number for {rows_in(bad)}: it has diverged, or its features have "
            "values that it cannot take; scale them, or make its steps smaller"
        )
    return Outcome(REGRESSION, *values, others=scoring.others)


def comparable(first: Outcome, second: Outcome) -> tuple[Outcome, Outcome]:
    """Return two outcomes of the same rows that count the same rows and average over the same classes.

    Rows whose label one of the models does not know do not count for either; a class that only one
    of them knows is a class of both, with the probability 0.
    """
    if first.task != CLASSIFICATION or second.task != CLASSIFICATION:
        return first, second
    both = first.known & second.known
    order = tuple(dict.fromkeys((*first.classes, *second.classes)))
    return _recoded(first, order, both), _recoded(second, order, both)


def _recoded(outcome: Outcome, order: tuple[Any, ...], counts: NDArray[Any]) -> Outcome:
    """Return an outcome with the classes ``order``, in which only the rows of a mask have a label."""
    truth, predicted, chances = outcome.truth, outcome.predicted, outcome.probabilities
    if outcome.classes != order:
        index = {label: place for place, label in enumerate(order)}
        places = np.array([index[label] for label in outcome.classes], dtype=np.int64)
        truth, predicted = places[truth], places[predicted]
        if chances is not None:
            wide = np.zeros((len(chances), len(order)))
            wide[:, places] = chances
            chances = wide
    truth = np.where(counts, truth, UNKNOWN)
    return replace(outcome, truth=truth, predicted=predicted, probabilities=chances, classes=order)


def _check_unknown(
    labels: Sequence[Any], codes: NDArray[Any], classes: Sequence[Any], scoring: Scoring
) -> None:
    missing = np.flatnonzero(codes == UNKNOWN)
    if not len(labels):
        raise UndefinedMetric("there is no row to judge: hold out more rows")
    if missing.size <= scoring.max_unknown * len(labels) and missing.size < len(labels):
        return
    limit = f", data.max_unknown_labels allows {scoring.max_unknown:g} of them" if scoring.max_unknown else ""
    found = f": {_named(labels, codes)}" if scoring.samples else ""
    raise UnknownLabels(
        f"the target has labels that the model was not trained on{found} in {missing.size:,} of "
        f"{len(labels):,} rows{limit}; it knows {quoted(classes)}; correct "
        "the labels, or train on rows that have them"
    )


def _named(labels: Sequence[Any], codes: NDArray[Any]) -> str:
    """Return the first of the labels whose class index is -1, as text."""
    found = sorted({str(labels[row]) for row in np.flatnonzero(codes == UNKNOWN).tolist()})
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return f"{', '.join(found[:_SHOWN])}{more}"


def _predicted(predicted: NDArray[Any], index: Mapping[Any, int]) -> NDArray[Any]:
    labels = predicted.tolist()
    found = _coded(predicted, labels, index)
    if (unknown := np.flatnonzero(found == UNKNOWN)).size:
        raise ConfigError(
            f"the model predicts {labels[unknown[0]]!r}, which is none of its classes_ "
            f"({quoted(list(index))})"
        )
    return found


def _checked(probabilities: NDArray[Any], classes: int, *, flipped: bool) -> NDArray[Any]:
    """Return probabilities of shape (rows, classes) in the order of the outcome's classes."""
    values = np.asarray(probabilities)
    if values.ndim == 1:
        values = np.column_stack([1 - values, values])
    elif flipped:
        values = values[:, ::-1]
    if values.ndim != _TWO or values.shape[1] != classes:
        raise ConfigError(
            f"predict_proba gives an array of shape {values.shape}, but the model has {classes:,} classes"
        )
    with np.errstate(invalid="ignore"):
        bad = np.asarray(~((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)).all(axis=1))
    if bad.any():
        first = values[np.flatnonzero(bad)[0]][:_SHOWN]
        found = ", ".join(f"{value:.4g}" for value in first.tolist())
        raise DataRejected(
            f"the model's probabilities are not between 0 and 1 for {rows_in(bad)} (the first: {found}): it "
            "has diverged, or predict_proba gives something else"
        )
    return values


def rows_in(bad: NDArray[Any]) -> str:
    """Say how many rows are bad, and which come first, counted from 0."""
    places = np.flatnonzero(bad)
    shown = ", ".join(str(place) for place in places[:_SHOWN].tolist())
    more = ", …" if places.size > _SHOWN else ""
    return f"{places.size:,} of {bad.size:,} rows ({'row' if places.size == 1 else 'rows'} {shown}{more})"
