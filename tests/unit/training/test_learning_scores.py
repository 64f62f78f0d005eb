"""Scores of learned rows and of folds are those that scikit-learn computes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from airflow_mlops.training.learning_scores import cross_validated, learned_scores

RNG = np.random.default_rng(3)
FEATURES = pd.DataFrame(RNG.normal(size=(300, 3)), columns=list("abc"))
TARGET = ((FEATURES["a"] + RNG.normal(size=300)) > 0).astype(int).rename("y")


def test_a_tree_that_learned_by_heart_is_seen_by_the_distance_of_its_scores() -> None:
    tree = DecisionTreeClassifier(random_state=0).fit(FEATURES, TARGET)
    learned = learned_scores(tree, FEATURES, TARGET, ["roc_auc"])
    folds = cross_validated(tree, FEATURES, TARGET, ["roc_auc"])
    assert learned == {"train.roc_auc": 1.0}
    assert folds["cv.roc_auc"] < 0.8


def test_learned_rows_are_scored_as_scikit_learn_does() -> None:
    model = LogisticRegression().fit(FEATURES, TARGET)
    expected = roc_auc_score(TARGET, model.predict_proba(FEATURES)[:, 1])
    assert learned_scores(model, FEATURES, TARGET, ["roc_auc"])["train.roc_auc"] == pytest.approx(expected)


def test_rows_of_a_group_are_in_one_fold_as_in_scikit_learn() -> None:
    groups = pd.Series(np.arange(300) // 10)
    found = cross_validated(LogisticRegression(), FEATURES, TARGET, ["roc_auc"], groups)
    each = cross_val_score(
        LogisticRegression(), FEATURES, TARGET, groups=groups, cv=GroupKFold(3), scoring="roc_auc"
    )
    assert found == pytest.approx({"cv.roc_auc": each.mean(), "cv.roc_auc.std": each.std(ddof=1)})


def test_a_regression_has_folds_too() -> None:
    assert set(cross_validated(Ridge(), FEATURES, FEATURES["a"], ["rmse"])) == {"cv.rmse", "cv.rmse.std"}


@pytest.mark.parametrize("target", [[0] * 298 + [1] * 2, ["odd"] * 300])
def test_rows_that_cannot_be_split_or_fitted_have_no_folds(target: list[object]) -> None:
    assert cross_validated(LogisticRegression(), FEATURES, pd.Series(target), ["roc_auc"]) == {}


def test_few_rows_have_no_folds() -> None:
    assert cross_validated(LogisticRegression(), FEATURES[:20], TARGET[:20], ["roc_auc"]) == {}


def test_a_row_without_a_group_is_a_group_of_its_own() -> None:
    named = pd.Series(np.arange(300) // 10)
    gaps = named.astype("Int64").mask(named % 2 == 0)
    alone = named.where(named % 2 == 1, 100 + np.arange(300))
    model, names = LogisticRegression(), ["roc_auc"]
    expected = cross_validated(model, FEATURES, TARGET, names, alone)
    for groups in (gaps, gaps.astype(object), gaps.astype(float)):
        found = cross_validated(model, FEATURES, TARGET, names, groups)
        assert found["cv.roc_auc"] == pytest.approx(expected["cv.roc_auc"], abs=0.03)
    assert cross_validated(model, FEATURES, TARGET, names, pd.Series([None] * 300, dtype=object))
