"""The ports of a stage inside Airflow: its connections, storage, MLflow and rollouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_mlops.hooks.connections import AirflowConnections
from airflow_mlops.hooks.mlflow import MlflowHook
from airflow_mlops.hooks.rollouts import airflow_rollouts
from airflow_mlops.hooks.storage import artifacts

if TYPE_CHECKING:
    from airflow_mlops.lifecycle.ports import Ports


def airflow_ports(mlflow_conn_id: str) -> tuple[str, Ports]:
    """Return the folder or URI of ``[mlops] artifacts``, and the ports of a task.

    Raises ConfigError for a setting or a connection that cannot be read.
    """
    # Imported here: every DAG file that is parsed imports this module.
    from airflow_mlops.lifecycle.ports import Ports

    folder, storage = artifacts()
    return folder, Ports(
        connections=AirflowConnections(),
        storage=storage,
        mlflow=MlflowHook(mlflow_conn_id).access(),
        rollouts=airflow_rollouts(),
    )
