"""Where the rollouts are: a file, or PostgreSQL by an Airflow connection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from airflow_mlops.rollout.store.store import RolloutStore

SCHEME: Final = "conn_id://"
_SETTING: Final = "[mlops] rollouts"
_OPTIONS: Final = ("sslmode", "sslcert", "sslkey", "sslrootcert")
_SECRET: Final = ("password", "sslpassword")


def rollouts_place() -> str:
    """Return ``[mlops] rollouts`` as ``place_of`` reads it."""
    return place_of(str(conf.get("mlops", "rollouts")))


def place_of(setting: str) -> str:
    """Return a file as an absolute path, and a URL as it is: ``conn_id://NAME`` or that of a database.

    Raises ConfigError for a URL with a password: Airflow keeps what a trigger is given in its database.
    """
    if "://" not in setting:
        return str(Path(setting).expanduser().resolve())
    if setting.startswith(SCHEME):
        if not re.fullmatch(r"[\w.-]+", setting.removeprefix(SCHEME)):
            raise ConfigError(f"{_SETTING}: after {SCHEME} comes the name of an Airflow connection only")
        return setting
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(setting)
    except (ArgumentError, ValueError):  # neither is told: it may hold a password
        raise ConfigError(f"{_SETTING} is no URL of a database: give a path or {SCHEME}NAME") from None
    if url.password or any(name in url.query for name in _SECRET):
        raise ConfigError(
            f"{_SETTING} has a password in it: make an Airflow connection of type postgres, and set "
            f"rollouts = {SCHEME}ITS_NAME"
        )
    return setting


def open_rollouts(place: str) -> RolloutStore:
    """Return the store at ``place``, as ``rollouts_place`` gave it; a connection is looked up here.

    Raises ConfigError when the connection is missing or is none of PostgreSQL, BackendError when the
    database cannot be used.
    """
    # Loaded here: every DAG file that is parsed imports the operators, and they this module.
    from airflow_mlops.rollout.store.store import RolloutStore

    if place.startswith(SCHEME):
        return RolloutStore(rollouts_url(place.removeprefix(SCHEME)))
    return RolloutStore(place)


def rollouts_url(conn_id: str) -> URL:
    """Return the URL of the database that an Airflow connection names, with its password.

    Raises ConfigError when the connection is missing or is none of PostgreSQL.
    """
    from sqlalchemy import URL

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigError(
            f"{_SETTING}: no Airflow connection {conn_id!r}; add one of type postgres with host, login, "
            "password and the database as schema"
        ) from None
    if connection.conn_type not in ("postgres", "postgresql") or not connection.host:
        raise ConfigError(
            f"{_SETTING}: Airflow connection {conn_id!r} must be of type postgres and have a host, it is of "
            f"type {connection.conn_type}"
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
