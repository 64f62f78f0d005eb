"""Monitoring from end to end: a real champion in MLflow, real expectations, one window a month.

The data: February is like the training month, in March ``x`` moves, from April on the label has nothing
to do with ``x``, June's labels are mostly missing, July fails an expectation.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import DriftReport, PerformanceReport, ScoredWindow, Triage
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from airflow_mlops.monitoring.profile import build_profile
from airflow_mlops.training import models
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import task_run
from tests.support.mlflow_store import new_store

ROWS = 1_000


def month(number: int, rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(number)
    x = rng.normal(1.0 if number == 3 else 0.0, 1, rows)
    late = rng.random(rows) < 1 / (1 + np.exp(-3 * (rng.normal(size=rows) if number >= 4 else x)))
    labels = late.astype(float)
    if number == 6:
        labels[: rows // 2] = np.nan
    hours = pd.to_timedelta(np.sort(rng.integers(0, 28 * 24, rows)), unit="h")
    return pd.DataFrame(
        {
            "id": np.arange(rows) + number * rows,
            "at": pd.Timestamp(2020, number, 1, tz="UTC") + hours,
            "x": x,
            "city": rng.choice(["Ulm", "Rom"], rows),
            "price": rng.exponential(size=rows) - (5 if number == 7 else 0),
            "late": labels,
        }
    )


def pipeline(name: str = "trains", **monitor: Any) -> dict[str, Any]:
    monitoring = {
        "schedule": "@monthly",
        "drift": {"threshold": 0.25},
        "performance": {"require": {"roc_auc": ">= 0.8", "accuracy": ">= 0.5"}},
        "retrain": {"when": ["performance"], "cooldown": "40d"},
    }
    return Pipeline.model_validate(
        {
            "name": name,
            "data": {
                "source": {"type": "parquet", "filepath": "rows"},
                "target": "late",
                "keys": ["id", "at"],
            },
            "validate": {"expect": [{"column": "price", "min": 0}, {"column": "late", "not_null": True}]},
            "train": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "evaluate": {"metrics": ["roc_auc"]},
            "monitor": {**monitoring, **monitor},
        }
    ).effective()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with months of rows and an MLflow store whose champion learned January."""
    folder = tmp_path_factory.mktemp("monitor")
    (folder / "rows").mkdir()
    for number in range(2, 8):
        month(number).to_parquet(folder / "rows" / f"2020-{number:02d}.parquet")
    january = month(1, 5_000)
    raw, labels = january.drop(columns="late"), january["late"].astype(int)
    model = make_pipeline(make_column_transformer(("passthrough", ["x", "price"])), LogisticRegression())
    model.fit(raw, labels)
    uri, artifacts = new_store(folder), str(folder / "artifacts")
    with task_run(uri, "trains", "train", artifacts, {}) as run:
        scores = model.predict_proba(raw)[:, 1]
        run.json(build_profile(raw, labels, scores, exclude=["id", "at"]), "profile.json")
        model_uri = models.log_model(run, model, raw, model.predict(raw), ["scikit-learn"])
    registry = Registry(uri, "trains")
    registry.set("champion", registry.register(model_uri, run.run_id, {}))
    return folder


def stage(
    place: Path, name: str, number: int, config: Mapping[str, Any] | None = None, **inputs: Any
) -> dict[str, Any]:
    request = StageRequest(
        stage=name,
        pipeline=config or pipeline(),
        task_key=f"{name}/{number}",
        artifacts=str(place / "artifacts"),
        tracking_uri=f"sqlite:///{place}/mlflow.db",
        base=str(place),
        window_start=f"2020-{number:02d}-01T00:00:00+00:00",
        as_of=f"2020-{number + 1:02d}-01T00:00:00+00:00",
        inputs=inputs,
    )
    return dict(run_stage(request).record)


def monitored(
    place: Path, number: int, config: Mapping[str, Any] | None = None
) -> tuple[ScoredWindow, DriftReport, PerformanceReport, Triage]:
    window = stage(place, "observe", number, config)
    drift = stage(place, "drift", number, config, window=window)
    performance = stage(place, "performance", number, config, window=window)
    triage = stage(place, "triage", number, config, window=window, drift=drift, performance=performance)
    return (
        ScoredWindow.from_json(window),
        DriftReport.from_json(drift),
        PerformanceReport.from_json(performance),
        Triage.from_json(triage),
    )


def test_the_months_are_decided_as_their_data_deserve(place: Path) -> None:
    february = monitored(place, 2)
    assert february[1].verdict == "stable"
    assert february[2].verdict == "ok"
    assert february[3].action == "none"

    march = monitored(place, 3)
    assert set(march[1].drifted) == {"x", "_score"}
    assert {column.column for column in march[1].columns} == {"x", "city", "price"}
    assert march[3].action == "alert"
    assert "lists only performance" in march[3].reason

    april = monitored(place, 4)
    assert april[2].verdict == "decay"
    assert april[3].action == "alert"
    assert "1 of 2 windows in a row (2020-04)" in april[3].reason

    may = monitored(place, 5)
    assert may[3].action == "retrain"
    assert may[3].causes == ("performance",)
    assert "for 2 windows in a row (2020-04, 2020-05)" in may[3].reason
    assert monitored(place, 5) == may  # a window that is run again does not count itself

    june = monitored(place, 6)
    assert june[0].labelled == ROWS / 2
    assert june[2].verdict == "insufficient"
    assert june[3].action == "none"

    july = monitored(place, 7)
    assert july[0].validation is not None
    assert [failure.column for failure in july[0].validation.failures] == ["price"]
    assert july[3].action == "block"


def test_the_window_holds_the_champions_scores_and_is_written_once(place: Path) -> None:
    first = ScoredWindow.from_json(stage(place, "observe", 2))
    again = ScoredWindow.from_json(stage(place, "observe", 2))
    assert first == again
    rows = pd.read_parquet(first.dataset.uri)
    assert len(list(Path(first.dataset.uri).parent.glob("*.parquet"))) == 1
    assert len(rows) == first.dataset.rows == first.labelled == ROWS
    assert rows["_score"].between(0, 1).all()
    assert ((rows["_score"] >= 0.5) == (rows["_prediction"] == 1)).all()
    assert (first.classes, first.probabilities) == ((0, 1), True)


def test_expectations_on_labels_wait_for_the_labels(place: Path) -> None:
    window = ScoredWindow.from_json(stage(place, "observe", 6))
    assert window.validation is not None
    assert window.validation.passed
    assert window.validation.expectations == 1


def test_a_window_keeps_the_rows_that_a_training_would_quarantine(place: Path) -> None:
    quarantine = {"expect": [{"column": "price", "min": 0.01}], "on_failure": "quarantine"}
    few = stage(place, "observe", 2, {**pipeline(), "validate": quarantine})
    assert few["dataset"]["rows"] == ROWS
    rows = few["validation"]["quarantine"]["rows"]
    assert 0 < rows < 50
    decided = stage(place, "triage", 2, window=few)
    assert decided["action"] == "alert"
    assert decided["reason"].endswith(f"a training would quarantine {rows} of 1,000 rows")
    many = stage(place, "observe", 7, {**pipeline(), "validate": quarantine})
    assert stage(place, "triage", 7, window=many)["action"] == "block"
    assert not (place / "artifacts" / "trains" / "quarantine").exists()


def test_rows_without_a_label_column_can_be_observed(place: Path, tmp_path: Path) -> None:
    month(2).drop(columns="late").to_parquet(tmp_path / "unlabelled.parquet")
    config = pipeline()
    config["data"]["source"]["filepath"] = str(tmp_path / "unlabelled.parquet")
    window = stage(place, "observe", 2, config)
    assert window["labelled"] == 0
    assert stage(place, "performance", 2, config, window=window)["verdict"] == "insufficient"


def test_without_a_champion_the_message_says_to_train(place: Path) -> None:
    with pytest.raises(ConfigError, match="no champion of boats yet: run boats__train first"):
        stage(place, "observe", 2, pipeline("boats"))


def test_the_profile_is_fetched_from_the_champions_run_when_it_is_not_at_hand(place: Path) -> None:
    window = stage(place, "observe", 2)
    (stored,) = (place / "artifacts" / "trains" / "monitor" / "1").glob("profile-*.json")
    before = stage(place, "drift", 2, window=window)
    stored.unlink()
    assert stage(place, "drift", 2, window=window) == before


def test_a_champion_trained_without_a_profile_asks_for_training(place: Path) -> None:
    window = stage(place, "observe", 2)
    uri = f"sqlite:///{place}/mlflow.db"
    with task_run(uri, "trains", "bare", str(place / "artifacts"), {}) as run:
        run.json({}, "golden.json")
    with pytest.raises(ConfigError, match=r"has no profile\.json, .*: train again"):
        stage(place, "drift", 2, window={**window, "run_id": run.run_id})


def test_rows_that_the_champion_cannot_score_are_rejected(place: Path, tmp_path: Path) -> None:
    month(2).drop(columns="x").to_parquet(tmp_path / "less.parquet")
    config = pipeline()
    config["data"]["source"]["filepath"] = str(tmp_path / "less.parquet")
    with pytest.raises(DataRejected, match=r"trains version 1 cannot score these rows: .*x"):
        stage(place, "observe", 2, config)


def test_a_metric_of_another_task_is_an_error_of_the_file(place: Path) -> None:
    window = stage(place, "observe", 2)
    config = pipeline(performance={"require": {"rmse": "<= 1"}})
    with pytest.raises(ConfigError, match="metric rmse is for regression"):
        stage(place, "performance", 2, config, window=window)
