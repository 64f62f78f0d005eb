"""Data lies on object storage whose credentials are an Airflow connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_mlops import load_pipeline
from airflow_mlops.__main__ import main
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.hooks.storage import connected
from airflow_mlops.operators.features import FeaturesOperator
from airflow_mlops.operators.ingest import IngestOperator
from tests.support.airflow import PIPELINE, Ran, project, run
from tests.support.project import customers

PASSWORDS = {"/bucket": "sesame", "/lake": "mustard"}


class Vault(MemoryFileSystem):
    """Files in memory that open only with the password of their bucket."""

    protocol = "vault"
    store: dict[str, Any] = {}  # noqa: RUF012 - as its base class has it
    pseudo_dirs = [""]  # noqa: RUF012 - as its base class has it

    def __init__(self, password: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.password = password

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("vault://", "memory://")))

    def _open(self, *args: Any, **options: Any) -> Any:
        if self.password != PASSWORDS[str(args[0])[: str(args[0]).index("/", 1)]]:
            raise PermissionError("wrong password")
        return super()._open(*args, **options)


@pytest.fixture
def vault() -> Iterator[str]:
    fsspec.register_implementation("vault", Vault, clobber=True)
    attach("vault", conn_id="vault_conn", fs=Vault(password="sesame"))
    attach("vault", conn_id="lake_conn", fs=Vault(password="mustard"))
    yield "vault://vault_conn@bucket/mlops"
    Vault.store.clear()


def ingested(folder: Path, name: str, **changes: Any) -> Ran:
    project(folder, name=name, **changes)
    base = folder / "pipelines"
    shared: dict[str, Any] = {"pipeline": load_pipeline(base / f"{name}.yaml"), "base": str(base)}
    with DAG(f"{name}_rows", schedule=None) as dag:
        rows = IngestOperator(task_id="rows", **shared)
        FeaturesOperator(task_id="features", dataset=rows.output, **shared)
    return run(dag)


def test_stages_read_and_write_through_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: str
) -> None:
    monkeypatch.setenv("AIRFLOW__MLOPS__ARTIFACTS", vault)
    ran = ingested(tmp_path, "in_vault")
    assert ran.state == "success", ran.errors
    written = DatasetRef.from_json(ran.xcom("rows"))
    assert written.uri == f"vault://bucket/mlops/in_vault/data/{written.digest}.parquet"
    _, opened = connected(vault)
    assert len(read_dataset(written, storage=opened)) == 2_000
    assert all(path.endswith(".parquet") for path in Vault.store)


def test_an_unknown_connection_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MLOPS__ARTIFACTS", "s3://nobody@bucket/mlops")
    ran = ingested(tmp_path, "no_bucket")
    assert isinstance(ran.errors["rows"][-1], AirflowFailException)
    assert ran.error("rows") == (
        "s3://nobody@bucket/mlops: No filesystem registered for scheme s3; add the connection 'nobody' and "
        "install Airflow's provider of s3://"
    )


def in_the_lake(conn_id: str) -> dict[str, Any]:
    source = {"type": "parquet", "filepath": "vault://lake/customers.parquet", "conn_id": conn_id}
    return {**PIPELINE["data"], "source": source}


def test_rows_and_artifacts_may_lie_behind_two_connections_of_one_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: str
) -> None:
    customers(300).to_parquet("lake/customers.parquet", filesystem=Vault(password="mustard"))
    monkeypatch.setenv("AIRFLOW__MLOPS__ARTIFACTS", vault)
    ran = ingested(tmp_path, "two_vaults", data=in_the_lake("lake_conn"))
    assert ran.state == "success", ran.errors
    written = DatasetRef.from_json(ran.xcom("rows"))
    assert (written.rows, written.uri.startswith("vault://bucket/mlops/")) == (300, True)


def test_rows_behind_another_connection_do_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: str
) -> None:
    customers(300).to_parquet("lake/customers.parquet", filesystem=Vault(password="mustard"))
    ran = ingested(tmp_path, "wrong_vault", data=in_the_lake("vault_conn"))
    assert ran.error("rows") == "cannot read vault://lake/customers.parquet: wrong password"


def test_a_source_whose_connection_nobody_has_says_what_to_do(tmp_path: Path) -> None:
    source = {"type": "csv", "filepath": "s3://lake/rows.csv", "conn_id": "nobody"}
    ran = ingested(tmp_path, "no_lake", data={**PIPELINE["data"], "source": source})
    assert ran.error("rows") == (
        "s3://lake/rows.csv: No filesystem registered for scheme s3; add the connection 'nobody' and install "
        "Airflow's provider of s3://"
    )


def test_a_run_without_airflow_opens_rows_by_a_connection_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    customers(300).to_parquet("lake/customers.parquet", filesystem=Vault(password="mustard"))
    project(tmp_path, name="lake_run", data=in_the_lake("lake_conn"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_LAKE_CONN", "vault://me:mustard@lake")
    words = ["run", "pipelines/lake_run.yaml", "--until", "ingest"]
    assert main(words) == 0
    assert "300 rows" in capsys.readouterr().out
    monkeypatch.delenv("AIRFLOW_CONN_LAKE_CONN")
    assert main([*words, "--restart"]) == 2
    assert "no connection 'lake_conn': set AIRFLOW_CONN_LAKE_CONN" in capsys.readouterr().err
