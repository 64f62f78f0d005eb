"""Weights of rows reach the estimator that learns, and wrong ones are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.training import estimators
from airflow_mlops.training.weights import checked, fit_arguments

X = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] * 5})
Y = pd.Series([0, 1, 0, 1, 0, 1] * 5)
HEAVY = pd.Series(np.where(Y == 1, 9.0, 1.0), name="w")


class _AnyWord(ClassifierMixin, BaseEstimator):
    """Takes whatever it gets."""

    def fit(self, rows: Any, labels: Any, **given: Any) -> _AnyWord:
        self.classes_ = np.unique(labels)
        self.given_ = sorted(given)
        return self


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), LogisticRegression())),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2),
    ],
    ids=["alone", "last step", "last step of the last step", "search"],
)
def test_the_weights_move_the_fit(estimator: Any) -> None:
    plain = estimators.fit(estimator, X, Y).predict_proba(X)[:, 1].mean()
    heavy = estimators.fit(estimator, X, Y, HEAVY).predict_proba(X)[:, 1].mean()
    assert heavy > plain + 0.2


def test_a_regressor_around_a_pipeline_hands_them_on() -> None:
    around = TransformedTargetRegressor(make_pipeline(StandardScaler(), LinearRegression()))
    estimators.fit(around, X, Y.astype(float), HEAVY)
    assert around.predict(X).mean() > 0.7


def test_an_estimator_that_takes_any_keyword_gets_them() -> None:
    assert estimators.fit(_AnyWord(), X, Y, HEAVY).given_ == ["sample_weight"]
    assert fit_arguments(KNeighborsClassifier(), None) == {}


def test_weights_that_would_only_calibrate_are_refused() -> None:
    """scikit-learn warns that it uses them for the calibration alone when the estimator inside takes none."""
    for inside in (make_pipeline(StandardScaler(), LogisticRegression()), KNeighborsClassifier()):
        with pytest.raises(ConfigError, match="fit of CalibratedClassifierCV does not take sample_weight"):
            fit_arguments(CalibratedClassifierCV(inside), HEAVY)
    assert list(fit_arguments(CalibratedClassifierCV(LogisticRegression()), HEAVY)) == ["sample_weight"]


def test_an_estimator_without_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match="fit of KNeighborsClassifier does not take sample_weight"):
        estimators.fit(KNeighborsClassifier(), X, Y, HEAVY)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, None, 2.0], "1 of 3 rows have no weight in 'w'"),
        ([1.0, -1.0, np.inf], "2 of 3 rows"),
        (["a", "1", "2"], "1 of 3 rows"),
        ([0, 0, 0], "all 3 rows have the weight 0"),
    ],
)
def test_wrong_weights_are_refused(weights: list[Any], message: str) -> None:
    with pytest.raises(DataRejected, match=message):
        checked(pd.Series(weights, name="w"))


@pytest.mark.parametrize("dtype", ["Int64", "float32", "category"])
def test_weights_of_any_numeric_type_are_floats(dtype: str) -> None:
    found = checked(pd.Series([1, 2, 3], name="w").astype(dtype))
    assert (found.dtype, found.tolist()) == (np.dtype(float), [1.0, 2.0, 3.0])
