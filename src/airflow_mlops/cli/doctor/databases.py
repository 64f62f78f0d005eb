"""Reads databases that doctor examines; creates and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect, select, sql
from sqlalchemy.engine import make_url


def shown(url: str) -> str:
    """Return a database's URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def missing_file(url: str) -> Path | None:
    """Return the file of an SQLite database when it does not exist."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        return None
    file = Path(address.database)
    return None if file.is_file() else file


def first_value(url: str, table: str, column: str) -> tuple[bool, Any]:
    """Return whether the table exists, and the first value of a column."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(table):
                return False, None
            return True, connection.scalar(select(sql.column(column)).select_from(sql.table(table)))
    finally:
        engine.dispose()


def rows_of(url: str, table: str, *columns: str) -> list[tuple[Any, ...]] | None:
    """Return some columns of all rows, None when there is no such table."""
    if missing_file(url):
        return None
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(table):
                return None
            query: Any = select(*map(sql.column, columns)).select_from(sql.table(table))
            return [tuple(row) for row in connection.execute(query)]
    finally:
        engine.dispose()
