"""What estimators need: by class, tags and parameters, held against what they really take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from airflow_mlops.training.preprocessing.needs import needs_of

HISTOGRAM = HistGradientBoostingClassifier(max_iter=2)
GAPS: list[Any] = [
    LogisticRegression(),
    SVC(),
    KNeighborsClassifier(),
    GaussianNB(),
    SGDClassifier(),
    MLPClassifier(max_iter=2),
    DecisionTreeClassifier(),
    RandomForestClassifier(2),
    ExtraTreesClassifier(2),
    GradientBoostingClassifier(n_estimators=2),
    HISTOGRAM,
    BaggingClassifier(DecisionTreeClassifier(), 2),
    BaggingClassifier(LogisticRegression(), 2),
    AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=2),
    VotingClassifier([("a", HISTOGRAM), ("b", DecisionTreeClassifier())]),
    VotingClassifier([("a", HISTOGRAM), ("b", LogisticRegression())]),
    StackingClassifier([("a", HISTOGRAM)], DecisionTreeClassifier(), cv=2),
    GridSearchCV(HISTOGRAM, {"max_iter": [2]}, cv=2),
    GridSearchCV(LogisticRegression(), {"C": [1]}, cv=2),
    CalibratedClassifierCV(HISTOGRAM, cv=2),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(StandardScaler(), HISTOGRAM),
    make_pipeline(SimpleImputer(), LogisticRegression()),
    make_pipeline(StandardScaler(), SimpleImputer(), LogisticRegression()),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", GAPS, ids=lambda estimator: " ".join(repr(estimator).split())[:60])
def test_gaps_are_taken_exactly_when_a_fit_takes_them(estimator: Any) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc")).mask(rng.random((60, 3)) < 0.2)
    target = (rows["a"].fillna(0) > 0).astype(int)
    try:
        estimator.fit(rows, target)
        takes = True
    except ValueError:
        takes = False
    assert needs_of(estimator).gaps is takes


@pytest.mark.parametrize(
    ("estimator", "scale"),
    [
        (LogisticRegression(), "standard"),
        (SVC(), "standard"),
        (KNeighborsClassifier(), "standard"),
        (MLPClassifier(), "standard"),
        (MultinomialNB(), "unit"),
        (GaussianNB(), ""),
        (RandomForestClassifier(), ""),
        (HISTOGRAM, ""),
        (GridSearchCV(Ridge(), {"alpha": [1.0]}), "standard"),
        (TransformedTargetRegressor(Ridge()), "standard"),
        (VotingClassifier([("a", HISTOGRAM), ("b", LogisticRegression())]), "standard"),
        (make_pipeline(StandardScaler(), LogisticRegression()), ""),
        (make_pipeline(SimpleImputer(), LogisticRegression()), "standard"),
        (make_pipeline(SimpleImputer(), HISTOGRAM), ""),
    ],
    ids=str,
)
def test_who_needs_scaled_numbers(estimator: Any, scale: str) -> None:
    assert needs_of(estimator).scale == scale


class Own(ClassifierMixin, BaseEstimator):
    def fit(self, rows: Any, target: Any) -> Own:
        return self

    def predict(self, rows: Any) -> Any:
        return rows


class Columns(ColumnTransformer):
    """A library's encoder under another name."""


class Derived(LogisticRegression):
    """A library's fit under another name."""


@pytest.mark.parametrize(
    "estimator",
    [
        Own(),
        make_pipeline(ColumnTransformer([("a", OneHotEncoder(), ["a"])]), LogisticRegression()),
        make_pipeline(
            make_pipeline(ColumnTransformer([("a", OneHotEncoder(), ["a"])])), LogisticRegression()
        ),
        make_pipeline(Columns([("a", OneHotEncoder(), ["a"])]), LogisticRegression()),
        make_pipeline(OneHotEncoder(), LogisticRegression()),
        make_pipeline(FunctionTransformer(), LogisticRegression()),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(), LogisticRegression()),
        GridSearchCV(make_pipeline(OneHotEncoder(), LogisticRegression()), {}),
        make_pipeline(
            SelectFromModel(make_pipeline(OneHotEncoder(), LogisticRegression())), LogisticRegression()
        ),
        HistGradientBoostingClassifier(monotonic_cst=[1, 0]),
        HistGradientBoostingClassifier(categorical_features=[0]),
        HistGradientBoostingClassifier(categorical_features=[True, False]),
        KNeighborsClassifier(metric="precomputed"),
    ],
    ids=lambda estimator: " ".join(repr(estimator).split())[:60],
)
def test_who_is_left_alone(estimator: Any) -> None:
    assert needs_of(estimator).alone


@pytest.mark.parametrize(
    "estimator",
    [Derived(), LogisticRegression(), HISTOGRAM, HistGradientBoostingClassifier(monotonic_cst={"a": 1})],
)
def test_who_is_not(estimator: Any) -> None:
    assert not needs_of(estimator).alone


def test_categories_are_handed_to_those_that_take_them_as_they_come() -> None:
    found = needs_of(HistGradientBoostingClassifier(max_bins=100))
    assert (found.categories, found.native_levels) == (True, 100)
    named = needs_of(HistGradientBoostingClassifier(categorical_features=["town"]))
    assert (named.own_columns, named.native_levels) == (frozenset({"town"}), 0)
    assert needs_of(CalibratedClassifierCV(HISTOGRAM)).native_levels == 0
    assert needs_of(make_pipeline(StandardScaler(), HISTOGRAM)).native_levels == 0
