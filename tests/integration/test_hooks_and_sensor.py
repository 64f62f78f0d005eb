"""Connections, the sensor, and a stage in a DAG that somebody writes by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Connection

from airflow_mlops import load_pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.hooks.mlflow import MlflowHook
from airflow_mlops.hooks.serving import ServingHook
from airflow_mlops.operators.ingest import IngestOperator
from airflow_mlops.operators.train import TrainOperator
from airflow_mlops.sensors.alias import ModelAliasSensor
from tests.support.airflow import Ran, project, run


def define(patch: pytest.MonkeyPatch, name: str, **fields: object) -> None:
    made = Connection(conn_id=name, conn_type="mlops_mlflow", **fields)  # type: ignore[arg-type]
    patch.setenv(f"AIRFLOW_CONN_{name.upper()}", made.as_json())


@pytest.mark.parametrize(
    ("fields", "uri", "ui"),
    [
        (
            {"host": "https://mlflow.example.com/"},
            "https://mlflow.example.com/",
            "https://mlflow.example.com",
        ),
        ({"host": "sqlite:////data/m.db"}, "sqlite:////data/m.db", None),
        (
            {"host": "sqlite:////data/m.db", "extra": '{"ui_url": "http://ui:5000/"}'},
            "sqlite:////data/m.db",
            "http://ui:5000",
        ),
        ({"host": "localhost", "port": 5000}, "http://localhost:5000", "http://localhost:5000"),
        (
            {"host": "localhost", "port": 443, "schema": "https"},
            "https://localhost:443",
            "https://localhost:443",
        ),
        ({"host": "/data/mlruns"}, "/data/mlruns", None),
    ],
)
def test_an_mlflow_connection_gives_its_address(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], uri: str, ui: str | None
) -> None:
    define(monkeypatch, "some_mlflow", **fields)
    hook = MlflowHook("some_mlflow")
    assert (hook.tracking_uri(), hook.ui_url()) == (uri, ui)


def test_a_login_reaches_mlflow_through_its_environment_while_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.setenv(name, "stale")
    define(monkeypatch, "with_login", host="https://a.example", login="ada", password="pw")
    mlflow = MlflowHook("with_login").access()
    assert (mlflow.uri, os.environ["MLFLOW_TRACKING_USERNAME"]) == ("https://a.example", "stale")
    with mlflow.signed_in():
        assert os.environ["MLFLOW_TRACKING_USERNAME"] == "ada"
        assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "pw"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "stale"
    define(monkeypatch, "with_token", host="https://a.example", password="token")
    with MlflowHook("with_token").access().signed_in():
        assert os.environ["MLFLOW_TRACKING_TOKEN"] == "token"


def test_without_a_connection_mlflow_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://from.environment")
    assert MlflowHook("nowhere").tracking_uri() == "https://from.environment"
    assert MlflowHook("nowhere").ui_url() is None
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(tmp_path)
    assert MlflowHook("nowhere").tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_host_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "bare", host="mlflow")
    with pytest.raises(
        ConfigError, match="connection 'bare': host 'mlflow' is not a tracking URI: it must be"
    ):
        MlflowHook("bare").tracking_uri()


def test_a_server_connection_needs_an_address_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "server", host="http://a:8500/", password="token")
    assert ServingHook("server").address().base_url == "http://a:8500"
    define(monkeypatch, "server", host="a", port=8500, password="token")
    assert ServingHook("server").address().base_url == "http://a:8500"
    define(monkeypatch, "server", host="http://a:8500")
    with pytest.raises(ConfigError, match="connection 'server' needs the address as host, a token as"):
        ServingHook("server").address()
    with pytest.raises(ConfigError, match="no Airflow connection 'absent': add one of type mlops_serving"):
        ServingHook("absent").address()


def test_the_sensor_returns_the_version_of_the_alias(trained: Ran) -> None:
    with DAG("waits_for_champion", schedule=None) as dag:
        ModelAliasSensor(task_id="champion", model_name="trained", poke_interval=0.1, timeout=5)
        brief: dict[str, Any] = {"poke_interval": 0.1, "timeout": 0.3, "soft_fail": True}
        ModelAliasSensor(task_id="newer", model_name="trained", not_version=1, **brief)
        ModelAliasSensor(task_id="other", model_name="nobody", alias="x", **brief)
    ran = run(dag)
    assert ran.tasks == {"champion": "success", "newer": "skipped", "other": "skipped"}
    assert ran.xcom("champion") == 1


def test_a_stage_works_in_a_dag_that_is_written_by_hand(tmp_path: Path) -> None:
    project(tmp_path, name="by_hand")
    folder = tmp_path / "pipelines"
    pipeline = load_pipeline(folder / "by_hand.yaml")
    with DAG("my_own", schedule=None) as dag:
        rows = IngestOperator(task_id="rows", pipeline=pipeline, base=folder)
        TrainOperator(task_id="too_early", pipeline=pipeline, base=folder, features=rows.output)
        with pytest.raises(TypeError, match="missing keyword argument 'features'"):
            TrainOperator(task_id="without", pipeline=pipeline)  # type: ignore[call-arg]
    ran = run(dag)
    assert ran.tasks == {"rows": "success", "too_early": "failed"}
    assert ran.xcom("rows")["rows"] == 2_000
    assert ran.error("too_early") == "expected a FeatureSet record, got kind 'DatasetRef'"
