"""The champion's scores and their realised quality for each kind of model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import PerformanceReport, ScoredWindow
from airflow_mlops.data.datasets import write_dataset
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from airflow_mlops.monitoring.champion import Champion

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"x": RNG.normal(size=2_000), "z": RNG.normal(size=2_000)})
LABELS = {
    "number": ROWS["x"] * 3 + RNG.normal(size=2_000),
    "yes or no": pd.Series(np.where(ROWS["x"] + RNG.normal(size=2_000) > 0, "yes", "no")),
    "colour": pd.Series(np.where(ROWS["x"] > 0.5, "red", np.where(ROWS["z"] > 0, "blue", "green"))),
}


def performance(
    tmp_path: Path, model: Any, labels: pd.Series, limits: dict[str, str], missing: int = 0
) -> PerformanceReport:
    champion = Champion("m", 3, "run", model.fit(ROWS, labels))
    scored = champion.scored(ROWS).assign(y=labels.where(np.arange(len(ROWS)) >= missing))
    window = ScoredWindow(
        dataset=write_dataset(scored, str(tmp_path)),
        model_version=3,
        run_id="run",
        start="2020-01-01T00:00:00+00:00",
        end="2020-01-02T00:00:00+00:00",
        labelled=len(ROWS) - missing,
        classes=champion.classes,
        probabilities=champion.gives_probabilities,
    )
    pipeline = {
        "name": "m",
        "data": {"source": {"type": "parquet", "filepath": "unused"}, "target": "y"},
        "train": {"estimator": "unused"},
        "evaluate": {"metrics": ["accuracy"]},
        "monitor": {"schedule": "@daily", "performance": {"require": limits}},
    }
    request = StageRequest(
        stage="performance", pipeline=pipeline, task_key="t", artifacts=str(tmp_path), tracking_uri="unused",
        inputs={"window": window.to_json()},
    )  # fmt: skip
    return PerformanceReport.from_json(run_stage(request).record)


def test_a_regressor_is_judged_by_its_errors(tmp_path: Path) -> None:
    found = performance(tmp_path, LinearRegression(), LABELS["number"], {"rmse": "<= 1.1", "r2": ">= 0.99"})
    assert found.metrics["rmse"] == pytest.approx(1, abs=0.05)
    assert {check.name: check.passed for check in found.checks} == {"rmse": True, "r2": False}
    assert found.verdict == "decay"


def test_labels_of_text_and_labels_that_are_late(tmp_path: Path) -> None:
    limits = {"roc_auc": ">= 0.7", "f1": ">= 0.5"}
    whole = performance(tmp_path, LogisticRegression(), LABELS["yes or no"], limits)
    late = performance(tmp_path, LogisticRegression(), LABELS["yes or no"], limits, missing=100)
    assert whole.verdict == late.verdict == "ok"
    assert (whole.rows, late.rows) == (2_000, 1_900)
    assert late.metrics["roc_auc"] == pytest.approx(whole.metrics["roc_auc"], abs=0.02)


@pytest.mark.parametrize("missing", [201, 1_501, 2_000])
def test_too_few_labels_are_insufficient(tmp_path: Path, missing: int) -> None:
    found = performance(tmp_path, LogisticRegression(), LABELS["yes or no"], {"f1": ">= 0.5"}, missing)
    assert (found.verdict, dict(found.metrics), found.checks) == ("insufficient", {}, ())


def test_more_than_two_classes_keep_all_their_probabilities(tmp_path: Path) -> None:
    limits = {"roc_auc": ">= 0.9", "log_loss": "<= 0.5", "accuracy": ">= 0.8"}
    found = performance(tmp_path, LogisticRegression(), LABELS["colour"], limits)
    assert found.verdict == "ok"
    assert set(found.metrics) == set(limits)


def test_a_classifier_without_probabilities_has_no_ranking(tmp_path: Path) -> None:
    assert performance(tmp_path, LinearSVC(), LABELS["yes or no"], {"accuracy": ">= 0.5"}).verdict == "ok"
    with pytest.raises(ConfigError, match="roc_auc needs predict_proba"):
        performance(tmp_path, LinearSVC(), LABELS["yes or no"], {"roc_auc": ">= 0.5"})
