"""The columns of a query as a database compares them, with the meaning that pandas gives them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from pandas.api.types import pandas_dtype

from airflow_mlops.data.validation.columns import DECIMAL, NUMBER, OTHER, TEXT, TIME
from airflow_mlops.data.validation.sql_columns import FLOAT

DIALECTS: Final = ("postgresql", "sqlite")
EMPTY: Final = "empty"
"""A column without any value."""
ORDERED: Final = (NUMBER, FLOAT, DECIMAL, TIME)
"""Columns whose smallest and largest value are the same in the database and in a stored file."""

# What drivers of PostgreSQL call its types: the object ids of its catalogue, which never change.
_INTEGERS: Final = (20, 21, 23)
_DOUBLE, _SINGLE, _NUMERIC = 701, 700, 1700
_TEXTS: Final = (25, 1043)
_UUID: Final = 2950
_DATE, _TIMESTAMP, _TIMESTAMP_WITH_ZONE = 1082, 1114, 1184
_NAN: Final = sa.text("'NaN'")


@dataclass(frozen=True)
class DatabaseColumn:
    """A column of the query: what its cells are, and the two forms in which they are compared.

    ``compared`` has decimals as floating-point numbers and times in UTC, ``exact`` tells decimals apart by
    all their digits. A NaN is a missing value in both, as in pandas. ``type_name`` is its type in pandas.
    """

    name: str
    kind: str
    compared: sa.ColumnElement[Any]
    exact: sa.ColumnElement[Any]
    type_name: str

    @property
    def sql_type(self) -> Any:
        """A type of SQLAlchemy that Great Expectations can name; only gaps are asked of other kinds."""
        return _SQL_TYPES.get(self.kind, sa.Text)()


_SQL_TYPES: Final[Mapping[str, Any]] = {
    NUMBER: sa.BigInteger, FLOAT: sa.Double, DECIMAL: sa.Double, TEXT: sa.Text, TIME: sa.DateTime,
}  # fmt: skip


def database_columns(
    source: sa.FromClause, kinds: Mapping[str, str], codes: Mapping[str, Any], row: pd.DataFrame, dialect: str
) -> dict[str, DatabaseColumn]:
    """Return the columns by name.

    :param source: the query.
    :param kinds: what the cells of each column are in pandas.
    :param codes: type of each column as the driver names it; SQLite has none.
    :param row: a row of the same types, see ``example_row``.
    :param dialect: ``postgresql`` or ``sqlite``.
    """
    make = _of_postgresql if dialect == "postgresql" else _of_sqlite
    found = {}
    for name, kind in kinds.items():
        own = source.c[name]
        kind, exact, compared = make(own, kind, codes.get(name))
        found[name] = DatabaseColumn(name, kind, compared, exact, str(row[name].dtype))
    return found


_Made = tuple[str, sa.ColumnElement[Any], sa.ColumnElement[Any]]
"""What the cells are, how they are told apart, and how they are compared with limits."""


def _of_postgresql(own: sa.ColumnElement[Any], kind: str, code: Any) -> _Made:
    known: sa.ColumnElement[Any] = own
    if code in (_SINGLE, _DOUBLE, _NUMERIC):
        known = sa.func.nullif(own, _NAN)
    if code == _DOUBLE and kind == FLOAT:  # the digits of single precision differ from those in pandas
        return FLOAT, known, known
    if code == _NUMERIC and kind == DECIMAL:
        return DECIMAL, known, sa.cast(known, sa.Double)
    if code in _INTEGERS and kind in (NUMBER, FLOAT):
        known = own if kind == NUMBER else sa.cast(own, sa.Double)
        return kind, known, known
    if code in (*_TEXTS, _UUID) and kind == TEXT:
        known = (sa.cast(own, sa.Text) if code == _UUID else own).collate("C")
        return TEXT, known, known
    if code in (_DATE, _TIMESTAMP, _TIMESTAMP_WITH_ZONE) and kind == TIME:
        known = sa.func.timezone("UTC", own) if code == _TIMESTAMP_WITH_ZONE else own
        known = sa.cast(own, sa.DateTime) if code == _DATE else known
        return TIME, known, known
    return (EMPTY if kind == EMPTY else OTHER), known, known


def _of_sqlite(own: sa.ColumnElement[Any], kind: str, _code: Any) -> _Made:
    known: sa.ColumnElement[Any] = own
    if kind == FLOAT:  # whole numbers may be among them
        known = sa.cast(own, sa.REAL)
    elif kind == TEXT:
        known = own.collate("BINARY")
    return (kind if kind in (NUMBER, FLOAT, TEXT, EMPTY) else OTHER), known, known


_EXAMPLES: Final[Sequence[tuple[Callable[[pa.DataType], bool], Any]]] = (
    (pa.types.is_decimal, Decimal(0)),
    (pa.types.is_date, datetime.date(2000, 1, 1)),
    (pa.types.is_timestamp, pd.Timestamp("2000-01-01")),
    (pa.types.is_boolean, True),
    (pa.types.is_string, ""),
    (pa.types.is_large_string, ""),
    (pa.types.is_integer, 0),
    (pa.types.is_floating, 0.0),
)


def example_row(schema: pa.Schema, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Return one row whose columns have the types that a stored dataset has in pandas.

    Rules that depend on types alone can be asked with it instead of the rows.

    :param schema: types of the stored file.
    :param dtypes: types in pandas by column, in the order of the columns.

    >>> row = example_row(pa.schema({"day": pa.date32(), "n": pa.int64()}), {"day": "object", "n": "Int64"})
    >>> row["day"][0], str(row["n"].dtype)
    (datetime.date(2000, 1, 1), 'Int64')
    """
    return pd.DataFrame({
        name: pd.Series([_example(schema.field(name).type)], dtype=object).astype(pandas_dtype(dtype))
        for name, dtype in dtypes.items()
    })  # fmt: skip


def _example(kind: pa.DataType) -> Any:
    return next((value for fits, value in _EXAMPLES if fits(kind)), None)


def kinds_of(schema: pa.Schema, row: pd.DataFrame, kind_of: Callable[[str], str]) -> dict[str, str]:
    """Return what the cells of each column are; ``kind_of`` says what those of ``row`` are."""
    found = {}
    for name, dtype in row.dtypes.items():
        kind = EMPTY if pa.types.is_null(schema.field(str(name)).type) else kind_of(str(name))
        found[str(name)] = FLOAT if kind == NUMBER and str(dtype) in ("float64", "Float64") else kind
    return found
