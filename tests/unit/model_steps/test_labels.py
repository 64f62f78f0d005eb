"""Classifiers that learn numbers only answer with the labels that they were given."""

from __future__ import annotations

from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from airflow_mlops.model_steps.labels import NumberedClasses
from tests.unit.training.preprocessing.test_learning import fitted, learner


class Numeric(HistGradientBoostingClassifier):
    """Refuses what XGBoost's classifier refuses: classes other than 0, 1, 2 …"""

    def fit(self, rows: Any, target: Any, sample_weight: Any = None) -> Numeric:
        found = np.unique(target)
        if not np.array_equal(found, np.arange(len(found))):
            raise ValueError(f"Invalid classes: {found}")
        super().fit(rows, target, sample_weight)
        return self


class Upright(HistGradientBoostingClassifier):
    """Answers more than two classes with the shape (rows, 1), as CatBoost's classifier does."""

    def fit(self, rows: Any, target: Any) -> Upright:
        super().fit(rows, target)
        return self

    def predict(self, rows: Any) -> Any:
        found = super().predict(rows)
        return found if len(self.classes_) == 2 else found.reshape(-1, 1)


Numeric.__module__ = "xgboost.sklearn"
Upright.__module__ = "catboost.core"


@pytest.mark.parametrize(
    "labels", [["no", "yes"], ["a", "b", "c"], [1, 2], [-1, 1]], ids=lambda labels: "-".join(map(str, labels))
)
def test_labels_come_out_as_they_went_in(labels: list[Any]) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "town": rng.choice(["Ulm", "Bonn"], 200)})
    frame["y"] = np.array(labels)[pd.cut(frame["x"], len(labels), labels=False)]
    found = fitted(Numeric(max_iter=5), frame, "y").estimator
    plain = fitted(LogisticRegression(), frame, "y").estimator
    assert isinstance(found[-1], NumberedClasses)
    assert found.classes_.tolist() == labels
    assert set(found.predict(frame)) <= set(labels)
    assert found.predict_proba(frame).shape == (200, len(labels))
    assert (found.predict(frame) == frame["y"]).mean() > 0.8
    assert is_classifier(found)
    assert plain.classes_.tolist() == labels


@pytest.mark.parametrize("labels", [[0, 1], [False, True]], ids=["numbers", "booleans"])
def test_labels_that_are_numbered_already_stay(labels: list[Any]) -> None:
    frame = pd.DataFrame({"x": np.arange(40.0), "y": np.array(labels)[np.arange(40) % 2]})
    estimator = Numeric(max_iter=5)
    assert learner(frame, "y").fit(estimator).estimator is estimator


def test_probabilities_are_there_when_the_classifier_has_them() -> None:
    assert hasattr(NumberedClasses(LogisticRegression()), "predict_proba")
    assert not hasattr(NumberedClasses(RidgeClassifier()), "predict_proba")


def test_weights_are_passed_on() -> None:
    rows, target = np.arange(100.0).reshape(-1, 1), np.array(["a", "b"] * 50)
    heavy = np.where(target == "b", 1000.0, 1.0)
    found = cloudpickle.loads(
        cloudpickle.dumps(NumberedClasses(Numeric(max_iter=5)).fit(rows, target, sample_weight=heavy))
    )
    assert found.predict(rows).tolist() == ["b"] * 100


@pytest.mark.parametrize("labels", [["a", "b", "c"], [0, 1, 2], ["a", "b"]], ids=str)
def test_answers_have_one_dimension(labels: list[Any]) -> None:
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.array(labels)[np.arange(60) % len(labels)]})
    found = fitted(Upright(max_iter=3), frame, "y").estimator
    assert found.predict(frame[["x"]]).shape == (60,)
    assert found.classes_.tolist() == labels
