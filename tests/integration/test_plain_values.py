"""Operators in a DAG written by hand: a file name or a mapping for the pipeline, records as templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG

from airflow_mlops.operators.base import StageOperator
from airflow_mlops.operators.features import FeaturesOperator
from airflow_mlops.operators.ingest import IngestOperator
from airflow_mlops.operators.train import TrainOperator
from tests.support.airflow import PIPELINE, Ran, project, run

RECORD = "{{ ti.xcom_pull(task_ids='%s') }}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the pipeline file, its data and its code."""
    project(tmp_path, name="plain")
    return tmp_path / "pipelines"


def trained(name: str, pipeline: Any, base: Path, *, native: bool) -> Ran:
    """Records travel as templates, rendered to objects (native) or, as is Airflow's default, to text."""
    with DAG(name, schedule=None, render_template_as_native_obj=native) as dag:
        shared = {"pipeline": pipeline, "base": str(base)}
        rows = IngestOperator(task_id="rows", **shared)
        features = FeaturesOperator(task_id="features", dataset=RECORD % "rows", **shared)
        train = TrainOperator(task_id="train", features=RECORD % "features", **shared)
        rows >> features >> train
    return run(dag)


def test_a_file_name_is_read_when_the_task_runs(folder: Path) -> None:
    ran = trained("by_file", "pipelines/plain.yaml", folder.parent, native=False)
    assert ran.state == "success", ran.errors
    assert ran.xcom("train")["name"] == "plain"


def test_a_mapping_needs_only_what_the_stages_read(folder: Path) -> None:
    config = {key: PIPELINE[key] for key in ("data", "features", "train", "evaluate")}
    ran = trained("by_mapping", {"name": "mapped", **config}, folder, native=True)
    assert ran.state == "success", ran.errors
    assert ran.xcom("train")["name"] == "mapped"


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("pipelines/nowhere.yaml", "nowhere.yaml"),
        ({"name": "odd", "dta": {}}, "pipeline: unknown key 'dta' (did you mean data?)"),
        ({"name": "odd"}, "data: required key is missing"),
    ],
)
def test_a_wrong_pipeline_fails_at_once_with_its_fault(folder: Path, pipeline: Any, message: str) -> None:
    with DAG("odd_pipeline", schedule=None) as dag:
        IngestOperator(task_id="rows", pipeline=pipeline, base=str(folder.parent), retries=2)
    ran = run(dag)
    assert (ran.state, ran.tries("rows")) == ("failed", 1)
    assert message in ran.error("rows")


def test_the_generic_operator_runs_any_stage(folder: Path) -> None:
    config = yaml.safe_load((folder / "plain.yaml").read_text())
    with DAG("generic", schedule=None) as dag:
        shared = {"pipeline": config, "base": str(folder)}
        rows = StageOperator(task_id="rows", stage="ingest", **shared)
        StageOperator(task_id="split", stage="features", inputs={"dataset": rows.output}, **shared)
    ran = run(dag)
    assert ran.state == "success", ran.errors
    assert ran.xcom("split")["kind"] == "FeatureSet"
