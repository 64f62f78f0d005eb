"""A pipeline file becomes a DAG that trains, and a registry that says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlflow
import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_mlops.core.records import (
    DatasetRef,
    Evaluation,
    FeatureSet,
    ModelRef,
    Refit,
    RegisteredVersion,
    TuneResult,
    ValidationReport,
)
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import fluent
from tests.support.airflow import Ran, project, run, run_again

RECORDS = {
    "ingest": DatasetRef,
    "validate": ValidationReport,
    "features": FeatureSet,
    "train": ModelRef,
    "evaluate": Evaluation,
    "refit": Refit,
    "register": RegisteredVersion,
}


def test_a_pipeline_without_deploy_trains_its_champion(trained: Ran, mlflow_uri: str) -> None:
    assert trained.state == "success"
    assert set(trained.tasks.values()) == {"success"}
    registry = Registry(mlflow_uri, "trained")
    assert registry.get("champion") == trained.xcom("register")["model_version"] == 1
    assert registry.get("challenger") is None
    assert registry.version(1).tags["mlops.evaluation"] == "passed"


def test_what_travels_between_tasks_reads_back_as_records(trained: Ran) -> None:
    for task_id, kind in RECORDS.items():
        pushed = trained.xcom(task_id)
        assert kind.from_json(pushed).to_json() == pushed, task_id
    workers = [TuneResult.from_json(trained.xcom("tune", map_index=index)) for index in (0, 1)]
    assert [worker.worker for worker in workers] == [0, 1]
    assert trained.xcom("train")["params"] in [dict(worker.best_params) for worker in workers]


def test_weights_by_class_survive_a_search_and_a_cleared_task(tmp_path: Path, mlflow_uri: str) -> None:
    """Through Airflow's XCom and another try, the keys are the numbers of the classes."""
    space = {"class_weight": [{0: 1, 1: 20}, {0: 1, 1: 30}]}
    train = {"estimator": "sklearn.linear_model.RidgeClassifier", "params": {"class_weight": {0: 2, 1: 1}}}
    tuned = {**train, "tune": {"space": space, "n_trials": 2}}
    limits = {"metrics": ["accuracy"], "require": {"accuracy": ">= 0"}}
    dags = project(tmp_path, name="weighed", train=tuned, evaluate=limits)
    ran = run(dags["train"])
    assert ran.state == "success"
    assert ran.xcom("tune", map_index=0)["failed"] == 0
    first = ran.xcom("train")
    run_again(ran, "train")
    again = ran.xcom("train")
    assert again["digest"] == first["digest"]
    with fluent(mlflow_uri):
        model = mlflow.sklearn.load_model(again["model_uri"])
    assert model.named_steps["model"].class_weight in space["class_weight"]


def test_every_task_says_what_it_cost(trained: Ran) -> None:
    for task_id in RECORDS:
        cost = trained.xcom(task_id, "mlops_cost")
        assert cost["seconds"] >= 0
        assert cost["cpu_seconds"] >= 0
        assert len(cost["digest"]) == 64


def test_a_task_that_is_run_again_keeps_its_mlflow_run(trained: Ran, mlflow_uri: str) -> None:
    before = trained.xcom("train")
    run_again(trained, "train", "evaluate", "refit", "register")
    assert {trained.tasks[task] for task in ("train", "evaluate", "refit", "register")} == {"success"}
    assert trained.xcom("train")["model_uri"] != before["model_uri"]
    assert trained.xcom("train")["run_id"] == before["run_id"]
    assert trained.xcom("train")["digest"] == before["digest"]
    client = mlflow.MlflowClient(mlflow_uri)
    experiment = client.get_experiment_by_name("trained").experiment_id
    keys = [item.data.tags["mlops.task_key"] for item in client.search_runs([experiment])]
    assert sorted(keys) == sorted(set(keys))
    assert [key for key in keys if f"/{trained.run_id}/train/" in key]


def worse(**evaluate: Any) -> dict[str, Any]:
    return {
        "retries": 2,
        "train": {"estimator": "sklearn.dummy.DummyClassifier"},
        "evaluate": {"metrics": ["accuracy"], **evaluate},
    }


@pytest.mark.parametrize(
    ("evaluate", "reason"),
    [
        ({"require": {"accuracy": ">= 0.7"}}, r"evaluation gate failed: accuracy 0\.\d+ .*0\.7"),
        (
            {"against_champion": {"accuracy": ">= -0.01"}},
            r"evaluation gate failed: worse: accuracy .*champion",
        ),
    ],
)
def test_a_worse_model_fails_its_gate_at_once(
    tmp_path: Any, mlflow_uri: str, evaluate: dict[str, Any], reason: str
) -> None:
    name = f"gate_{next(iter(evaluate))}"
    assert run(project(tmp_path, name=name)["train"]).state == "success"
    second = run(project(tmp_path, name=name, **worse(**evaluate))["train"])
    assert second.state == "failed"
    assert second.tasks["evaluate"] == "failed"
    assert [second.tasks[task] for task in ("refit", "register")] == ["upstream_failed"] * 2
    assert second.tries("evaluate") == 1
    [error] = second.errors["evaluate"]
    assert isinstance(error, AirflowFailException)
    assert len(str(error).splitlines()) == 1
    assert re.search(reason, str(error)), str(error)
    registry = Registry(mlflow_uri, name)
    assert [item.version for item in registry.versions()] == [1]
    assert registry.get("champion") == 1
    assert second.xcom("evaluate", "evaluation")["passed"] is False
