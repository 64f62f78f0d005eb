from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import get_scorer

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.core.metric_facts import (
    ANY_TASK,
    CLASSIFICATION,
    METRIC_FACTS,
    OWN,
    REGRESSION,
    SEVERAL_LABELS,
    facts,
    own_path,
)
from airflow_mlops.training.core.metrics import Scoring, classification, compute
from airflow_mlops.training.scorers import preparations

PROBABILITIES = {"roc_auc", "average_precision", "log_loss", "brier"}
LOSSES = {"log_loss", "brier", "rmse", "mae", "mape"}
OF_REGRESSION = {"rmse", "mae", "mape", "r2"}
BOUNDS = {
    "log_loss": (0, math.inf), "brier": (0, 2), "rmse": (0, math.inf), "mae": (0, math.inf),
    "mape": (0, math.inf), "r2": (-math.inf, 1),
}  # fmt: skip
NAMED = list(METRIC_FACTS)[:13]
"""Those that messages list; the others are scikit-learn's own names."""
RANKED = {"roc_auc", "average_precision", "roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo",
          "roc_auc_ovo_weighted", "d2_log_loss_score", "d2_brier_score"}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_each_metric_has_its_task_its_direction_its_input_and_its_bounds(name: str) -> None:
    found = facts(name)
    assert found.task == (REGRESSION if name in OF_REGRESSION else CLASSIFICATION)
    assert found.larger_is_better == (name not in LOSSES)
    assert found.needs_probability == (name in PROBABILITIES)
    assert (found.low, found.high) == BOUNDS.get(name, (0, 1))
    assert found.by == ""


@pytest.mark.parametrize("name", [name for name in METRIC_FACTS if name not in NAMED])
def test_a_scorer_of_scikit_learn_has_its_direction_its_input_and_its_bounds(name: str) -> None:
    scorer, row = get_scorer(name), facts(name)
    asked = scorer._response_method
    assert row.larger_is_better  # as of every scorer
    assert row.needs_probability == ("predict_proba" in (asked if isinstance(asked, tuple) else (asked,)))
    assert row.ranks == (name in RANKED)
    assert row.low < row.high
    assert (row.high == 0) == name.startswith("neg_")


def test_a_metric_of_a_users_own_says_its_direction_and_path() -> None:
    larger, smaller = facts("max costs:saved", CLASSIFICATION), facts("min package.costs.lost", REGRESSION)
    assert (larger.larger_is_better, smaller.larger_is_better) == (True, False)
    assert (larger.by, larger.task, larger.needs_probability) == (OWN, ANY_TASK, False)
    assert (larger.low, larger.high) == (-math.inf, math.inf)
    assert (own_path("max costs:saved"), own_path("roc_auc")) == ("costs:saved", None)
    with pytest.raises(ConfigError, match="write 'max costs:saved' for larger ones, 'min costs:saved' for"):
        facts("costs:saved")


@pytest.mark.parametrize("name", SEVERAL_LABELS)
def test_a_metric_of_several_labels_per_row_is_refused_with_another(name: str) -> None:
    with pytest.raises(ConfigError, match=f"several labels in each row: choose {name.split('_')[0]}_macro"):
        facts(name)
    assert facts(name.replace("samples", "macro"))


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
    assert all(name in str(caught.value) for name in NAMED)
    assert "every scorer of scikit-learn" in str(caught.value)


@pytest.mark.parametrize("name", [name for name, row in METRIC_FACTS.items() if row.task == CLASSIFICATION])
def test_a_figure_of_a_class_is_one_that_changes_when_the_classes_change_places(name: str) -> None:
    truth = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 0])
    chance = np.array([0.1, 0.6, 0.2, 0.3, 0.2, 0.9, 0.4, 0.7, 0.8, 0.1])
    said = (chance > 0.5).astype(int)
    scoring = Scoring(others=preparations([name], Path()))
    one = compute([name], classification(truth, said, [0, 1], chance, scoring))[name]
    other = compute([name], classification(1 - truth, 1 - said, [0, 1], 1 - chance, scoring))[name]
    assert (one != pytest.approx(other)) == METRIC_FACTS[name].of_a_class
