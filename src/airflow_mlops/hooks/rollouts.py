"""Where the rollouts are: a file, or PostgreSQL by an Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import conf

from airflow_mlops.hooks.connections import AirflowConnections
from airflow_mlops.rollout.access import SCHEME as SCHEME
from airflow_mlops.rollout.access import ConnectedRollouts, postgres_url
from airflow_mlops.rollout.access import checked_place as checked_place

if TYPE_CHECKING:
    from sqlalchemy import URL

    from airflow_mlops.rollout.store.store import RolloutStore

place_of = checked_place


def rollouts_place() -> str:
    """Return ``[mlops] rollouts`` checked."""
    return checked_place(str(conf.get("mlops", "rollouts")))


def airflow_rollouts(place: str | None = None) -> ConnectedRollouts:
    """Return the rollouts at ``place``, by default that of the configuration, by Airflow's connections."""
    return ConnectedRollouts(place or str(conf.get("mlops", "rollouts")), AirflowConnections())


def open_rollouts(place: str) -> RolloutStore:
    """Return the store at ``place``, as ``rollouts_place`` gave it; a connection is looked up here.

    Raises ConfigError when the connection is missing or not one of PostgreSQL, BackendError when the
    database cannot be used.
    """
    return airflow_rollouts(place).store()


def rollouts_url(conn_id: str) -> URL:
    """Return the URL of the database that an Airflow connection names, with its password.

    Raises ConfigError when the connection is missing or not one of PostgreSQL.
    """
    return postgres_url(AirflowConnections().connection(conn_id))
