"""XGBoost and LightGBM for real: a raw table, early stopping, and the model that is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.boosters import ROUNDS, assert_served_as_trained, project

OPTIONS = {"n_estimators": ROUNDS, "learning_rate": 0.3, "n_jobs": 1}


@pytest.mark.parametrize(
    ("estimator", "params"),
    [("xgboost.XGBClassifier", OPTIONS), ("lightgbm.LGBMClassifier", {**OPTIONS, "verbose": -1})],
)
def test_a_boosted_model_is_logged_and_served_as_it_was_trained(
    tmp_path: Path, estimator: str, params: dict[str, Any]
) -> None:
    assert_served_as_trained(project(tmp_path, estimator, **params))
