"""A raw table is trained, logged and served without a line of code: the steps are in the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pytest

from airflow_mlops.serving.fetching import Fetcher
from airflow_mlops.serving.loading import load
from airflow_mlops.serving.payload import Payload
from airflow_mlops.training.models import json_rows
from airflow_mlops.training.tracking import connect, fluent
from tests.support.project import Project
from tests.support.tables import subscribers

LINEAR: dict[str, Any] = {
    "estimator": "sklearn.linear_model.LogisticRegression",
    "params": {"max_iter": 500},
    "threshold": {"metric": "f1"},
}
HISTOGRAM: dict[str, Any] = {
    "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
    "params": {"max_iter": 300},
    "early_stopping": 5,
    "preprocess": {"text": ["comment"]},
}


def project(folder: Path, rows: int = 900, **train: Any) -> Project:
    data = {
        "source": {"type": "parquet", "filepath": "customers.parquet"},
        "target": "left",
        "keys": ["contract"],
        "time": None,
        "positive": "yes",
    }
    return Project.create(folder, subscribers(rows), features=None, data=data, train=train)


@pytest.mark.parametrize("train", [LINEAR, HISTOGRAM], ids=["linear", "histogram"])
def test_a_raw_table_is_trained_logged_and_served(tmp_path: Path, train: dict[str, Any]) -> None:
    made = project(tmp_path, **train)
    _, model = made.trained()
    assert "comment" in model["preprocess"]["left_out"] or train is HISTOGRAM
    assert (model["rounds"] or 0) < 300
    shown = connect(made.tracking_uri).get_run(model["run_id"]).data.params
    assert "target encoding: town" in shown["preprocess"]
    assert shown.get("early_stopping.rounds", "None") == str(model["rounds"])
    rows = subscribers(50, seed=5).drop(columns="left")
    rows.loc[0, "town"], rows.loc[1, ["town", "since"]] = "never seen", None
    with fluent(made.tracking_uri):
        found = mlflow.pyfunc.load_model(model["model_uri"])
        expected = found.predict(rows)
        asked = [column.name for column in found.metadata.signature.inputs]
    assert set(expected) <= {"yes", "no"}
    assert "country" not in asked
    served = load(1, model["model_uri"], tmp_path / "served", Fetcher(made.tracking_uri))
    columns = dict(zip(asked, zip(*json_rows(rows[asked]), strict=True), strict=True))
    payload = Payload(len(rows), {name: list(values) for name, values in columns.items()})
    assert served.predict([served.prepare(payload)]).values == list(expected)


def test_a_raw_table_is_tuned_and_fitted_once_more_with_the_same_steps(tmp_path: Path) -> None:
    tune = {"space": {"learning_rate": [0.05, 0.2]}, "n_trials": 2}
    made = project(tmp_path, 600, **{**HISTOGRAM, "params": {"max_iter": 40}, "tune": tune})
    features, model = made.trained()
    assert 0.05 <= model["params"]["learning_rate"] <= 0.2
    evaluation = made.run("evaluate", {"features": features, "model": model})
    again = made.run("refit", {"features": features, "evaluation": evaluation})
    assert again["rows"] == 600
    assert (again["preprocess"], again["rounds"]) == (model["preprocess"], model["rounds"])
    with fluent(made.tracking_uri):
        steps = mlflow.sklearn.load_model(again["model_uri"])[-1][0]
    assert steps.named_transformers_["target_mean"][-1].cv.n_splits == 5
