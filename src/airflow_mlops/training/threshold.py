"""The decision threshold of a two-class model, as scikit-learn's own wrapper around the estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from airflow_mlops.config.models import Threshold
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.positive_class import positive_place, quoted
from airflow_mlops.training.core.metric_facts import facts

_TWO: Final = 2
_FUNCTIONS: Final = {
    "accuracy": "accuracy_score",
    "balanced_accuracy": "balanced_accuracy_score",
    "matthews_corrcoef": "matthews_corrcoef",
    "f1": "f1_score",
    "precision": "precision_score",
    "recall": "recall_score",
    "jaccard": "jaccard_score",
}
_AVERAGES: Final = ("macro", "micro", "weighted")


def with_threshold(
    estimator: Any, section: Threshold | None, classes: Sequence[Any], positive: Any = None
) -> Any:
    """Return the estimator with its decision threshold, or as it is without ``train.threshold``.

    A number is used as it is; a metric chooses among out-of-fold probabilities of the rows that the result is
    fitted on (``TunedThresholdClassifierCV``), which fits the estimator once for each fold and once more.
    ``classes`` are the labels of the target. Raises ConfigError unless there are two of them and the
    estimator has ``predict_proba``.
    """
    if section is None:
        return estimator
    from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

    place = positive_place(classes, positive)
    if place is None:
        raise ConfigError(
            f"train.threshold is for two classes, but the target has {len(classes):,} ({quoted(classes)}): "
            "remove it"
        )
    if not hasattr(estimator, "predict_proba"):
        raise ConfigError(
            f"train.threshold needs predict_proba, which {type(estimator).__name__} does not have: "
            "remove it, or choose another estimator"
        )
    shared = {"response_method": "predict_proba"}
    if section.value is not None:
        return FixedThresholdClassifier(
            estimator, threshold=section.value, pos_label=classes[place], **shared
        )
    return TunedThresholdClassifierCV(
        estimator, scoring=_scorer(section.metric or "", classes[place]), cv=section.cv, **shared
    )


def chosen(estimator: Any, section: Threshold | None, positive: Any = None) -> float | None:
    """Return from which probability of the positive class a fitted estimator predicts it; None by default.

    ``section`` and ``positive`` are those that ``with_threshold`` got.
    """
    if section is None or section.value is not None:
        return section.value if section else None
    found = float(estimator.best_threshold_)
    # A metric that is not about one class chooses the probability of the last one.
    flipped = positive_place(list(estimator.classes_), positive) == 0
    return 1 - found if flipped and not facts(section.metric or "").of_a_class else found


def without_threshold(estimator: Any) -> Any:
    """Return the estimator inside the wrapper of ``with_threshold``."""
    wrapped = type(estimator).__name__ in ("FixedThresholdClassifier", "TunedThresholdClassifierCV")
    return estimator.estimator if wrapped else estimator


def _scorer(metric: str, positive: Any) -> Any:
    """Return a scorer from functions of scikit-learn alone, so that a logged model needs nothing else."""
    from sklearn import metrics as library

    name, _, average = metric.rpartition("_")
    if average not in _AVERAGES:
        name, average = metric, ""
    options: dict[str, Any] = {}
    if name in ("f1", "precision", "recall", "jaccard"):
        about = {"average": average, "pos_label": None} if average else {"pos_label": positive}
        options = {**about, "zero_division": 0}
    return library.make_scorer(getattr(library, _FUNCTIONS[name]), **options)
