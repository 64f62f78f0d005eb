"""Where the rollouts are: a file, or PostgreSQL by an Airflow connection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from airflow_mlops.backends.rollout_store import RolloutStore

SCHEME: Final = "conn_id"
_OPTIONS: Final = ("sslmode", "sslcert", "sslkey", "sslrootcert")


def rollouts_file() -> str:
    """Return ``[mlops] rollouts``: an absolute path, or a URL that holds no secret.

    Raises ConfigError for a URL with a password: Airflow keeps what a trigger is given in its database.
    """
    found = str(conf.get("mlops", "rollouts"))
    if "://" not in found:
        return str(Path(found).expanduser().resolve())
    if urlsplit(found).password:
        raise ConfigError(
            "[mlops] rollouts has a password in it: make an Airflow connection of type postgres, and set "
            f"rollouts = {SCHEME}://ITS_NAME"
        )
    return found


def open_rollouts(place: str) -> RolloutStore:
    """Return the store at ``place``, as ``rollouts_file`` gave it; a connection is looked up here.

    Raises ConfigError when the connection is missing or is none of PostgreSQL.
    """
    # Loaded here: every DAG file that is parsed imports the operators, and they this module.
    from airflow_mlops.backends.rollout_store import RolloutStore

    scheme, _, conn_id = place.partition("://")
    return RolloutStore(_url(conn_id) if scheme == SCHEME else place)


def _url(conn_id: str) -> URL:
    from sqlalchemy import URL

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigError(
            f"[mlops] rollouts: no Airflow connection {conn_id!r}; add one of type postgres with host, "
            "login, password and the database as schema"
        ) from None
    if connection.conn_type not in ("postgres", "postgresql") or not connection.host:
        raise ConfigError(
            f"[mlops] rollouts: Airflow connection {conn_id!r} must be of type postgres and have a host, "
            f"it is of type {connection.conn_type}"
        )
    extra = connection.extra_dejson
    return URL.create(
        "postgresql",
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host,
        port=connection.port,
        database=connection.schema or None,
        query={name: str(extra[name]) for name in _OPTIONS if name in extra},
    )
