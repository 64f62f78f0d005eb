"""The decision threshold of a two-class model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict
from sklearn.svm import LinearSVC

from airflow_mlops.config.models import Threshold, Train
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.threshold import chosen, with_threshold, without_threshold

RNG = np.random.default_rng(5)
ROWS = pd.DataFrame({"x": RNG.normal(size=1500), "z": RNG.normal(size=1500)})
RARE = (ROWS["x"] + RNG.normal(size=1500) > 2).to_numpy()
TEXTS = np.where(RARE, "fraud", "legit")


def section(value: Any) -> Threshold:
    found = Train(estimator="x.Y", threshold=value).threshold
    assert found is not None
    return found


def test_a_number_is_the_probability_of_the_positive_class_wherever_it_stands() -> None:
    at = section(0.2)
    model = with_threshold(LogisticRegression(), at, ["fraud", "legit"], "fraud").fit(ROWS, TEXTS)
    chance = model.predict_proba(ROWS)[:, 0]
    assert list(model.classes_) == ["fraud", "legit"]
    assert (model.predict(ROWS) == np.where(chance >= 0.2, "fraud", "legit")).all()
    assert chosen(model, at, "fraud") == 0.2


@pytest.mark.parametrize(("labels", "classes", "positive"), [
    (TEXTS, ["fraud", "legit"], "fraud"),
    (RARE.astype(int), [0, 1], None),
    (RARE, [False, True], None),
], ids=["text", "number", "boolean"])  # fmt: skip
def test_the_best_threshold_out_of_fold_is_chosen(labels: Any, classes: list[Any], positive: Any) -> None:
    at = section("f1")
    model = with_threshold(LogisticRegression(), at, classes, positive).fit(ROWS, labels)
    found = chosen(model, at, positive)
    assert found is not None
    assert 0 < found < 0.5
    place = classes.index(positive if positive is not None else classes[1])
    chance = cross_val_predict(LogisticRegression(), ROWS, labels, cv=5, method="predict_proba")[:, place]
    best = max(f1_score(RARE, chance >= line) for line in np.linspace(0.01, 0.99, 99))
    assert f1_score(RARE, chance >= found) == pytest.approx(best, abs=0.02)
    said = model.predict(ROWS) == classes[place]
    assert (said == (model.predict_proba(ROWS)[:, place] >= found)).all()


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1_macro", "matthews_corrcoef", "accuracy"])
def test_the_threshold_is_about_the_positive_class_for_metrics_of_both(metric: str) -> None:
    at = section({"metric": metric, "cv": 3})
    model = with_threshold(LogisticRegression(), at, ["fraud", "legit"], "fraud").fit(ROWS, TEXTS)
    found = chosen(model, at, "fraud")
    assert found is not None
    chance = model.predict_proba(ROWS)[:, 0]
    differs = (model.predict(ROWS) == "fraud") != (chance > found)
    assert np.abs(chance[differs] - found).max(initial=0) < 1e-9  # equal ones are on either side


def test_without_the_key_the_estimator_is_the_same() -> None:
    plain = LogisticRegression()
    assert with_threshold(plain, None, [0, 1, 2]) is plain
    assert chosen(plain, None) is None
    assert without_threshold(plain) is plain
    assert without_threshold(with_threshold(plain, section(0.3), [0, 1])) is plain


def test_more_classes_and_no_probabilities_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"for two classes, but the target has 3 .'a', 'b' and 'c'.: "):
        with_threshold(LogisticRegression(), section(0.3), ["a", "b", "c"])
    with pytest.raises(ConfigError, match="needs predict_proba, which LinearSVC does not have"):
        with_threshold(LinearSVC(), section("f1"), [0, 1])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({}, "either `value`, a probability, or `metric`"),
        ({"value": 0.3, "metric": "f1"}, "either `value`, a probability, or `metric`"),
        ("roc_auc", "roc_auc cannot choose a threshold"),
        ("rmse", "rmse cannot choose a threshold"),
        ("max costs:mine", "cannot choose a threshold"),
        (1.5, "less than 1"),
        (0, "greater than 0"),
        ("f11", "did you mean f1"),
    ],
)
def test_a_threshold_that_cannot_be_is_refused(value: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        section(value)
