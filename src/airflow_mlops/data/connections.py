"""Airflow connections as stages see them: an engine of a database, a file system of object storage.

Whoever runs a stage says how connections are found; without a word they are found in the environment, as
Airflow itself does: ``AIRFLOW_CONN_<ID>`` holds a URI or JSON. Nothing of a connection is kept or handed on.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_mlops.core.connection import Connection
from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_DRIVERS: Final[Mapping[str, Mapping[str, str]]] = {
    "postgresql": {"psycopg": "psycopg", "psycopg2": "psycopg2"},
    "mysql": {"MySQLdb": "mysqldb", "pymysql": "pymysql"},
    "mssql": {"pymssql": "pymssql", "pyodbc": "pyodbc"},
    "oracle": {"oracledb": "oracledb"},
}
"""Per dialect of SQLAlchemy, the modules of its drivers, each with SQLAlchemy's name for it."""
_INSTALL: Final = {
    "postgresql": "'airflow-mlops[postgres]'",
    "mysql": "apache-airflow-providers-mysql",
    "mssql": "apache-airflow-providers-microsoft-mssql",
    "oracle": "apache-airflow-providers-oracle",
}
_SAME: Final = {"postgres": "postgresql"}
_EXTRA: Final = "__extra__"
_WAIT_S: Final = 10


class Connections(Protocol):
    """Where connections are found."""

    def connection(self, conn_id: str, *, advice: str = ...) -> Connection:
        """Return the fields of a connection; raises ConfigError, with ``advice``, when there is none."""

    def engine(self, conn_id: str) -> Engine:
        """Return an engine of a database, not yet connected.

        Raises ConfigError without such a connection, for one of no database, and without a driver.
        """

    def file_system(self, conn_id: str, scheme: str) -> Any:
        """Return fsspec's file system of ``scheme`` with a connection's credentials; raises ConfigError."""


class Environment:
    """Connections of the environment, where no Airflow is."""

    def engine(self, conn_id: str) -> Engine:
        """Return an engine of a database, not yet connected; raises ConfigError as ``Connections`` says."""
        return engine_of(self.connection(conn_id))

    def file_system(self, conn_id: str, scheme: str) -> Any:
        """Raise ConfigError: what credentials mean to a storage, only Airflow's providers know."""
        raise ConfigError(
            f"the connection {conn_id!r} of {scheme}:// needs Airflow: without it leave conn_id out in a "
            "profile, and the credentials of this machine count"
        )

    def connection(self, conn_id: str, *, advice: str = "") -> Connection:
        """Return the connection that the environment has; raises ConfigError when it has none to read."""
        name = f"AIRFLOW_CONN_{conn_id.upper()}"
        value = os.environ.get(name)
        if not value:
            raise ConfigError(
                f"no connection {conn_id!r}: set {name}, such as postgresql://user:password@host/database "
                f"or sqlite:////path/file.db{f'; in Airflow {advice}' if advice else ''}"
            )
        try:
            return _from_json(conn_id, value) if value.lstrip().startswith("{") else _from_uri(conn_id, value)
        except (ValueError, TypeError, AttributeError):  # its text may hold a password: it is not shown
            raise ConfigError(f"{name} is neither the URI nor the JSON of a connection") from None


def engine_of(connection: Connection) -> Engine:
    """Return an engine of the database that a connection names, not yet connected.

    Raises ConfigError for a connection of no database, and without a driver.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    url = url_of(connection)
    waits = {"connect_timeout": _WAIT_S} if url.get_backend_name() == "postgresql" else {}
    try:
        return create_engine(url, poolclass=NullPool, connect_args=waits)
    except (NoSuchModuleError, ImportError, ArgumentError):  # may show the URL
        raise ConfigError(no_database(connection.conn_id, connection.conn_type)) from None


def url_of(connection: Connection) -> URL:
    """Return SQLAlchemy's URL of a connection, with its password; raises ConfigError without a driver."""
    from sqlalchemy import URL

    dialect = _SAME.get(connection.conn_type, connection.conn_type.replace("_", "+"))
    if dialect == "sqlite":
        return URL.create("sqlite", database=connection.host or connection.schema or None)
    options = [key for key, value in connection.extra.items() if isinstance(value, str | int)]
    return server_url(_with_driver(dialect, connection), connection, options)


def server_url(drivername: str, connection: Connection, options: Iterable[str]) -> URL:
    """Return the URL of a database server, with its password.

    ``drivername`` is SQLAlchemy's, ``options`` are the keys of the connection's extra that go into the URL.

    >>> shop = Connection(conn_id="shop", conn_type="postgres", host="db", port=5432, schema="shop")
    >>> str(server_url("postgresql", shop, ["sslmode"]))
    'postgresql://db:5432/shop'
    """
    from sqlalchemy import URL

    return URL.create(
        drivername,
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query={key: str(connection.extra[key]) for key in options if key in connection.extra},
    )


def no_database(conn_id: str, conn_type: str) -> str:
    """Return the message that a connection is not one of a database, with the next step."""
    return (
        f"the connection {conn_id!r} is of type {conn_type or 'none'}, which is not a database that can be "
        "read here: install Airflow's provider for it with its driver, or name a connection of a database"
    )


def _with_driver(dialect: str, connection: Connection) -> str:
    drivers = _DRIVERS.get(dialect, {})
    for module, name in drivers.items():
        if importlib.util.find_spec(module) is not None:
            return f"{dialect}+{name}"
    if drivers:
        raise ConfigError(
            f"the connection {connection.conn_id!r} needs a driver for {dialect}: pip install "
            f"{_INSTALL[dialect]}, on the workers as well"
        )
    return dialect


def _from_json(conn_id: str, text: str) -> Connection:
    found = json.loads(text)
    extra = found.get("extra") or {}
    return Connection(
        conn_id=conn_id,
        conn_type=_type(found.get("conn_type") or ""),
        host=found.get("host") or "",
        port=int(found["port"]) if found.get("port") else None,
        login=found.get("login") or "",
        password=found.get("password") or "",
        schema=found.get("schema") or "",
        extra=dict(json.loads(extra) if isinstance(extra, str) else extra),
    )


def _from_uri(conn_id: str, text: str) -> Connection:
    parts = urlsplit(text)
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Connection(
        conn_id=conn_id,
        conn_type=_type(parts.scheme),
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path[1:]),
        extra=dict(json.loads(extra[_EXTRA])) if _EXTRA in extra else extra,
    )


def _type(name: str) -> str:
    if not name:
        raise ValueError("no type")
    return "postgres" if name == "postgresql" else name.lower().replace("-", "_")
