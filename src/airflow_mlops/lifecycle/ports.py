"""What a stage needs of the world outside, handed to it by whoever runs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_mlops.core.progress import Progress, silent
from airflow_mlops.data.connections import Connections, Environment
from airflow_mlops.rollout.access import ConnectedRollouts, Rollouts
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage
from airflow_mlops.training.mlflow_access import Mlflow

Clock = Callable[[], datetime]
"""The time now, in UTC."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The outside of one call of a stage: connections, files, MLflow, rollouts, progress and time."""

    connections: Connections
    storage: Storage
    mlflow: Mlflow
    rollouts: Rollouts
    progress: Progress = silent
    clock: Clock = lambda: datetime.now(UTC)


def environment_ports(tracking_uri: str, artifacts: str) -> Ports:
    """Return the ports of a process without Airflow: connections as ``AIRFLOW_CONN_…``, local credentials."""
    connections = Environment()
    place = os.environ.get("AIRFLOW__MLOPS__ROLLOUTS") or f"{artifacts.rstrip('/')}/rollouts.db"
    return Ports(
        connections=connections,
        storage=PLAIN_STORAGE,
        mlflow=Mlflow(tracking_uri),
        rollouts=ConnectedRollouts(place, connections),
    )
