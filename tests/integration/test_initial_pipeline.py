"""What `airflow-mlops init` writes trains on a real Airflow as it is, and passes its own gate."""

from pathlib import Path
from typing import Any

from airflow_mlops import load_pipelines
from airflow_mlops.__main__ import main
from airflow_mlops.training.registry import Registry
from tests.support.airflow import run


def test_the_written_pipeline_trains_and_passes_its_gate(tmp_path: Path, mlflow_uri: str) -> None:
    assert main(["init", str(tmp_path), "--name", "tumour"]) == 0
    namespace: dict[str, Any] = {"__file__": str(tmp_path / "mlops.py")}
    load_pipelines(namespace, strict=True)
    ran = run(namespace["tumour__train"])
    assert ran.state == "success", ran.errors
    assert ran.xcom("evaluate")["metrics"]["roc_auc"] >= 0.95
    assert Registry(mlflow_uri, "tumour").get("champion") == 1
