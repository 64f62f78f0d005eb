"""A template has a time in every run; one that cannot be rendered fails at once, without a retry."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from tests.support.airflow import PIPELINE, Ran, project, run
from tests.support.project import customers

PATHS = {
    "ds": "lake/{{ ds }}.parquet",
    "data_interval_start": "lake/{{ data_interval_start | ds }}.parquet{{ '' if ts and ds_nodash else 'x' }}",
    "logical_date": "lake/{{ logical_date.strftime('%Y-%m-%d') }}.parquet",
    "as_of": "lake/{{ as_of.format('YYYY-MM-DD') }}.parquet",
    "data_interval_end": "lake/{{ macros.ds_add(data_interval_end | ds, 0) }}.parquet",
}


def ingested(folder: Path, filepath: str, **options: Any) -> Ran:
    """Run task ingest alone; the lake has a file for 1 May 2024."""
    lake = folder / "pipelines" / "lake"
    lake.mkdir(parents=True, exist_ok=True)
    customers(200).to_parquet(lake / "2024-05-01.parquet", index=False)
    data = {**PIPELINE["data"], "source": {"type": "parquet", "filepath": filepath}}
    dag = project(folder, data=data, retries=2)["train"]
    alone: DAG = dag.partial_subset("ingest", include_upstream=False, include_downstream=False)
    return run(alone, logical_date=None, **options)


@pytest.mark.parametrize("name", PATHS)
def test_a_run_without_an_interval_has_every_name_from_its_as_of(tmp_path: Path, name: str) -> None:
    ran = ingested(tmp_path, PATHS[name], run_conf={"as_of": "2024-05-01T06:00:00Z"})
    assert ran.tasks == {"ingest": "success"}
    assert ran.xcom("ingest")["rows"] == 200


def test_without_any_date_it_is_the_time_that_the_run_was_due(tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC)
    ran = ingested(tmp_path, "lake/{{ 'none' if ds else '' }}-{{ ds }}.parquet")
    days = {f"none-{day:%Y-%m-%d}.parquet" for day in (before, dt.datetime.now(dt.UTC))}
    assert any(day in ran.error("ingest") for day in days)


@pytest.mark.parametrize(
    ("filepath", "message"),
    [
        ("lake/{{ dss }}.parquet", "data.source.filepath: 'lake/{{ dss }}.parquet': .*'dss' is undefined"),
        (
            "lake/{{ ds + 1 }}.parquet",
            "data.source.filepath: .* cannot be rendered: can only concatenate str",
        ),
        ("lake/{{ var.value.nowhere }}.parquet", "data.source.filepath: .* cannot be rendered: .*nowhere"),
        ("lake/{{ triggering_asset_events['x'][0] }}.parquet", "data.source.filepath: .* cannot be rendered"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_not_tried_again(
    tmp_path: Path, filepath: str, message: str
) -> None:
    ran = ingested(tmp_path, filepath)
    assert ran.tasks == {"ingest": "failed"}
    assert len(ran.errors["ingest"]) == 1
    with pytest.raises(type(ran.errors["ingest"][0]), match=message):
        raise ran.errors["ingest"][0]


def test_an_argument_of_an_operator_is_rendered_with_the_same_names(tmp_path: Path) -> None:
    from airflow_mlops.operators.ingest import IngestOperator

    project(tmp_path)
    file = tmp_path / "pipelines" / "shop.yaml"
    for options, state in (({"day": "{{ ds }} {{ as_of }}"}, "success"), ({"day": "{{ dss }}"}, "failed")):
        with DAG(f"by_hand_{state}", schedule=None) as dag:
            task = IngestOperator(
                task_id="ingest", pipeline=str(file), options=options, base=tmp_path, retries=2
            )
        ran = run(dag, logical_date=None, run_conf={"as_of": "2024-05-01"})
        assert ran.tasks == {"ingest": state}
        assert task.task_id not in ran.errors or len(ran.errors["ingest"]) == 1
