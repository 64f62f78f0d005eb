"""Databases and object storage by Airflow connections, for stages that know nothing of Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from airflow_mlops.core.connection import Connection as Fields
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.connections import engine_of, no_database

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import Engine


class AirflowConnections:
    """Connections as Airflow's tasks find them; they are looked up where they are used, and not kept."""

    def connection(self, conn_id: str, *, advice: str = "add it in the Airflow UI") -> Fields:
        """Return the fields of a connection; raises ConfigError with ``advice`` when there is none."""
        return fields_of(_found(conn_id, advice))

    def engine(self, conn_id: str) -> Engine:
        """Return an engine of a database, not yet connected.

        It is that of the hook which the connection's provider has, and without the provider one built from
        the connection's fields. Raises ConfigError without such a connection, for one that is not a
        database's, and without a driver.
        """
        advice = (
            f"add it with `airflow connections add {conn_id} --conn-type postgres --conn-host … "
            "--conn-schema DATABASE --conn-login … --conn-password …`"
        )
        connection = _found(conn_id, advice)
        hook = _hook(connection)
        return engine_of(fields_of(connection)) if hook is None else _engine(hook, connection)

    def file_system(self, conn_id: str, scheme: str) -> Any:
        """Return fsspec's file system of ``scheme`` with a connection's credentials.

        Raises ConfigError for a missing connection and a missing provider.
        """
        # Loaded here: every DAG file that is parsed imports this module.
        from airflow.sdk.io import attach

        try:
            return attach(scheme, conn_id).fs
        except (AirflowException, ValueError, ImportError) as error:
            raise ConfigError(
                f"{error}; add the connection {conn_id!r} and install Airflow's provider of {scheme}://"
            ) from error


def _found(conn_id: str, advice: str) -> Connection:
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigError(f"no Airflow connection {conn_id!r}: {advice}") from None


def _hook(connection: Connection) -> Any:
    """Return the hook of a connection's type, or None when no provider of that type is installed."""
    try:
        return connection.get_hook()  # type: ignore[no-untyped-call]
    except (AirflowException, ImportError):
        return None


def _engine(hook: Any, connection: Connection) -> Engine:
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    conn_id, conn_type = connection.conn_id, str(connection.conn_type)
    make = getattr(hook, "get_sqlalchemy_engine", None)
    if make is None:
        raise ConfigError(no_database(conn_id, conn_type))
    try:
        engine: Engine = make(engine_kwargs={"poolclass": NullPool})
    except (AirflowException, ImportError, NoSuchModuleError, ArgumentError, NotImplementedError):
        raise ConfigError(no_database(conn_id, conn_type)) from None  # its own text may show the URL
    return engine


def fields_of(connection: Connection) -> Fields:
    """Return the fields of an Airflow connection, for code without Airflow."""
    return Fields(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type or "",
        host=connection.host or "",
        port=connection.port,
        login=connection.login or "",
        password=connection.password or "",
        schema=connection.schema or "",
        extra=connection.extra_dejson,
    )
