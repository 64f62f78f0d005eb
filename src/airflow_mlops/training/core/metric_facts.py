"""The metrics that a pipeline file can name: one row each, with task, direction, needs and range.

``core.metrics`` has the function that computes a metric, under the metric's name. This table loads nothing
heavy: every DAG file that is parsed reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

CLASSIFICATION: Final = "classification"
REGRESSION: Final = "regression"


@dataclass(frozen=True)
class MetricFacts:
    """What is known about a metric without computing it; ``low`` and ``high`` bound its values.

    With ``of_a_class`` the figure of a two-class model is another one when the classes change places.
    """

    task: str
    larger_is_better: bool
    needs_probability: bool
    low: float = 0.0
    high: float = 1.0
    of_a_class: bool = False
    by_class: bool = False


METRIC_FACTS: Final[Mapping[str, MetricFacts]] = {
    "roc_auc": MetricFacts(CLASSIFICATION, True, True, by_class=True),
    "average_precision": MetricFacts(CLASSIFICATION, True, True, of_a_class=True),
    "log_loss": MetricFacts(CLASSIFICATION, False, True, high=math.inf),
    "brier": MetricFacts(CLASSIFICATION, False, True, high=2.0),
    "accuracy": MetricFacts(CLASSIFICATION, True, False),
    "balanced_accuracy": MetricFacts(CLASSIFICATION, True, False, by_class=True),
    "f1": MetricFacts(CLASSIFICATION, True, False, of_a_class=True),
    "precision": MetricFacts(CLASSIFICATION, True, False, of_a_class=True),
    "recall": MetricFacts(CLASSIFICATION, True, False, of_a_class=True),
    "rmse": MetricFacts(REGRESSION, False, False, high=math.inf),
    "mae": MetricFacts(REGRESSION, False, False, high=math.inf),
    "mape": MetricFacts(REGRESSION, False, False, high=math.inf),
    "r2": MetricFacts(REGRESSION, True, False, low=-math.inf),
}


def facts(name: str, task: str | None = None) -> MetricFacts:
    """Return what is known about the metric ``name``.

    Raises ConfigError with the nearest known name, and when the metric is for another task than ``task``.

    >>> facts("rmse").larger_is_better
    False
    """
    found = METRIC_FACTS.get(name)
    if found is None:
        hint = did_you_mean(name, METRIC_FACTS)
        raise ConfigError(f"must be a metric, got {name!r:.80}{hint}; metrics are {', '.join(METRIC_FACTS)}")
    if task is not None and found.task != task:
        others = ", ".join(other for other, row in METRIC_FACTS.items() if row.task == task)
        raise ConfigError(
            f"metric {name} is for {found.task}, but the estimator does {task}: choose from {others}"
        )
    return found
