"""The columns of a stored dataset as DuckDB compares them, with the meaning that pandas gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from airflow_mlops.data.validation.columns import DECIMAL, NUMBER, OTHER, TEXT, TIME, stamp

FLOAT: Final = "float"
"""A floating-point number: NaN is a missing value, as in pandas."""
EXACT_INTEGER: Final = 2**53
"""Below it, each whole number is a float of its own."""

_INTEGERS: Final = {
    "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT",
}  # fmt: skip
_TIMES: Final = {
    "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip
_MICRO, _NANO = 10**6, 10**9
_EXACT_DIGITS: Final = 15
"""Digits of a decimal that a double holds, so that both engines compare the same number."""


@dataclass(frozen=True)
class SqlColumn:
    """A column: its kind, its values in SQL, and the same as a number that limits are compared with.

    ``per_second`` is the unit of the number of a time.
    """

    name: str
    kind: str
    value: str
    compared: str
    per_second: int = 0

    def limit(self, value: Any) -> str | None:
        """Return a limit in SQL, or None when it cannot be compared with this column."""
        if self.kind == TIME:
            return None if not isinstance(value, pd.Timestamp) else str(self._ticks(value))
        if self.kind not in (NUMBER, FLOAT, DECIMAL) or isinstance(value, bool):
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return None if number != number else f"'{number!r}'::DOUBLE"

    def member(self, value: Any) -> str | None:
        """Return a member of a set in SQL; empty when no value equals it, None when that is not sure."""
        if self.kind == TEXT:
            return text_literal(value) if isinstance(value, str) and "\0" not in value else None
        if self.kind == TIME:
            return None if stamp(value) is None else self.limit(stamp(value))
        if isinstance(value, bool) or not isinstance(value, int | float) or self.kind not in (NUMBER, FLOAT):
            return None
        if self.kind == NUMBER:
            if not abs(value) < EXACT_INTEGER:
                return None
            return str(int(value)) if value == int(value) else ""
        return self.limit(value)

    def _ticks(self, moment: pd.Timestamp) -> int:
        microseconds = microseconds_of(moment)
        return microseconds * 1000 if self.per_second == _NANO else microseconds


def microseconds_of(moment: pd.Timestamp) -> int:
    """Return a time as microseconds since 1970; a Timestamp's own ``value`` cannot say the year 9999."""
    return int(moment.as_unit("us").to_datetime64().astype("int64"))


def sql_columns(described: Mapping[str, str], dtypes: Mapping[str, str]) -> dict[str, SqlColumn]:
    """Return the columns of a dataset by name.

    :param described: DuckDB's type of each column.
    :param dtypes: type of each column in pandas.
    """
    return {name: _column(name, kind, dtypes.get(name, "object")) for name, kind in described.items()}


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def _column(name: str, kind: str, dtype: str) -> SqlColumn:
    own = quoted(name)
    if kind in _INTEGERS and dtype.lower().lstrip("u").startswith("int"):
        return SqlColumn(name, NUMBER, own, own)
    if kind == "DOUBLE" and dtype == "float64":
        known = f"CASE WHEN isnan({own}) THEN NULL ELSE {own} END"
        return SqlColumn(name, FLOAT, known, known)
    if kind == "VARCHAR" and dtype in ("str", "string"):
        return SqlColumn(name, TEXT, own, own)
    if kind in _TIMES and dtype.startswith("datetime64["):
        per_second = _NANO if kind == "TIMESTAMP_NS" else _MICRO
        ticks = f"epoch_ns({own})" if per_second == _NANO else f"epoch_us({own})"
        return SqlColumn(name, TIME, ticks, ticks, per_second)
    if kind == "DATE" and dtype == "object":
        ticks = f"epoch_us({own}::TIMESTAMP)"
        return SqlColumn(name, TIME, ticks, ticks, _MICRO)
    if kind.startswith("DECIMAL(") and dtype == "object":
        digits = int(kind.removeprefix("DECIMAL(").partition(",")[0])
        if digits <= _EXACT_DIGITS:
            return SqlColumn(name, DECIMAL, own, f"{own}::DOUBLE")
    return SqlColumn(name, OTHER, own, own)
