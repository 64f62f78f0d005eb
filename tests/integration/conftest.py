"""One migrated Airflow database and one MLflow store for all tests of the Airflow edge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.airflow import Ran, project, run
from tests.support.mlflow_store import new_store


@pytest.fixture(scope="session", autouse=True)
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Migrate the database of the tests' own Airflow home; its DAGs folder is empty."""
    from airflow.utils.db import initdb

    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(tmp_path_factory.mktemp("dags"))},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
        # The rollout's trigger waits two seconds longer than this for executors, which are not here.
        patch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "-2")
        initdb()
        yield


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return new_store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="session", autouse=True)
def mlflow_connection(mlflow_uri: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        connection = {"conn_type": "mlops_mlflow", "host": mlflow_uri}
        patch.setenv("AIRFLOW_CONN_MLOPS_MLFLOW_DEFAULT", json.dumps(connection))
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, airflow: None, mlflow_connection: None) -> Ran:
    """One green run of a train DAG whose pipeline is not deployed."""
    folder: Path = tmp_path_factory.mktemp("trained")
    expect = [{"column": "visits", "not_null": True, "min": 0}]
    tune = {"space": {"alpha": [0.1, 10.0, "log"]}, "n_trials": 2, "workers": 2}
    dags = project(
        folder,
        name="trained",
        validate={"expect": expect},
        train={"estimator": "sklearn.linear_model.RidgeClassifier", "tune": tune},
    )
    return run(dags["train"])
