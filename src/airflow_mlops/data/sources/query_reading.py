"""Reading the rows of a query, in a transaction that writes nothing and is never committed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pandas as pd
from sqlalchemy import BindParameter, Connection, DateTime, Engine, TextClause, bindparam, text
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from airflow_mlops.config.models import Source
from airflow_mlops.config.queries import ARGUMENTS, query_text
from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.core.query import (
    WINDOW,
    for_binding,
    misfit,
    parameters,
    unknown_parameter,
    window_fault,
)
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.frames import loses_digits
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.storage.sql_errors import advice_for, driver_message, is_refused

_FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_SET_UP: Final = {
    # Without a zone of their own, times are UTC here; the server's zone would move the window.
    "postgresql": ("SET TIME ZONE 'UTC'",),
    "mysql": ("SET time_zone = '+00:00'",),
    "mariadb": ("SET time_zone = '+00:00'",),
    "sqlite": ("PRAGMA query_only = ON",),
}
_OF_QUERIES: Final = (ProgrammingError, InterfaceError, OperationalError)
"""What a database raises for a query and for itself; others are about a value, as one that it cannot cast."""
_QUOTED: Final = re.compile(r"[\"'`]([^\"'`]+)[\"'`]")


def read_query(request: ReadRequest) -> pd.DataFrame:
    """Return the rows of a query.

    ``:window_start`` and ``:window_end`` in the query are the request's ``start`` and ``end`` in UTC (1900
    and 9999 where there is none), ``:name`` is ``load_args.params.name``; all are bound, none is written into
    the text. Raises ConfigError for a wrong query, argument or connection, BackendError when the database
    does not answer.
    """
    source = request.source
    with open_query(request) as (connection, statement):
        frame = _exact(_frame(statement, connection, request), statement, connection, request)
        return _plain(frame, source)


@contextmanager
def open_query(request: ReadRequest, *, snapshot: bool = False) -> Iterator[tuple[Connection, TextClause]]:
    """Connect to the database of a query; yields the connection and the query with its parameters bound.

    :param snapshot: whether all that is asked sees the database at one moment.

    What the database says inside becomes an error of this package, without the password; raises what
    ``read_query`` raises.
    """
    source = request.source
    sql = _query(source, request.base)
    if wrong := window_fault(sql, request.format, request.timezone):
        raise ConfigError(f"{_where(source)}: {wrong}")
    engine = request.connections.engine(str(source.conn_id))
    try:
        with _reading(engine, request, snapshot=snapshot) as connection:
            window = _window(engine, request.start, request.end)
            yield connection, _statement(sql, {**_params(source), **window})
    finally:
        engine.dispose()


def check_answers(engine: Engine, conn_id: str) -> str:
    """Connect to a database and leave it; returns its address without the password.

    Raises ConfigError for a file of SQLite that is not there, BackendError when the database does not answer.
    """
    with _connected(engine, conn_id):
        return shown(engine)


def shown(engine: Engine) -> str:
    """Return a database's address without driver, options and password."""
    url = engine.url
    return url.set(drivername=url.get_backend_name(), query={}).render_as_string(hide_password=True)


def _where(source: Source) -> str:
    """Return how messages call a source of type sql."""
    return f"the query on {source.conn_id}"


def _query(source: Source, base: Path) -> str:
    params = _params(source)
    try:
        sql = query_text(str(source.sql), base)
    except ConfigError as error:
        raise ConfigError(f"{_where(source)}: {error}") from error
    wrong = misfit(sql) or unknown_parameter(sql, params)
    if wrong:
        raise ConfigError(f"{_where(source)}: {wrong}")
    return sql


def _params(source: Source) -> Mapping[str, Any]:
    for name in source.load_args:
        if name not in ARGUMENTS:
            raise ConfigError(f"data.source.load_args.{name}: a query takes only {', '.join(ARGUMENTS)}")
    params = source.load_args.get("params") or {}
    if not isinstance(params, Mapping):
        raise ConfigError("data.source.load_args.params: expected a mapping of names, used as :name")
    return params


def _window(engine: Engine, start: datetime | None, end: datetime | None) -> dict[str, Any]:
    bounds = zip(WINDOW, (start or _FIRST, end or _LAST), strict=True)
    moments = {name: in_utc(at) for name, at in bounds}
    if engine.dialect.name == "sqlite":
        return {name: _as_text(at) for name, at in moments.items()}
    return moments


def _as_text(at: datetime) -> str:
    """Return a moment as SQLite compares it: text; of midnight the day only, which sorts before its hours."""
    return f"{at:%Y-%m-%d}" if at.time() == time.min else str(at.replace(tzinfo=None))


def _statement(sql: str, given: Mapping[str, Any]) -> TextClause:
    statement = text(f"{for_binding(sql, given)}\n")  # a comment at its end hides nothing that follows
    return statement.bindparams(*(_bound(name, given[name]) for name in parameters(sql)))


def _bound(name: str, value: Any) -> BindParameter[Any]:
    if isinstance(value, datetime):
        return bindparam(name, value, DateTime(timezone=True))
    return bindparam(name, value, expanding=isinstance(value, list))


@contextmanager
def _connected(engine: Engine, conn_id: str, *, snapshot: bool = False) -> Iterator[Connection]:
    database = engine.url.database or ""
    if engine.dialect.name == "sqlite" and not database.startswith("file:") and not Path(database).is_file():
        # SQLite would make an empty one.
        raise ConfigError(f"connection {conn_id!r}: no such file {Path(database).absolute()}")
    options: dict[str, Any] = {"postgresql_readonly": True} if engine.dialect.name == "postgresql" else {}
    if snapshot and options:
        options["isolation_level"] = "REPEATABLE READ"
    try:
        connection = engine.connect().execution_options(**options)
    except ImportError as error:
        raise ConfigError(f"connection {conn_id!r}: {error}; install the driver on the workers") from error
    except SQLAlchemyError as error:
        message = _hidden(driver_message(error), engine)
        where = f"connection {conn_id!r}: {shown(engine)}"
        kind = ConfigError if is_refused(message) else BackendError
        raise kind(f"{where}: {message}; {advice_for(message)}") from None
    with connection:
        yield connection


@contextmanager
def _reading(engine: Engine, request: ReadRequest, *, snapshot: bool = False) -> Iterator[Connection]:
    """Connect and set the session up; what the database says becomes an error of this package."""
    begin = ("BEGIN",) if snapshot and engine.dialect.name == "sqlite" else ()
    with _connected(engine, str(request.source.conn_id), snapshot=snapshot) as connection:
        try:
            for statement in (*_SET_UP.get(engine.dialect.name, ()), *begin):
                connection.exec_driver_sql(statement)
            yield connection
        except SQLAlchemyError as error:
            raise _told(error, engine, request) from None
        except pd.errors.DatabaseError as error:
            if not isinstance(error.__cause__, SQLAlchemyError):
                raise
            raise _told(error.__cause__, engine, request) from None


def _told(error: SQLAlchemyError, engine: Engine, request: ReadRequest) -> ConfigError | BackendError:
    """Return a BackendError for what a second try may change, else a ConfigError, without the password."""
    message = f"{_where(request.source)}: {_reported(error, engine, samples=request.report.samples)}"
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if engine.dialect.name == "sqlite":  # says OperationalError for a wrong query as well
        again = lost or "locked" in message
    else:
        again = lost or isinstance(error, OperationalError | InterfaceError)
    if again:
        return BackendError(f"{message}; {advice_for(message)}")
    advice = advice_for(message) if "permission denied" in message else "correct the query"
    return ConfigError(f"{message}; {advice}")


def _reported(error: SQLAlchemyError, engine: Engine, *, samples: bool) -> str:
    """Return what the database says; without ``samples`` only if it quotes nothing but the query."""
    said = _hidden(driver_message(error), engine)
    query = getattr(error, "statement", None) or ""
    of_query = isinstance(error, _OF_QUERIES) and all(part in query for part in _QUOTED.findall(said))
    return said if samples or of_query else error_text(error, samples=False)


def _hidden(message: str, engine: Engine) -> str:
    password = engine.url.password
    return message.replace(str(password), "***") if password and len(str(password)) > 2 else message


def _exact(
    frame: pd.DataFrame, statement: TextClause, connection: Connection, request: ReadRequest
) -> pd.DataFrame:
    """Return the rows with large whole numbers as they are: beside gaps pandas makes floats of them.

    The query is run again where a column may be one of those.
    """
    large = [name for name in dict.fromkeys(frame.columns) if _is_large(frame, name)]
    if not large or "dtype_backend" in request.source.load_args:
        return frame
    again = _frame(statement, connection, request, dtype_backend="numpy_nullable")
    whole = [name for name in large if pd.api.types.is_integer_dtype(again[name])]
    if not whole or len(set(frame.columns)) < len(frame.columns):
        return frame
    # All columns are of the second answer: without an order, rows may come in another one.
    others = {name: _as(again[name], frame[name].dtype) for name in again.columns if name not in whole}
    return again.assign(**others)


def _as(values: pd.Series, dtype: Any) -> pd.Series:
    """Return a column of nullable types with the type that it has without them."""
    if not pd.api.types.is_object_dtype(dtype):
        return values.astype(dtype)
    cells = values.astype(object)
    return cells.where(values.notna(), None)


def _is_large(frame: pd.DataFrame, name: str) -> bool:
    return isinstance(frame[name], pd.Series) and loses_digits(frame[name])


def _frame(statement: TextClause, connection: Connection, request: ReadRequest, **more: Any) -> pd.DataFrame:
    given = {name: value for name, value in request.source.load_args.items() if name != "params"}
    arguments = {"coerce_float": False, **given, **more}
    try:
        frame: pd.DataFrame = pd.read_sql(statement, connection, **arguments)
        return frame
    except (TypeError, KeyError, ValueError) as error:
        text = error_text(error, samples=request.report.samples)
        raise ConfigError(f"data.source.load_args does not fit pandas.read_sql: {text}") from error


def _plain(frame: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Return the rows with what Parquet can hold: times in UTC, UUIDs as text."""
    names = [str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"{_where(source)}: two columns are named {twice!r}: give each its own name with AS"
        )
    for name in names:
        values = frame[name]
        if values.dtype != object:
            continue
        if pd.api.types.infer_dtype(values, skipna=True) == "datetime":
            frame[name] = pd.to_datetime(values, utc=True)
        elif isinstance(next(iter(values.dropna()), None), UUID):
            frame[name] = values.astype("str")
    return frame
