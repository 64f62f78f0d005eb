"""What a stage may see: the sections of its row, and the ports that it was given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.lifecycle.call import partial_pipeline
from airflow_mlops.lifecycle.ports import environment_ports
from airflow_mlops.lifecycle.runner import StageRequest, run_function
from airflow_mlops.lifecycle.table import TASKS, find_task
from airflow_mlops.training.mlflow_access import Mlflow

CONFIG: dict[str, Any] = {
    "name": "churn",
    "data": {"source": {"type": "csv", "filepath": "a.csv"}, "target": "left"},
    "train": {"estimator": "no.such.Estimator", "nonsense": 1},
}


def test_only_the_named_sections_are_read_and_checked() -> None:
    found = partial_pipeline(CONFIG, ("data", "deploy"))
    assert (found.data.target, found.deploy) == ("left", None)


def test_a_section_that_the_row_does_not_name_is_an_error_and_no_default() -> None:
    found = partial_pipeline(CONFIG, ("data",))
    for name in ("deploy", "train", "evaluate"):
        with pytest.raises(AttributeError, match=name):
            getattr(found, name)


def test_a_missing_section_is_reported_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"evaluate: required key is missing"):
        partial_pipeline(CONFIG, ("data", "evaluate"))


def test_each_row_names_sections_that_exist() -> None:
    from airflow_mlops.config.models import Pipeline

    known = {field.alias or name for name, field in Pipeline.model_fields.items()}
    for task in TASKS:
        assert set(task.sections) <= known, task.id
        assert not task.section or task.section.partition(".")[0] in known


def test_each_input_is_the_record_of_an_earlier_task() -> None:
    seen: set[str] = set()
    for task in TASKS:
        for giver in (*task.inputs.values(), *task.after, *task.reads.values()):
            row = find_task(giver)
            assert row is not None
            assert (giver in seen, row.dag) == (True, task.dag), (task.id, giver)
        seen.add(task.id)


def test_credentials_are_in_the_environment_only_while_a_stage_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "before")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    login = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "secret"}
    ports = environment_ports("sqlite:///x.db", str(tmp_path))
    mlflow = Mlflow("sqlite:///x.db", login)
    assert "secret" not in repr(mlflow)
    request = StageRequest(
        stage="own", pipeline={"name": "churn"}, task_key="", artifacts=str(tmp_path), tracking_uri=""
    )

    def look() -> dict[str, Any]:
        return {name: os.environ.get(name) == value for name, value in login.items()}

    given = type(ports)(
        connections=ports.connections, storage=ports.storage, mlflow=mlflow, rollouts=ports.rollouts
    )
    assert run_function(request, look, (), {}, given).record["values"] == dict.fromkeys(login, True)
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "before"
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ


def test_a_wrong_place_of_rollouts_concerns_only_who_opens_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MLOPS__ROLLOUTS", "postgresql://ann:secret@db/rollouts")
    ports = environment_ports("sqlite:///x.db", str(tmp_path))
    with pytest.raises(ConfigError, match="must not hold a password") as caught:
        ports.rollouts.store()
    assert "secret" not in str(caught.value)
