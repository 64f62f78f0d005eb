"""The decision threshold of a two-class model: a probability, or the metric that chooses it."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from airflow_mlops.config.models.section import Section
from airflow_mlops.config.values import FieldError, Metric, StrictFloat, StrictInt
from airflow_mlops.training.core.metric_facts import CLASSIFICATION, facts


class Threshold(Section):
    """From which probability of the positive class on a row is predicted as positive."""

    value: StrictFloat | None = Field(None, gt=0, lt=1, description="The probability itself.")
    metric: Metric | None = Field(
        None, description="Metric of predicted classes whose best threshold is chosen on training rows."
    )
    cv: StrictInt = Field(
        5, ge=2, le=50, description="Folds whose out-of-fold probabilities choose the threshold."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Threshold:
        if (self.value is None) == (self.metric is None):
            raise FieldError("needs either `value`, a probability, or `metric`, which chooses it", "metric")
        row = facts(self.metric) if self.metric else None
        if row and (row.task != CLASSIFICATION or row.needs_probability or row.by):
            raise FieldError(
                f"{self.metric} cannot choose a threshold: name a metric of predicted classes, such as "
                "f1 or balanced_accuracy",
                "metric",
            )
        return self


def threshold_mapping(value: Any) -> Any:
    """Return the mapping that a plain number, or the name of a metric, stands for.

    >>> threshold_mapping(0.3), threshold_mapping("f1")
    ({'value': 0.3}, {'metric': 'f1'})
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"value": value}
    return {"metric": value} if isinstance(value, str) else value
