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
from airflow_mlops.backends.data import read_dataset
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.hooks import storage
from airflow_mlops.operators.features import FeaturesOperator
from airflow_mlops.operators.ingest import IngestOperator
from tests.airflow_kit import Ran, project, run


class Vault(MemoryFileSystem):
    """Files in memory that open only with the password of the connection."""

    protocol = "vault"
    store: dict[str, Any] = {}  # noqa: RUF012 - as its base class has it
    pseudo_dirs = [""]  # noqa: RUF012 - as its base class has it

    def __init__(self, password: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.password = password

    def _open(self, *args: Any, **options: Any) -> Any:
        if self.password != "sesame":
            raise PermissionError("wrong password")
        return super()._open(*args, **options)


@pytest.fixture
def vault() -> Iterator[str]:
    fsspec.register_implementation("vault", Vault, clobber=True)
    attach("vault", conn_id="vault_conn", fs=Vault(password="sesame"))
    yield "vault://vault_conn@bucket/mlops"
    fsspec.config.conf.pop("vault", None)
    storage._CONNECTED.clear()
    Vault.store.clear()


def ingested(folder: Path, name: str) -> Ran:
    project(folder, name=name)
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
    assert len(read_dataset(written)) == 2_000
    assert all(path.endswith(".parquet") for path in Vault.store)


def test_an_unknown_connection_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MLOPS__ARTIFACTS", "s3://nobody@bucket/mlops")
    ran = ingested(tmp_path, "no_bucket")
    assert isinstance(ran.errors["rows"][-1], AirflowFailException)
    assert ran.error("rows") == (
        "s3://nobody@bucket/mlops: No filesystem registered for scheme s3; add the connection 'nobody' and "
        "install Airflow's provider of s3://"
    )


def test_two_connections_of_one_scheme_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: str
) -> None:
    storage.connected(vault)
    monkeypatch.setenv("AIRFLOW__MLOPS__ARTIFACTS", vault.replace("vault_conn", "other"))
    ran = ingested(tmp_path, "two_vaults")
    assert ran.error("rows").endswith("vault:// uses the connection 'vault_conn' already: use one for both")
