"""The examples of the page on Python do what it says."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import mlflow
import pytest
from airflow.sdk import DAG

from airflow_mlops.training.registry import Registry
from tests.support.airflow import run

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples with their data, in a folder of DAG files."""
    found = tmp_path_factory.mktemp("by_hand")
    shutil.copytree(EXAMPLES / "by_hand", found, dirs_exist_ok=True)
    shutil.copy(EXAMPLES / "quickstart" / "make_data.py", found)
    runpy.run_path(str(found / "make_data.py"))
    return found


def test_the_dag_that_is_written_by_hand_registers_its_model(folder: Path, mlflow_uri: str) -> None:
    ran = run(runpy.run_path(str(folder / "churn_by_hand.py"))["dag"])
    assert ran.state == "success", ran.errors
    assert ran.xcom("since_summer")["rows"] < ran.xcom("ingest")["rows"] == 12_000
    told = ran.xcom("calibration")["values"]
    assert told["expected"] == pytest.approx(told["seen"], abs=0.05)
    registered = Registry(mlflow_uri, "churn_by_hand")
    assert registered.get("champion") == ran.xcom("register")["model_version"] == 1
    figures = mlflow.MlflowClient(mlflow_uri).get_run(ran.xcom("train")["run_id"]).data.metrics
    assert figures["calibration.expected"] == pytest.approx(told["expected"])


def test_one_of_many_pipelines_in_python_trains(folder: Path) -> None:
    found = runpy.run_path(str(folder / "many.py"))
    dags = {key: value for key, value in found.items() if isinstance(value, DAG)}
    assert dags.keys() == {f"churn_at_{price}__train" for price in (5, 9, 15)}
    ran = run(dags["churn_at_9__train"])
    assert ran.state == "success", ran.errors
    assert 3_000 < ran.xcom("ingest")["rows"] < 5_000
