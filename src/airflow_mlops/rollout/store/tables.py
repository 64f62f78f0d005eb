"""The tables of the rollout store, and the way to a database: SQLite or PostgreSQL by one code path."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    DDL,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout.core import TERMINAL
from airflow_mlops.storage import sqlite
from airflow_mlops.storage.sql_errors import advice_for, driver_message

_METADATA: Final = MetaData()
ROLLOUTS: Final = Table(
    "mlops_rollouts",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("state", Text, nullable=False),
    Index("mlops_rollouts_of_name", "name", "created"),
)
HISTORY: Final = Table(
    "mlops_rollout_history",
    _METADATA,
    Column("rollout_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),
)
FACTS: Final = Table(
    "mlops_rollout_store",
    _METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
_ENDED: Final = ROLLOUTS.c.phase.in_(sorted(map(str, TERMINAL)))
# Two first writers at once: the database itself lets only one rollout of a model run.
Index(
    "mlops_one_runs", ROLLOUTS.c.name, unique=True, sqlite_where=~_ENDED, postgresql_where=~_ENDED
)  # fmt: skip

_APPEND_ONLY: Final = {
    "sqlite": (
        "CREATE TRIGGER mlops_history_stays BEFORE UPDATE ON mlops_rollout_history "
        "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION mlops_history_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'history is append-only'; END $$",
        "CREATE TRIGGER mlops_history_stays BEFORE UPDATE ON mlops_rollout_history "
        "FOR EACH ROW EXECUTE FUNCTION mlops_history_stays()",
    ),
}
for _dialect, _statements in _APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(HISTORY, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]

_READS: Final = "mlops_reads"
_LOCK: Final = 0x6D6C6F70
_DRIVERS: Final = ("psycopg", "psycopg2")
# A server that has gone away silently is noticed within seconds instead of the kernel's hours.
_POSTGRES: Final = {"connect_timeout": 10, "tcp_user_timeout": 15_000, "application_name": "airflow-mlops"}
_LONGEST_MS: Final = 30_000
_MAY_MAKE: Final = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
_MAY_WRITE: Final = "SELECT has_table_privilege(:name, 'SELECT') AND has_table_privilege(:name, 'INSERT')"


class Database:
    """A database that has the store's tables, or can have them.

    ``url`` is a path, ``sqlite:///path`` or ``postgresql://…`` (text, or SQLAlchemy's URL). Each transaction
    has a connection of its own: a triggerer lives for weeks. Raises ConfigError for another database or a
    missing driver; all that is done with it raises BackendError when it cannot be used.
    """

    def __init__(self, url: str | Path | URL) -> None:
        self._url = _parsed(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        shown = self._url.set(drivername=self._url.get_backend_name())
        self.where = str(self._url.database) if self._sqlite else shown.render_as_string(hide_password=True)
        self._engine = _engine(self._url)

    def prepare(self) -> None:
        """Create the tables, and the folder of a file, where they are missing."""
        if self._sqlite:
            try:
                Path(self.where).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BackendError(f"rollout store {self.where}: {error}") from error
        if not self.has_tables():
            with self.write() as connection:
                _create(connection)

    def has_tables(self) -> bool:
        """Return whether the tables exist; creates none."""
        with self.read() as connection:
            return not _missing(connection)

    def missing_rights(self) -> tuple[str, ...]:
        """Return what PostgreSQL must grant this user before a rollout can be written."""
        if self._sqlite:
            return ()
        tables = [table.name for table in _METADATA.sorted_tables]
        with self.read() as connection:
            if _missing(connection):
                return () if connection.scalar(text(_MAY_MAKE)) else ("CREATE ON SCHEMA public",)
            if all(connection.scalar(text(_MAY_WRITE), {"name": name}) for name in tables):
                return ()
        return (
            f"SELECT, INSERT, UPDATE ON {', '.join(tables)}",
            f"USAGE ON SEQUENCE {ROLLOUTS.name}_number_seq",
        )

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection that only reads and blocks no writer."""
        return self._transaction(self._engine.execution_options(**{_READS: True}))

    def write(self) -> AbstractContextManager[Connection]:
        """Return a connection; all that is done with it holds together or not at all."""
        return self._transaction(self._engine)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            message = driver_message(error)
            advice = "check that the folder exists and is writable" if self._sqlite else advice_for(message)
            raise BackendError(f"rollout store {self.where}: {message}; {advice}") from error


def _parsed(url: str | Path | URL) -> URL:
    if isinstance(url, Path) or (isinstance(url, str) and "://" not in url):
        return URL.create("sqlite", database=str(url))
    try:
        found = make_url(url)
        backend = found.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise ConfigError(f"rollout store: not a database URL ({error})") from error
    if backend in ("postgres", "postgresql"):
        return _with_driver(found)
    if backend != "sqlite" or not found.database:
        raise ConfigError(
            f"rollout store {backend}:// is not supported: set sqlite:///path, a path or postgresql://…"
        )
    return found


def _with_driver(url: URL) -> URL:
    asked = url.drivername.partition("+")[2]
    if asked and asked not in _DRIVERS:
        raise ConfigError(f"rollout store {url.drivername}:// is not supported: set postgresql://…")
    for driver in (asked,) if asked else _DRIVERS:
        if importlib.util.find_spec(driver) is not None:
            return url.set(drivername=f"postgresql+{driver}")
    raise ConfigError(
        f"rollouts in PostgreSQL need the driver {asked or _DRIVERS[0]}: "
        "pip install 'airflow-mlops[postgres]' on the machines of workers and triggerer"
    )


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": sqlite.BUSY_S})
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin_at_once)
    else:
        engine = create_engine(url, poolclass=NullPool, connect_args=dict(_POSTGRES))
        event.listen(engine, "begin", _end_in_time)
    return engine


def _set_up(connection: Any, _record: Any) -> None:
    sqlite.set_up(connection)


def _begin_at_once(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _end_in_time(connection: Connection) -> None:
    # A process that stopped in the middle of a write must not block the others forever.
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_LONGEST_MS}")


def _missing(connection: Connection) -> set[str]:
    """Return the tables that a database of an earlier release, or an empty one, does not have."""
    return {table.name for table in _METADATA.sorted_tables} - set(inspect(connection).get_table_names())


def _create(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # CREATE TABLE IF NOT EXISTS does not protect against a second first user.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    _METADATA.create_all(connection)
