"""Metrics that scikit-learn and a user's own functions compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as peer

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training import scorers
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.comparison import negated
from airflow_mlops.training.core.outcome import Scoring

CODE = """
import numpy as np

calls = []

def cost(truth, predicted, sample_weight=None):
    calls.append(sample_weight is not None)
    missed, alarm = (truth == "fraud") & (predicted == "legit"), (truth == "legit") & (predicted == "fraud")
    return np.average(100.0 * missed + 5.0 * alarm, weights=sample_weight)

def found_at_the_top(y_true, y_score):
    return (y_true[np.argsort(-y_score)[:10]] == "fraud").mean()

def named(first, second, classes, probabilities):
    assert list(classes) == ["legit", "fraud"] and probabilities.shape == (len(first), 2)
    return float((first == second).mean())

def off(y_true, y_pred):
    return float(np.abs(y_true - y_pred).max())

def needs_more(truth, predicted, amount):
    return 0.0

def text(truth, predicted):
    return "much"

def broken(truth, predicted):
    return truth.no_such_thing

def undefined(truth, predicted):
    raise ValueError("no frauds at all")
"""
RNG = np.random.default_rng(3)
TRUTH = np.where(RNG.random(200) < 0.3, "fraud", "legit")
SCORE = np.clip(np.where(TRUTH == "fraud", 0.6, 0.3) + RNG.normal(0, 0.2, 200), 0, 1)
SAID = np.where(SCORE > 0.5, "fraud", "legit")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "costs.py").write_text(CODE)
    return tmp_path


def outcome(names: list[str], base: Path, **more: Any) -> metrics.Outcome:
    scoring = Scoring("fraud", others=scorers.preparations(names, base), **more)
    return metrics.classification(
        TRUTH, SAID, ["fraud", "legit"], np.column_stack([SCORE, 1 - SCORE]), scoring
    )


def test_an_own_metric_gets_the_labels_of_the_data_and_weights(base: Path) -> None:
    name = "min costs:cost"
    statistic = metrics.statistic(name, outcome([name], base))
    missed = ((TRUTH == "fraud") & (SAID == "legit")).astype(float)
    alarm = ((TRUTH == "legit") & (SAID == "fraud")).astype(float)
    each = 100 * missed + 5 * alarm
    assert statistic(np.ones(200)) == pytest.approx(each.mean())
    weights = RNG.integers(0, 3, 200).astype(float)
    assert statistic(weights) == pytest.approx(np.average(each, weights=weights))
    assert negated(statistic)(weights) == pytest.approx(-np.average(each, weights=weights))
    assert not metrics.facts(name).larger_is_better


def test_an_own_metric_without_weights_is_asked_for_the_drawn_rows(base: Path) -> None:
    name = "max costs:found_at_the_top"
    statistic = metrics.statistic(name, outcome([name], base))
    weights = RNG.integers(0, 3, 200).astype(float)
    rows = np.repeat(np.arange(200), weights.astype(int))
    expected = (TRUTH[rows][np.argsort(-SCORE[rows])[:10]] == "fraud").mean()
    assert statistic(weights) == pytest.approx(expected)


def test_parameters_are_filled_by_name_and_the_first_two_by_place(base: Path) -> None:
    assert metrics.compute(["max costs:named"], outcome(["max costs:named"], base)) == pytest.approx(
        {"max costs:named": (TRUTH == SAID).mean()}
    )
    scoring = Scoring(others=scorers.preparations(["min costs:off"], base))
    values = metrics.regression([1.0, 2.0], [1.5, 4.0], scoring)
    assert metrics.compute(["min costs:off"], values) == {"min costs:off": 2.0}


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("needs_more", "costs:needs_more needs the argument 'amount'"),
        ("text", "costs:text must return a number, got 'much'"),
        ("broken", "costs:broken failed at costs.py:.* AttributeError"),
        ("undefined", "costs:undefined failed at costs.py:.* ValueError: no frauds at all"),
        ("gone", "costs:gone.*gone does not exist"),
    ],
)
def test_an_own_metric_that_cannot_be_used_is_refused_with_its_path(
    base: Path, function: str, told: str
) -> None:
    name = f"max costs:{function}"
    with pytest.raises(ConfigError, match=told):
        metrics.compute([name], outcome([name], base))


def test_scores_need_a_model_that_gives_them(base: Path) -> None:
    scoring = Scoring(others=scorers.preparations(["max costs:found_at_the_top"], base))
    labels = metrics.classification(TRUTH, SAID, ["fraud", "legit"], scoring=scoring)
    with pytest.raises(
        ConfigError, match="takes scores, which this model does not give: it needs predict_proba"
    ):
        metrics.compute(["max costs:found_at_the_top"], labels)


def test_a_metric_that_nobody_prepared_says_so() -> None:
    values = metrics.regression([1.0, 2.0], [1.0, 3.0])
    with pytest.raises(ConfigError, match="neg_max_error is computed by scikit-learn, which was not asked"):
        metrics.compute(["neg_max_error"], values)


def test_a_metric_that_scikit_learn_refuses_is_undefined_on_these_rows(tmp_path: Path) -> None:
    scoring = Scoring(others=scorers.preparations(["neg_mean_squared_log_error"], tmp_path))
    values = metrics.regression([-5.0, 2.0], [1.0, 3.0], scoring)
    with pytest.raises(
        metrics.UndefinedMetric, match="neg_mean_squared_log_error cannot be computed on these 2"
    ):
        metrics.compute(["neg_mean_squared_log_error"], values)


def test_a_draw_that_lacks_a_class_has_no_figure(tmp_path: Path) -> None:
    name = "roc_auc_ovo"
    chances = RNG.dirichlet([1, 1, 1], 30)
    truth = np.arange(30) % 3
    scoring = Scoring(others=scorers.preparations([name], tmp_path))
    found = metrics.classification(truth, chances.argmax(axis=1), range(3), chances, scoring)
    statistic = metrics.statistic(name, found)
    assert statistic(np.ones(30)) == pytest.approx(peer.roc_auc_score(truth, chances, multi_class="ovo"))
    assert np.isnan(statistic((truth > 1).astype(float)))


def test_the_likelihood_ratio_is_that_of_the_named_class(tmp_path: Path) -> None:
    name = "positive_likelihood_ratio"
    expected = peer.class_likelihood_ratios(TRUTH, SAID, labels=["legit", "fraud"])
    found = metrics.compute([name], outcome([name], tmp_path))
    assert found == pytest.approx({name: expected[0]})
    other = "neg_negative_likelihood_ratio"
    assert metrics.compute([other], outcome([other], tmp_path)) == pytest.approx({other: -expected[1]})


def test_a_scorer_of_pairs_of_classes_is_refused_for_many(tmp_path: Path) -> None:
    scoring = Scoring(others=scorers.preparations(["roc_auc_ovo"], tmp_path))
    chances = np.full((300, 150), 1 / 150)
    many = metrics.classification(np.arange(300) % 150, np.zeros(300, int), range(150), chances, scoring)
    with pytest.raises(ConfigError, match="at most 100 classes, and the model has 150: choose log_loss"):
        metrics.compute(["roc_auc_ovo"], many)
