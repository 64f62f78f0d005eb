from __future__ import annotations

import math

import numpy as np
import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.core.metric_facts import CLASSIFICATION, METRIC_FACTS, REGRESSION, facts
from airflow_mlops.training.core.metrics import classification, compute

PROBABILITIES = {"roc_auc", "average_precision", "log_loss", "brier"}
LOSSES = {"log_loss", "brier", "rmse", "mae", "mape"}
OF_REGRESSION = {"rmse", "mae", "mape", "r2"}
BOUNDS = {
    "log_loss": (0, math.inf), "brier": (0, 2), "rmse": (0, math.inf), "mae": (0, math.inf),
    "mape": (0, math.inf), "r2": (-math.inf, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", METRIC_FACTS)
def test_each_metric_has_its_task_its_direction_its_input_and_its_bounds(name: str) -> None:
    found = facts(name)
    assert found.task == (REGRESSION if name in OF_REGRESSION else CLASSIFICATION)
    assert found.larger_is_better == (name not in LOSSES)
    assert found.needs_probability == (name in PROBABILITIES)
    assert (found.low, found.high) == BOUNDS.get(name, (0, 1))


@pytest.mark.parametrize(
    ("name", "task", "told"),
    [
        (
            "rmse",
            "classification",
            "metric rmse is for regression, but the estimator does classification: choose from roc_auc, "
            "average_precision, log_loss, brier, accuracy, balanced_accuracy, f1, precision, recall",
        ),
        (
            "f1",
            "regression",
            "metric f1 is for classification, but the estimator does regression: choose from rmse, mae, "
            "mape, r2",
        ),
    ],
)
def test_a_metric_of_the_other_task_lists_those_of_this_one(name: str, task: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        facts(name, task)
    assert str(caught.value) == told
    other = "regression" if task == "classification" else "classification"
    assert facts(name, other) == facts(name)


def test_an_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'roc_uac' \(did you mean roc_auc\?\)") as caught:
        facts("roc_uac")
    assert all(name in str(caught.value) for name in METRIC_FACTS)


@pytest.mark.parametrize(
    "name", [name for name, facts in METRIC_FACTS.items() if facts.task == CLASSIFICATION]
)
def test_a_figure_of_a_class_is_one_that_changes_when_the_classes_change_places(name: str) -> None:
    truth = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 0])
    chance = np.array([0.1, 0.6, 0.2, 0.3, 0.2, 0.9, 0.4, 0.7, 0.8, 0.1])
    said = (chance > 0.5).astype(int)
    one = compute([name], classification(truth, said, [0, 1], chance))[name]
    other = compute([name], classification(1 - truth, 1 - said, [0, 1], 1 - chance))[name]
    assert (one != pytest.approx(other)) == METRIC_FACTS[name].of_a_class
