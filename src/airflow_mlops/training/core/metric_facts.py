"""The metrics that a pipeline file can name, as plain facts: task, direction, what they need, their range.

``backends.metrics`` computes them; whoever only checks a name reads this table and loads nothing heavy.
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
    """What is known about a metric without computing it; ``low`` and ``high`` bound its values."""

    task: str
    larger_is_better: bool
    needs_probability: bool
    low: float = 0.0
    high: float = 1.0


METRIC_FACTS: Final[Mapping[str, MetricFacts]] = {
    "roc_auc": MetricFacts(CLASSIFICATION, True, True),
    "average_precision": MetricFacts(CLASSIFICATION, True, True),
    "log_loss": MetricFacts(CLASSIFICATION, False, True, high=math.inf),
    "brier": MetricFacts(CLASSIFICATION, False, True, high=2.0),
    "accuracy": MetricFacts(CLASSIFICATION, True, False),
    "balanced_accuracy": MetricFacts(CLASSIFICATION, True, False),
    "f1": MetricFacts(CLASSIFICATION, True, False),
    "precision": MetricFacts(CLASSIFICATION, True, False),
    "recall": MetricFacts(CLASSIFICATION, True, False),
    "rmse": MetricFacts(REGRESSION, False, False, high=math.inf),
    "mae": MetricFacts(REGRESSION, False, False, high=math.inf),
    "mape": MetricFacts(REGRESSION, False, False, high=math.inf),
    "r2": MetricFacts(REGRESSION, True, False, low=-math.inf),
}


def facts(name: str) -> MetricFacts:
    """Return what is known about the metric ``name``; raises ConfigError with the nearest known name."""
    found = METRIC_FACTS.get(name)
    if found is None:
        hint = did_you_mean(name, METRIC_FACTS)
        raise ConfigError(f"must be a metric, got {name!r:.80}{hint}; metrics are {', '.join(METRIC_FACTS)}")
    return found
