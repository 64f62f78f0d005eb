"""The metrics that a pipeline file can name: one row each, with task, direction, needs and range.

``core.metrics`` has the function that computes a metric, under the metric's name; rows with ``by`` are
computed elsewhere (``training.scorers``). This table loads nothing heavy: every DAG file that is parsed
reads it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

CLASSIFICATION: Final = "classification"
REGRESSION: Final = "regression"
ANY_TASK: Final = ""
SCIKIT_LEARN: Final = "scikit-learn"
OWN: Final = "own"
ARGUMENT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "truth": ("truth", "y_true"),
    "predicted": ("predicted", "y_pred"),
    "scores": ("scores", "y_score", "y_prob"),
    "probabilities": ("probabilities", "y_proba"),
    "sample_weight": ("sample_weight", "weights"),
    "classes": ("classes", "labels"),
}
"""What a metric of a user's own can be called with, and the names of parameters that get it."""
METRIC_ARGUMENTS: Final = tuple(name for names in ARGUMENT_NAMES.values() for name in names)
_OWN_NAME: Final = re.compile(r"(max|min) ([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*)")
_DOTTED: Final = re.compile(r"[A-Za-z_][\w.]*[.:][A-Za-z_]\w*")
OWN_PATTERN: Final = f"^{_OWN_NAME.pattern}$"
"""A metric of a user's own, as JSON Schema: its direction and its dotted path."""


@dataclass(frozen=True)
class MetricFacts:
    """What is known about a metric without computing it; ``low`` and ``high`` bound its values.

    With ``of_a_class`` the figure of a two-class model is another one when the classes change places.
    ``ranks``: it compares rows of different classes, and is undefined on rows of one. ``by`` is who computes
    it: nobody else, scikit-learn, or a user's own function. One that is ``by_class`` does not depend on how
    frequent the classes are, so that the bootstrap of a comparison keeps the number of rows of each class.
    """

    task: str
    larger_is_better: bool
    needs_probability: bool
    low: float = 0.0
    high: float = 1.0
    of_a_class: bool = False
    ranks: bool = False
    by: str = ""
    by_class: bool = False


def _class(
    low: float = 0.0, high: float = 1.0, *, of_a_class: bool = False, by: str = "", by_class: bool = False
) -> MetricFacts:
    return MetricFacts(CLASSIFICATION, True, False, low, high, of_a_class, by=by, by_class=by_class)


def _chance(
    low: float = 0.0, high: float = 1.0, *, by: str = "", ranks: bool = False, by_class: bool = False
) -> MetricFacts:
    return MetricFacts(CLASSIFICATION, True, True, low, high, ranks=ranks, by=by, by_class=by_class)


def _error(*, by: str = "") -> MetricFacts:
    return MetricFacts(REGRESSION, True, False, -math.inf, 0.0, by=by)


METRIC_FACTS: Final[Mapping[str, MetricFacts]] = {
    "roc_auc": _chance(ranks=True, by_class=True),
    "average_precision": MetricFacts(CLASSIFICATION, True, True, of_a_class=True, ranks=True),
    "log_loss": MetricFacts(CLASSIFICATION, False, True, high=math.inf),
    "brier": MetricFacts(CLASSIFICATION, False, True, high=2.0),
    "accuracy": _class(),
    "balanced_accuracy": _class(by_class=True),
    "f1": _class(of_a_class=True),
    "precision": _class(of_a_class=True),
    "recall": _class(of_a_class=True),
    "rmse": MetricFacts(REGRESSION, False, False, high=math.inf),
    "mae": MetricFacts(REGRESSION, False, False, high=math.inf),
    "mape": MetricFacts(REGRESSION, False, False, high=math.inf),
    "r2": MetricFacts(REGRESSION, True, False, low=-math.inf),
    # The other names of scikit-learn's scorers; larger values are better for each of them.
    "jaccard": _class(of_a_class=True),
    "f1_macro": _class(),
    "f1_micro": _class(),
    "f1_weighted": _class(),
    "precision_macro": _class(),
    "precision_micro": _class(),
    "precision_weighted": _class(),
    "recall_macro": _class(by_class=True),
    "recall_micro": _class(),
    "recall_weighted": _class(),
    "jaccard_macro": _class(),
    "jaccard_micro": _class(),
    "jaccard_weighted": _class(),
    "matthews_corrcoef": _class(-1.0),
    "neg_log_loss": _chance(-math.inf, 0.0),
    "neg_brier_score": _chance(-2.0, 0.0),
    "roc_auc_ovr": _chance(ranks=True, by_class=True),
    "roc_auc_ovr_weighted": _chance(by=SCIKIT_LEARN, ranks=True),
    "roc_auc_ovo": _chance(by=SCIKIT_LEARN, ranks=True),
    "roc_auc_ovo_weighted": _chance(by=SCIKIT_LEARN, ranks=True),
    "top_k_accuracy": _chance(by=SCIKIT_LEARN),
    "d2_log_loss_score": _chance(-math.inf, by=SCIKIT_LEARN, ranks=True),
    "d2_brier_score": _chance(-math.inf, by=SCIKIT_LEARN, ranks=True),
    "positive_likelihood_ratio": _class(0.0, math.inf, of_a_class=True, by=SCIKIT_LEARN),
    "neg_negative_likelihood_ratio": _class(-math.inf, 0.0, of_a_class=True, by=SCIKIT_LEARN),
    "adjusted_mutual_info_score": _class(-1.0, by=SCIKIT_LEARN),
    "adjusted_rand_score": _class(-1.0, by=SCIKIT_LEARN),
    "completeness_score": _class(by=SCIKIT_LEARN),
    "fowlkes_mallows_score": _class(by=SCIKIT_LEARN),
    "homogeneity_score": _class(by=SCIKIT_LEARN),
    "mutual_info_score": _class(0.0, math.inf, by=SCIKIT_LEARN),
    "normalized_mutual_info_score": _class(by=SCIKIT_LEARN),
    "rand_score": _class(by=SCIKIT_LEARN),
    "v_measure_score": _class(by=SCIKIT_LEARN),
    "neg_mean_absolute_error": _error(),
    "neg_mean_squared_error": _error(),
    "neg_root_mean_squared_error": _error(),
    "neg_mean_absolute_percentage_error": _error(),
    "neg_median_absolute_error": _error(by=SCIKIT_LEARN),
    "neg_max_error": _error(by=SCIKIT_LEARN),
    "neg_mean_squared_log_error": _error(by=SCIKIT_LEARN),
    "neg_root_mean_squared_log_error": _error(by=SCIKIT_LEARN),
    "neg_mean_poisson_deviance": _error(by=SCIKIT_LEARN),
    "neg_mean_gamma_deviance": _error(by=SCIKIT_LEARN),
    "explained_variance": MetricFacts(REGRESSION, True, False, -math.inf, by=SCIKIT_LEARN),
    "d2_absolute_error_score": MetricFacts(REGRESSION, True, False, -math.inf, by=SCIKIT_LEARN),
}
_SHOWN: Final = list(METRIC_FACTS)[:13]
SEVERAL_LABELS: Final = ("f1_samples", "jaccard_samples", "precision_samples", "recall_samples")
"""Scorers of scikit-learn for targets with several labels in each row, which are not trained here."""


def facts(name: str, task: str | None = None) -> MetricFacts:
    """Return what is known about the metric ``name``.

    Raises ConfigError with the nearest known name, and when the metric is for another task than ``task``.

    >>> facts("rmse").larger_is_better, facts("min models:cost").larger_is_better
    (False, False)
    """
    found = METRIC_FACTS.get(name) or _own(name)
    if found is None:
        raise ConfigError(_unknown(name))
    if task is not None and found.task not in (task, ANY_TASK):
        others = ", ".join(other for other in _SHOWN if METRIC_FACTS[other].task == task)
        raise ConfigError(
            f"metric {name} is for {found.task}, but the estimator does {task}: choose from {others}"
        )
    return found


def own_path(name: str) -> str | None:
    """Return the dotted path of a metric of a user's own, None for any other.

    >>> own_path("max metrics:profit"), own_path("f1")
    ('metrics:profit', None)
    """
    found = _OWN_NAME.fullmatch(name)
    return found[2] if found else None


def _own(name: str) -> MetricFacts | None:
    found = _OWN_NAME.fullmatch(name)
    if found is None:
        return None
    return MetricFacts(ANY_TASK, found[1] == "max", False, -math.inf, math.inf, of_a_class=True, by=OWN)


def _unknown(name: str) -> str:
    if name in SEVERAL_LABELS:
        other = name.replace("samples", "macro")
        return f"metric {name} is for targets with several labels in each row: choose {other}"
    if _DOTTED.fullmatch(name):
        return (
            f"must say which values of {name} are better: write 'max {name}' for larger ones, 'min {name}' "
            "for smaller ones"
        )
    hint = did_you_mean(name, METRIC_FACTS)
    return (
        f"must be a metric, got {name!r:.80}{hint}; metrics are {', '.join(_SHOWN)}, every scorer of "
        "scikit-learn, and functions of your own (`max package.module:function`)"
    )
