"""The operators in the YAML of a DAG factory: file names and templates are all that such a file can write."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_mlops.training.registry import Registry
from tests.support.airflow import run

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "docs" / "examples"


@pytest.fixture
def dag_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dag-factory in a folder of its own: its plugin would be loaded by every Airflow process."""
    target = tmp_path / "site"
    wanted = ["--no-deps", "--require-hashes", "-r", str(CHECKOUT / "requirements" / "dag-factory.txt")]
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(target), *wanted]
    subprocess.run(install, check=True, timeout=120)
    monkeypatch.syspath_prepend(str(target))


@pytest.fixture
def dag(tmp_path: Path, dag_factory: None) -> DAG:
    """The example's DAG with its data, built by dag-factory as Airflow would have it built."""
    shutil.copytree(EXAMPLES / "yaml_factory", tmp_path, dirs_exist_ok=True)
    shutil.copy(EXAMPLES / "quickstart" / "make_data.py", tmp_path)
    runpy.run_path(str(tmp_path / "make_data.py"))
    with warnings.catch_warnings():
        # dag-factory 1.1 imports operators by their places of Airflow 2.
        warnings.simplefilter("ignore")
        found = runpy.run_path(str(tmp_path / "dags.py"))
    dag: DAG = found["churn_by_factory"]
    # As Airflow's DagBag does: the file that made the DAG, not the module of dag-factory that called DAG().
    dag.fileloc = str(tmp_path / "dags.py")
    return dag


def test_a_yaml_dag_of_dag_factory_registers_its_model(dag: DAG, mlflow_uri: str) -> None:
    ran = run(dag)
    assert ran.state == "success", ran.errors
    assert ran.xcom("ingest")["rows"] == 12_000
    version = ran.xcom("register")["model_version"]
    assert Registry(mlflow_uri, "churn").get("champion") == version == 1
