"""Records, terminal and MLflow show which rows were taken, how they were split, and what was left out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.records import summarize
from tests.support.project import Project, customers

AS_OF = dt.datetime(2024, 1, 21, tzinfo=dt.UTC)
"""After 480 of the 600 hourly rows."""


def project(root: Path, *, unknown: int = 0, **time: object) -> Project:
    rows = customers()
    rows["seen_at"] = rows["seen_at"].dt.strftime("%d/%m/%Y %H:%M")
    rows.loc[: unknown - 1, "seen_at"] = "unknown"
    data = {
        "source": {"type": "parquet", "filepath": "customers.parquet"},
        "target": "churned",
        "keys": ["customer_id", "seen_at"],
        "time": {"format": "%d/%m/%Y %H:%M", **time},
    }
    return Project.create(root, rows.drop(columns="refund"), features=None, data=data)


def test_a_declared_time_bounds_and_splits_the_rows_and_everybody_reads_it(tmp_path: Path) -> None:
    found = project(tmp_path, unknown=3, max_quarantine=0.01)
    dataset = found.run("ingest", {}, as_of=AS_OF.isoformat())
    assert (dataset["rows"], dataset["times"]["quarantined"]) == (477, 3)
    assert dataset["times"]["first"] == "2024-01-01T03:00:00+00:00"
    assert dataset["times"]["last"] == "2024-01-20T23:00:00+00:00"
    assert summarize(dataset) == (
        "477 rows (seen_at before 2024-01-21 00:00, from 2024-01-01 03:00 to 2024-01-20 23:00 UTC), digest "
        f"{dataset['digest'][:12]}; 120 left out: outside the window; 3 rows quarantined: no time in seen_at "
        "that can be read, e.g. 'unknown'"
    )
    assert dataset["left_out"] == {"outside the window": 120, "no time in seen_at that can be read": 3}
    aside = pd.read_parquet(dataset["times"]["quarantine"])
    assert aside["seen_at"].tolist() == ["unknown"] * 3
    assert set(aside["_quarantined_for"]) == {"no time in seen_at that can be read"}

    features = found.run("features", {"dataset": dataset})
    # 477 rows: the 381 oldest teach; hours run on from 03:00 of the first day
    cut = dt.datetime(2024, 1, 1, 3, tzinfo=dt.UTC) + dt.timedelta(hours=381)
    assert features["train"]["rows"] == 381
    assert features["holdout"]["times"]["first"] == cut.isoformat()
    assert features["train"]["times"]["last"] == (cut - dt.timedelta(hours=1)).isoformat()
    assert summarize(features) == (
        "3 features; 381 rows (2024-01-01 03:00 to 2024-01-16 23:00) to learn from, 96 "
        "(2024-01-17 00:00 to 2024-01-20 23:00) held out by time"
    )


def test_mlflow_has_the_window_and_the_split(tmp_path: Path) -> None:
    found = Project.create(tmp_path)
    dataset = found.run("ingest", {}, as_of=AS_OF.isoformat())
    features = found.run("features", {"dataset": dataset})
    model = found.run("train", {"features": features})
    client = mlflow.MlflowClient(tracking_uri=found.tracking_uri)
    params = client.get_run(model["run_id"]).data.params
    assert {name: params[name] for name in params if "." in name} == {
        "data.window": "seen_at before 2024-01-21 00:00, from 2024-01-01 00:00 to 2024-01-20 23:00 UTC",
        "split.by": "time",
        "train.rows": "384",
        "train.from": "2024-01-01T00:00:00+00:00",
        "train.to": "2024-01-16T23:00:00+00:00",
        "holdout.rows": "96",
        "holdout.from": "2024-01-17T00:00:00+00:00",
        "holdout.to": "2024-01-20T23:00:00+00:00",
        "learned.rows": "384",
    }
    assert params["split"] == "by time: seen_at from 2024-01-17T00:00:00+00:00 is held out"


def test_rows_without_a_time_are_all_taken_and_that_is_recorded(tmp_path: Path) -> None:
    found = Project.create(tmp_path, customers().drop(columns="refund"))
    data = {**found.config["data"], "keys": ["customer_id"]}
    dataset = found.changed(data=data, features=None).run("ingest", {}, as_of=AS_OF.isoformat())
    assert (dataset["rows"], dataset["times"], dataset["end"]) == (600, None, None)
    assert "600 rows (all of the source: there is no event time)" in summarize(dataset)
    features = found.changed(data=data, features=None).run("features", {"dataset": dataset})
    assert features["split_by"] == "entity"
    assert summarize(features).endswith("held out by entity")


def test_more_bad_times_than_declared_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRejected, match=r"9 of 600 rows \(1\.5 %\) have no time in 'seen_at'"):
        project(tmp_path, unknown=9, max_quarantine=0.01).run("ingest", {})


def test_a_retry_writes_nothing_twice(tmp_path: Path) -> None:
    found = project(tmp_path, unknown=3, max_quarantine=0.01)
    first = found.run("ingest", {})
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("artifacts/**/*.parquet")}
    assert found.run("ingest", {}) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("artifacts/**/*.parquet")} == files
    assert len(files) == 2
