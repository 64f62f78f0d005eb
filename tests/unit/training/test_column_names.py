"""A booster that refuses the name of a feature says which columns to rename."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training import estimators
from airflow_mlops.training.column_names import renaming_hint

FEATURES = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["size", 'b{"x":[1]}'])
TARGET = pd.Series(np.arange(40) % 2)


@pytest.mark.parametrize("path", ["xgboost.XGBClassifier", "lightgbm.LGBMClassifier"])
def test_the_columns_are_named(path: str) -> None:
    booster = estimators.make_estimator(path, {"n_estimators": 2}, Path())
    with pytest.raises(ConfigError, match=r"columns with such a name: 'b\{\"x\":\[1\]\}'; rename"):
        estimators.fit(booster, FEATURES, TARGET)


def test_other_reasons_and_many_columns() -> None:
    many = [f"c[{i}]" for i in range(8)]
    assert renaming_hint(ValueError("Input X contains NaN"), many) == ""
    assert renaming_hint(ValueError("bad feature name"), ["a", "b"]) == ""
    assert "'c[4]' and 3 more;" in renaming_hint(ValueError("bad feature_names"), many)
