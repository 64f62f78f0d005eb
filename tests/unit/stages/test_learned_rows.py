"""A training learns the newest rows, a sample, or weighted rows when the file says so, and records it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.training import models
from airflow_mlops.training.tracking import connect
from tests.support.project import Project, customers

LINEAR = {"estimator": "sklearn.linear_model.LinearRegression"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One number that rises with time, so that its mean tells which rows were learned."""
    rows = 600
    frame = pd.DataFrame(
        {
            "id": range(rows),
            "at": pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC"),
            "x": 0.0,
            "w": np.where(np.arange(rows) < 240, 3.0, 1.0),
            "y": np.arange(rows, dtype=float),
        }
    )
    source = {"type": "parquet", "filepath": "customers.parquet"}
    return Project.create(
        tmp_path_factory.mktemp("learned"),
        frame,
        data={"source": source, "target": "y", "keys": ["id", "at"]},
        features=None,
        train={"estimator": "sklearn.dummy.DummyRegressor"},
        evaluate={"metrics": ["mae"]},
    )


@pytest.fixture(scope="module")
def features(project: Project) -> dict[str, Any]:
    return project.run("features", {"dataset": project.run("ingest", {})})


def fitted(project: Project, features: Any, **train: Any) -> tuple[dict[str, Any], float, dict[str, str]]:
    """Return the record, the mean that was learned, and what the run says of its rows."""
    changed = project.changed(train={**project.config["train"], **train})
    model = changed.run("train", {"features": features}, str(train))
    loaded = models.load_model(project.tracking_uri, model["model_uri"])
    mean = float(loaded.predict(pd.DataFrame({"x": [0.0], "w": [1.0]}))[0])
    return model, mean, connect(project.tracking_uri).get_run(model["run_id"]).data.params


def test_a_window_of_time_ends_with_the_newest_row_that_may_teach(project: Project, features: Any) -> None:
    model, mean, params = fitted(project, features, window="2d")
    newest = features["train"]["rows"]
    assert (model["rows"], mean) == (48, pytest.approx(newest - 24.5))
    assert params["learned.rows"] == "48"
    assert params["learned.of"] == f"the last 2 days of {newest} rows"


def test_a_window_of_rows_and_a_sample_of_it(project: Project, features: Any) -> None:
    assert fitted(project, features, window=100)[1] == pytest.approx(features["train"]["rows"] - 50.5)
    model, mean, params = fitted(project, features, window=100, sample=0.5)
    assert (model["rows"], params["learned.rows"]) == (50, "50")
    assert mean != pytest.approx(features["train"]["rows"] - 50.5)
    assert fitted(project, features, window=100, sample=0.5)[1] == mean


def test_the_last_fit_learns_the_window_of_all_rows(project: Project, features: Any) -> None:
    changed = project.changed(train={**project.config["train"], "window": "2d"})
    model = changed.run("train", {"features": features}, "window")
    evaluation = changed.run("evaluate", {"features": features, "model": model}, "window")
    refit = changed.run("refit", {"features": features, "evaluation": evaluation}, "window")
    loaded = models.load_model(project.tracking_uri, refit["model_uri"])
    assert (refit["rows"], loaded.predict(pd.DataFrame({"x": [0.0], "w": [1.0]}))[0]) == (48, 599 - 23.5)


def test_rows_that_a_gap_keeps_from_teaching_are_learned_in_the_last_fit(project: Project) -> None:
    gap = project.changed(evaluate={"metrics": ["mae"], "holdout": {"last": "2d", "gap": "1d"}})
    features = gap.run("features", {"dataset": gap.run("ingest", {})}, "gap")
    held, aside = features["holdout"]["rows"], features["aside"]["rows"]
    assert min(held, aside) > 0
    model = gap.run("train", {"features": features}, "gap")
    evaluation = gap.run("evaluate", {"features": features, "model": model}, "gap")
    refit = gap.run("refit", {"features": features, "evaluation": evaluation}, "gap")
    loaded = models.load_model(project.tracking_uri, refit["model_uri"])
    mean = float(loaded.predict(pd.DataFrame({"x": [0.0], "w": [1.0]}))[0])
    assert (model["rows"], refit["rows"], mean) == (600 - held - aside, 600, 299.5)


def test_a_window_without_times_is_refused(project: Project) -> None:
    data = {**project.config["data"], "keys": ["id"], "columns": {"drop": ["at"]}}
    untimed = project.changed(data=data, train={**project.config["train"], "window": "2d"})
    features = untimed.run("features", {"dataset": untimed.run("ingest", {})}, "untimed")
    with pytest.raises(ConfigError, match=r"train\.window needs an event time"):
        untimed.run("train", {"features": features}, "untimed")


def test_weights_count_in_the_fit_and_are_no_feature(project: Project) -> None:
    weighted = project.changed(train={**project.config["train"], "weights": "w"})
    features = weighted.run("features", {"dataset": weighted.run("ingest", {})}, "weighted")
    assert features["features"] == ["x"]
    _, mean, params = fitted(weighted, features, weights="w")
    y = np.arange(features["train"]["rows"])
    assert mean == pytest.approx(np.average(y, weights=np.where(y < 240, 3.0, 1.0)))
    assert params["learned.weights"] == "w"


def test_weights_that_are_missing_in_rows_are_refused(tmp_path: Path) -> None:
    frame = customers().assign(w=1.0)
    frame.loc[5, "w"] = None
    train = {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "weights": "w"}
    project = Project.create(tmp_path, frame, train=train)
    features = project.run("features", {"dataset": project.run("ingest", {})})
    with pytest.raises(DataRejected, match=r"1 of .* rows have no weight in 'w'"):
        project.run("train", {"features": features})


def test_a_feature_function_does_not_see_the_weights(tmp_path: Path) -> None:
    train = {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "weights": "w"}
    project = Project.create(tmp_path, customers().assign(w=1.0), train=train)
    (tmp_path / "churn_features.py").write_text("def build(rows):\n    return rows[['visits', 'w']]\n")
    with pytest.raises(ConfigError, match="'w'"):
        project.run("features", {"dataset": project.run("ingest", {})})
