"""What a target has to be for an estimator, and that an estimator has to learn it."""

from __future__ import annotations

import decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training import estimators

SECTION = Data.model_validate({"source": {"type": "csv", "filepath": "rows.csv"}, "target": "price"})


def check(values: Any) -> list[Any]:
    return estimators.check_target(pd.Series(values, name="price"), Ridge(), SECTION, ["rmse"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1.5", "2.5"], "string"),
        (pd.Categorical(["1.5", "2.5"]), "string"),
        (pd.date_range("2026-01-01", periods=2), "datetime"),
        (pd.to_timedelta([1, 2], unit="s"), "timedelta"),
    ],
)
def test_what_is_no_number_is_refused_before_the_fit(values: Any, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"Ridge predicts numbers, but the target 'price' is {kind}"):
        check(values)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        [True, False],
        pd.array([1, 2], dtype="Int64"),
        [decimal.Decimal("1.5"), decimal.Decimal(2)],
        pd.Categorical([1, 2]),
    ],
)
def test_numbers_of_every_type_are_taken(values: Any) -> None:
    assert check(values) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("sklearn.cluster.KMeans", "clusterer"),
        ("sklearn.ensemble.IsolationForest", "outlier detector"),
        ("sklearn.mixture.GaussianMixture", "density estimator"),
    ],
)
def test_an_estimator_that_learns_no_target_is_refused(path: str, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"{path} is a {kind}, which does not learn the target"):
        estimators.make_estimator(path, {}, Path())
