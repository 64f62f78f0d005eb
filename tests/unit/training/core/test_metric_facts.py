from __future__ import annotations

import inspect
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as peer
from sklearn.metrics import get_scorer

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.metric_facts import (
    ANY_TASK,
    ARGUMENT_NAMES,
    CLASSIFICATION,
    METRIC_ARGUMENTS,
    METRIC_FACTS,
    OWN,
    OWN_PATTERN,
    REGRESSION,
    SEVERAL_LABELS,
    MetricFacts,
    facts,
    own_path,
)
from airflow_mlops.training.core.metrics import Scoring, classification, compute, regression
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


BY_CLASS = {"roc_auc", "roc_auc_ovr", "balanced_accuracy", "recall_macro"}


@pytest.mark.parametrize("name", [name for name, row in METRIC_FACTS.items() if row.by_class] + ["accuracy"])
def test_a_figure_by_class_is_the_same_when_a_class_is_three_times_as_frequent(name: str) -> None:
    truth = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 0])
    chance = np.array([0.1, 0.6, 0.2, 0.3, 0.2, 0.9, 0.4, 0.7, 0.8, 0.1])
    rows = np.concatenate([np.arange(10), *[np.flatnonzero(truth)] * 2])
    one, other = (
        compute([name], classification(truth[kept], chance[kept] > 0.5, [False, True], chance[kept]))[name]
        for kept in (np.arange(10), rows)
    )
    assert (one == pytest.approx(other)) is (name in BY_CLASS)


def test_the_metrics_by_class_are_these() -> None:
    assert {name for name, row in METRIC_FACTS.items() if row.by_class} == BY_CLASS


UNBOUNDED = {"log_loss", "rmse", "mae", "mape", "mutual_info_score", "positive_likelihood_ratio"}
CORRELATIONS = ("matthews_corrcoef", "adjusted_rand_score", "adjusted_mutual_info_score")
LOWEST = {"neg_brier_score": -2, **dict.fromkeys(CORRELATIONS, -1)}
"""As far down as scikit-learn's documentation allows, or farther; 0 for the metrics that are not here."""
ENDLESS = {"r2", "explained_variance", "d2_absolute_error_score", "d2_log_loss_score", "d2_brier_score"}


@pytest.mark.parametrize("name", [name for name in METRIC_FACTS if name not in UNBOUNDED | {"brier"}])
def test_a_perfect_answer_has_the_highest_figure(name: str) -> None:
    scoring, row = Scoring(others=preparations([name], Path())), METRIC_FACTS[name]
    if row.task == CLASSIFICATION:
        truth = np.arange(9) % 3 if "likelihood" not in name else np.arange(9) % 2
        size = truth.max() + 1
        chances = np.full((9, size), 1e-12)
        chances[np.arange(9), truth] = 1 - (size - 1) * 1e-12
        outcome = classification(truth, truth, range(size), chances, scoring)
    else:
        outcome = regression([1.0, 2.0, 4.0], [1.0, 2.0, 4.0], scoring)
    assert compute([name], outcome)[name] == pytest.approx(row.high, abs=1e-9)


@pytest.mark.parametrize("name", METRIC_FACTS)
def test_a_metric_has_its_bounds(name: str) -> None:
    row = METRIC_FACTS[name]
    no_end = name in ENDLESS or (name.startswith("neg_") and name != "neg_brier_score")
    assert row.low == (-math.inf if no_end else LOWEST.get(name, 0))
    if name in UNBOUNDED:
        assert row.high == math.inf


def test_a_row_of_the_table_has_no_property_that_is_not_said() -> None:
    row = MetricFacts(CLASSIFICATION, True, False)
    assert (row.low, row.high, row.of_a_class, row.ranks, row.by, row.by_class) == (
        0,
        1,
        False,
        False,
        "",
        False,
    )


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (peer.f1_score, {"y_true", "y_pred", "labels", "sample_weight"}),
        (peer.roc_auc_score, {"y_true", "y_score", "labels", "sample_weight"}),
        (peer.brier_score_loss, {"y_true", "y_proba", "labels", "sample_weight"}),
    ],
)
def test_parameters_may_have_the_names_of_scikit_learn(function: Any, names: set[str]) -> None:
    assert names <= set(inspect.signature(function).parameters)
    assert names <= set(METRIC_ARGUMENTS)


def test_each_argument_of_a_metric_of_a_users_own_has_a_plain_name_too() -> None:
    plain = ("truth", "predicted", "scores", "probabilities", "sample_weight", "classes")
    assert tuple(ARGUMENT_NAMES) == plain
    assert all(names[0] == name for name, names in ARGUMENT_NAMES.items())
    assert set(METRIC_ARGUMENTS) == {
        *plain, "y_true", "y_pred", "y_score", "y_prob", "y_proba", "weights", "labels",
    }  # fmt: skip
    assert ARGUMENT_NAMES["predicted"][1] == "y_pred"
    assert ARGUMENT_NAMES["scores"][1:] == ("y_score", "y_prob")


def test_a_metric_is_computed_here_by_scikit_learn_or_by_a_function_of_the_user() -> None:
    here = {name for name, row in METRIC_FACTS.items() if not row.by}
    assert here == {name for name in METRIC_FACTS if callable(getattr(metrics, name, None))}
    assert {row.by for name, row in METRIC_FACTS.items() if name not in here} == {"scikit-learn"}
    assert facts("max costs:saved").by == "own"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("max costs:saved", "costs:saved"),
        ("min costs.saved", "costs.saved"),
        ("max a.b_1.c:d2", "a.b_1.c:d2"),
        ("max _a:_b", "_a:_b"),
        ("mean costs:saved", None),
        ("max saved", None),
        ("max 1a:b", None),
        ("max a:1b", None),
        ("max a:b ", None),
        ("max a:b:c", None),
    ],
)
def test_a_path_is_a_module_and_a_function_in_it(name: str, path: str | None) -> None:
    assert own_path(name) == path
    assert (re.search(OWN_PATTERN, name) is not None) is (path is not None)


@pytest.mark.parametrize("name", ["costs:saved", "a.b.c", "_a.b:c_1"])
def test_a_path_without_a_direction_says_which_ones_there_are(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        facts(name)
    assert str(caught.value) == (
        f"must say which values of {name} are better: write 'max {name}' for larger ones, 'min {name}' for "
        "smaller ones"
    )
