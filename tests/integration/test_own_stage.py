"""@task.ml_stage: a user's own function between the stages of a pipeline, run by Airflow."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_mlops import Pipeline
from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.records import DatasetRef, Evaluation, ModelRef
from airflow_mlops.decorators.ml_stage import ml_stage
from airflow_mlops.operators.evaluate import EvaluateOperator
from airflow_mlops.operators.features import FeaturesOperator
from airflow_mlops.operators.ingest import IngestOperator
from airflow_mlops.operators.train import TrainOperator
from airflow_mlops.operators.tune import TuneOperator
from airflow_mlops.stages.own import Frames
from airflow_mlops.training.tracking import TaskRun
from tests.support.airflow import FEATURES_WITHOUT_GAPS, PIPELINE, Ran, run
from tests.support.project import customers


def pipeline_in(folder: Path, name: str) -> Pipeline:
    customers(600).to_parquet(folder / "customers.parquet", index=False)
    (folder / "churn_features.py").write_text(FEATURES_WITHOUT_GAPS)
    return Pipeline(**{**PIPELINE, "name": name})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, airflow: None, mlflow_connection: None) -> Ran:
    """A training with stages of its own before and after the model."""
    folder = tmp_path_factory.mktemp("own")
    pipeline = pipeline_in(folder, "own")
    shared: dict[str, Any] = {"pipeline": pipeline, "base": folder}

    @task.ml_stage(**shared)
    def clean(rows: pd.DataFrame, *, least: int) -> pd.DataFrame:
        """Drop those who hardly came."""
        return rows[rows["visits"] >= least]

    @task.ml_stage(**shared)
    def explain(model: Any, features: Frames, run: TaskRun, ds: str) -> dict[str, Any]:
        run.params({"explained.by": "hand"})
        mlflow.log_metric("seen_by_mlflow", 1.0)
        answered = model.predict(features.holdout.drop(columns="churned"))
        return {"share": answered.mean(), "rows": len(answered), "day": ds, "sure": True}

    @task.ml_stage(**shared)
    def tell(judged: Evaluation, model: ModelRef, data: DatasetRef) -> dict[str, Any]:
        return {"passed": judged.passed, "same": judged.model == model, "train_rows": data.rows}

    with DAG("own_stages", schedule=None) as dag:
        rows = IngestOperator(task_id="ingest", **shared)
        cleaned: Any = clean(rows.output, least=2)
        features = FeaturesOperator(task_id="features", dataset=cleaned, **shared)
        model = TrainOperator(task_id="train", features=features.output, **shared)
        explain(model.output, features=features.output)  # type: ignore[call-arg]
        judged = EvaluateOperator(task_id="evaluate", features=features.output, model=model.output, **shared)
        tell(judged=judged.output, model=model.output, data=cleaned)
    ran = run(dag)
    assert ran.state == "success", ran.errors
    return ran


def test_airflow_finds_the_decorator_by_itself() -> None:
    assert task.ml_stage is ml_stage
    assert importlib.import_module("airflow_mlops.decorators.ml_stage").ml_stage is ml_stage


def test_rows_arrive_as_a_frame_and_travel_on_as_a_record(own: Ran) -> None:
    before, after = (DatasetRef.from_json(own.xcom(task_id)) for task_id in ("ingest", "clean"))
    assert before.rows == 600
    assert 0 < after.rows < 600
    assert (pd.read_parquet(after.uri)["visits"] >= 2).all()
    features = own.xcom("features")
    assert features["train"]["rows"] + features["holdout"]["rows"] == after.rows


def test_a_model_arrives_as_one_and_figures_are_on_its_run(own: Ran, mlflow_uri: str) -> None:
    told, model = own.xcom("explain"), own.xcom("train")
    assert told["kind"] == "OwnResult"
    assert told["run_id"] == model["run_id"]
    assert told["values"]["rows"] == own.xcom("features")["holdout"]["rows"]
    assert told["values"]["sure"] is True
    assert told["values"]["day"]
    data = mlflow.MlflowClient(mlflow_uri).get_run(model["run_id"]).data
    assert data.metrics["explain.share"] == pytest.approx(told["values"]["share"])
    assert data.metrics["seen_by_mlflow"] == 1.0
    assert data.params["explained.by"] == "hand"
    assert "explain.sure" not in data.metrics


def test_an_annotation_asks_for_the_record_itself(own: Ran) -> None:
    rows = own.xcom("clean")["rows"]
    assert own.xcom("tell")["values"] == {"passed": True, "same": True, "train_rows": rows}


def test_it_says_what_it_cost_as_other_stages_do(own: Ran) -> None:
    cost = own.xcom("clean", "mlops_cost")
    assert cost["seconds"] >= 0
    assert len(cost["digest"]) == 64
    assert own.dag.get_task("clean").doc_md == "Drop those who hardly came."
    assert own.dag.get_task("clean").owner == "airflow"


def test_bad_data_fails_at_once_and_an_outside_fault_is_tried_again(tmp_path: Path, mlflow_uri: str) -> None:
    pipeline = pipeline_in(tmp_path, "own_faults")

    def stage(function: Any) -> Any:
        return ml_stage(pipeline=pipeline, base=tmp_path, retries=1)(function)

    def rejects() -> None:
        raise DataRejected("41 rows have no price")

    def unlucky(run: TaskRun) -> None:
        raise OSError("the disk is on fire")

    def skips(run: TaskRun) -> None:
        raise AirflowSkipException("nothing to do")

    def returns() -> Any:
        return {1, 2}

    def wrong(model: ModelRef) -> None: ...

    with DAG("own_faults", schedule=None) as dag:
        for function in (rejects, unlucky, skips, returns):
            stage(function)()
        stage(wrong)(IngestOperator(task_id="ingest", pipeline=pipeline, base=tmp_path).output)
    ran = run(dag)
    assert {name: ran.tries(name) for name in ("rejects", "unlucky", "returns", "wrong")} == {
        "rejects": 1,
        "unlucky": 2,
        "returns": 1,
        "wrong": 1,
    }
    assert ran.tasks["skips"] == "skipped"
    assert isinstance(ran.errors["rejects"][0], AirflowFailException)
    assert ran.error("rejects") == "41 rows have no price"
    assert [type(error) for error in ran.errors["unlucky"]] == [OSError, OSError]
    assert ran.error("returns").startswith("returns returned set: return a DataFrame, a record, a mapping")
    assert ran.error("wrong") == "expected a ModelRef record, got kind 'DatasetRef'"
    client = mlflow.MlflowClient(mlflow_uri)
    experiment = client.get_experiment_by_name("own_faults").experiment_id
    runs = {item.data.tags["mlops.stage"]: item for item in client.search_runs([experiment])}
    assert runs["unlucky"].info.status == "FAILED"


def test_records_of_mapped_tasks_arrive_as_a_list_and_a_stage_can_be_mapped(tmp_path: Path) -> None:
    space = {"alpha": [0.1, 10.0]}
    train = {**PIPELINE["train"], "tune": {"space": space, "n_trials": 2, "workers": 2}}
    pipeline = Pipeline(**{**pipeline_in(tmp_path, "own_mapped").effective(), "train": train})
    shared: dict[str, Any] = {"pipeline": pipeline, "base": tmp_path}

    @task.ml_stage(**shared)
    def best(found: Any) -> dict[str, Any]:
        return {"workers": [item.worker for item in found]}

    @task.ml_stage(**shared)
    def part(rows: pd.DataFrame, plan: str) -> pd.DataFrame:
        return rows[rows["plan"] == plan]

    with DAG("own_mapped", schedule=None) as dag:
        rows = IngestOperator(task_id="ingest", **shared)
        features = FeaturesOperator(task_id="features", dataset=rows.output, **shared)
        best(
            TuneOperator.partial(task_id="tune", features=features.output, **shared)
            .expand(worker=[0, 1])
            .output
        )
        part.partial(rows=rows.output).expand(plan=["basic", "pro"])
    ran = run(dag)
    assert ran.state == "success", ran.errors
    assert ran.xcom("best")["values"] == {"workers": [0, 1]}
    parts = [ran.xcom("part", map_index=index)["rows"] for index in (0, 1)]
    assert 0 < sum(parts) < 600
