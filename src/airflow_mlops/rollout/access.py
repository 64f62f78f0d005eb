"""Rollouts as a stage sees them: their store and the targets that carry their traffic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.connections import server_url

if TYPE_CHECKING:
    from sqlalchemy import URL

    from airflow_mlops.core.connection import Connection
    from airflow_mlops.data.connections import Connections
    from airflow_mlops.rollout.core import RolloutPlan
    from airflow_mlops.rollout.store.store import RolloutStore
    from airflow_mlops.rollout.targets.base import Target

SCHEME: Final = "conn_id://"
SETTING: Final = "[mlops] rollouts"
_OPTIONS: Final = ("sslmode", "sslcert", "sslkey", "sslrootcert")
_SECRET: Final = ("password", "sslpassword")


class Rollouts(Protocol):
    """What the stages of a deploy need."""

    def store(self) -> RolloutStore:
        """Return the store of all rollouts; raises ConfigError or BackendError when it cannot be opened."""
        ...

    def target(self, kind: str, conn_id: str) -> Target:
        """Return the deployment target ``kind`` behind a connection; raises ConfigError."""
        ...

    def adapted(self, plan: RolloutPlan) -> RolloutPlan:
        """Return the plan as it is carried out here: as it is, or with shorter waits where nobody calls."""
        ...


@dataclass(frozen=True)
class ConnectedRollouts:
    """Rollouts at the place that ``setting`` names, and targets, by connections.

    The setting is checked when the store is opened: a stage without rollouts does not depend on it.
    """

    setting: str
    connections: Connections

    def store(self) -> RolloutStore:
        """Return the store; raises ConfigError for a wrong setting."""
        # Imported here: every DAG file that is parsed imports the operators, and they this module.
        from airflow_mlops.rollout.store.store import RolloutStore

        place = checked_place(self.setting)
        if not place.startswith(SCHEME):
            return RolloutStore(place)
        advice = "add one of type postgres with host, login, password and the database as schema"
        try:
            connection = self.connections.connection(place.removeprefix(SCHEME), advice=advice)
        except ConfigError as error:
            raise ConfigError(f"{SETTING}: {error}") from None
        return RolloutStore(postgres_url(connection))

    def target(self, kind: str, conn_id: str) -> Target:
        """Return the target behind a connection."""
        from airflow_mlops.rollout import targets

        advice = (
            "add one of type mlops_serving with the server's administrators' address as host and their "
            "token as password"
        )
        return targets.connect(kind, self.connections.connection(conn_id, advice=advice))

    def adapted(self, plan: RolloutPlan) -> RolloutPlan:
        """Return the plan unchanged."""
        return plan


def checked_place(setting: str) -> str:
    """Return a file as an absolute path, and a URL as it is: ``conn_id://NAME`` or that of a database.

    Raises ConfigError for a URL with a password: Airflow keeps what a trigger is given in its database.

    >>> checked_place("conn_id://rollouts")
    'conn_id://rollouts'
    """
    if "://" not in setting:
        return str(Path(setting).expanduser().resolve())
    if setting.startswith(SCHEME):
        if not re.fullmatch(r"[\w.-]+", setting.removeprefix(SCHEME)):
            raise ConfigError(
                f"{SETTING}: {SCHEME} must be followed by the name of an Airflow connection only"
            )
        return setting
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(setting)
    except (ArgumentError, ValueError):  # the text of the error is not shown: it may hold a password
        raise ConfigError(
            f"{SETTING} is not the URL of a database: it must be a path or {SCHEME}NAME"
        ) from None
    if url.password or any(name in url.query for name in _SECRET):
        raise ConfigError(
            f"{SETTING} must not hold a password: create an Airflow connection of type postgres, and set "
            f"rollouts = {SCHEME}ITS_NAME"
        )
    return setting


def postgres_url(connection: Connection) -> URL:
    """Return the URL of a connection's database, with its password; raises ConfigError for another kind."""
    if connection.conn_type not in ("postgres", "postgresql") or not connection.host:
        raise ConfigError(
            f"{SETTING}: Airflow connection {connection.conn_id!r} must be of type postgres and have a host, "
            f"it is of type {connection.conn_type}"
        )
    return server_url("postgresql", connection, _OPTIONS)
