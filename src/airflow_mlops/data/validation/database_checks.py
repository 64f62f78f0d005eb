"""What a database is asked for one expectation, so that its verdict is the one on the rows in pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa

from airflow_mlops.config import database_engine as answers
from airflow_mlops.config.expectations import Expectation
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.validation.columns import DECIMAL, NUMBER, OTHER, TEXT, TIME, Columns, stamp
from airflow_mlops.data.validation.database_columns import EMPTY, DatabaseColumn
from airflow_mlops.data.validation.limits import BOUNDS
from airflow_mlops.data.validation.outcome import cut
from airflow_mlops.data.validation.regex import for_postgresql
from airflow_mlops.data.validation.sql_checks import LARGEST, TOO_CLOSE
from airflow_mlops.data.validation.sql_columns import EXACT_INTEGER, FLOAT

_NUMBERS: Final = (NUMBER, FLOAT, DECIMAL)
_KNOWN: Final = (*_NUMBERS, TEXT, TIME)
_LARGEST_INTEGER: Final = 2**63
_COUNTED: Final = "_num_rows"
"""What Great Expectations calls a column of its own where it counts copies; it cannot quote a `"` either."""
_ASCII: Final = "^[ -~]*$"
_KINDS: Final[Mapping[frozenset[str], Sequence[str]]] = {
    answers.OF_GAPS: (*_KNOWN, EMPTY, OTHER),
    answers.OF_RANGE: (*_NUMBERS, TIME),
    answers.OF_SUM: _NUMBERS,
    answers.OF_SET: _KNOWN,
    answers.OF_COPIES: _KNOWN,
    answers.OF_REGEX: (TEXT,),
    answers.OF_LENGTH: (TEXT,),
}
"""What the cells of columns may be, by expectation."""


@dataclass(frozen=True)
class Guard:
    """Rows on which the database and pandas may differ: none may be there. ``what`` says what they have."""

    rows: sa.ColumnElement[bool]
    what: str


@dataclass(frozen=True)
class Question:
    """An expectation for a database: its arguments, and whether columns are told apart by all digits.

    ``scale`` is a figure that says how far rounding may move the observed one; with ``whole`` it is the
    observed one itself, a whole number with all its digits.
    """

    item: Expectation
    arguments: Mapping[str, Any]
    exact: bool = False
    guards: tuple[Guard, ...] = ()
    scale: sa.ColumnElement[Any] | None = None
    whole: bool = False


def reads_texts(item: Expectation, example: Columns) -> str | None:
    """Return the column whose texts would be read as times, which databases do otherwise than pandas.

    :param example: columns of the types that the stored rows have in pandas.
    """
    if item.name not in answers.OF_RANGE | answers.OF_SUM:
        return None
    timed = any(stamp(item.arguments.get(key)) is not None for key in BOUNDS)
    return next((name for name in item.columns if timed and example.kind(name) == TEXT), None)


def unanswered_column(item: Expectation, columns: Mapping[str, DatabaseColumn]) -> ConfigError | None:
    """Return the error about a column of a kind that the database does not judge as pandas does, or None."""
    kinds = next((kinds for names, kinds in _KINDS.items() if item.name in names), ())
    for name in item.columns:
        if columns[name].kind == OTHER and OTHER not in kinds:
            return _on(item, columns[name])
    return None


def question(
    item: Expectation, arguments: Mapping[str, Any], columns: Mapping[str, DatabaseColumn], dialect: str
) -> Question:
    """Return what a database is asked.

    :param arguments: those of ``item`` in forms that can be compared with its columns.
    :param columns: all columns by name.
    :param dialect: ``postgresql`` or ``sqlite``.

    Raises ConfigError when its verdict might be another one than that on the rows.
    """
    if reason := answers.unanswered(item):
        raise ConfigError(f"validate.expect: {reason}")
    used = [columns[name] for name in item.columns]
    kinds = next((kinds for names, kinds in _KINDS.items() if item.name in names), ())
    for column in used:
        if column.kind not in kinds:
            raise _on(item, column)
    asked = _Asked(item, dict(arguments), used, dialect)
    make = next((make for names, make in _MAKERS.items() if item.name in names), _plain)
    return make(asked)


def unsupported(item: Expectation, why: str) -> ConfigError:
    """Return the error about an expectation that a database does not answer as pandas does."""
    return ConfigError(
        f"validate.expect: {item.name} {why} is not supported by engine database: {answers.OTHERS}"
    )


def _on(item: Expectation, column: DatabaseColumn) -> ConfigError:
    return unsupported(item, f"on the column {cut(column.name)!r} of type {column.type_name}")


def too_close(asked: Question, value: Any, scale: Any) -> bool:
    """Whether rounding may decide if a sum or mean is within its limits."""
    if asked.item.name not in answers.OF_SUM or value is None:
        return False
    value = float(value)
    if value != value or abs(value) > LARGEST:
        return True
    if asked.whole and abs(value) < EXACT_INTEGER:
        return False
    near = TOO_CLOSE * max(abs(float(scale or 0.0)), abs(value))
    limits = [asked.arguments.get(key) for key in BOUNDS]
    return any(limit is not None and abs(value - float(limit)) <= near for limit in limits)


@dataclass(frozen=True)
class _Asked:
    """An expectation with arguments that can be compared, and its columns."""

    item: Expectation
    arguments: dict[str, Any]
    columns: Sequence[DatabaseColumn]
    dialect: str


def _plain(asked: _Asked) -> Question:
    return Question(asked.item, asked.arguments)


def _range(asked: _Asked) -> Question:
    given = asked.arguments
    limits = {key: _limit(asked.item, given[key]) for key in BOUNDS if given.get(key) is not None}
    return Question(asked.item, given | limits)


def _set(asked: _Asked) -> Question:
    given = asked.arguments.get("value_set") or ()
    if asked.dialect == "sqlite" and any(isinstance(one, str) and "\0" in one for one in given):
        raise unsupported(asked.item, "with members that have the character 0")
    found = _members(asked.item, asked.arguments.get("value_set"), asked.columns[0].kind)
    return Question(asked.item, asked.arguments | {"value_set": found})


def _sum(asked: _Asked) -> Question:
    [column], total = asked.columns, "_sum_" in asked.item.name
    if total and column.kind == NUMBER:
        return Question(asked.item, asked.arguments, scale=sa.func.sum(column.compared), whole=True)
    function = sa.func.sum if total else sa.func.avg
    size = sa.func.abs(sa.cast(column.compared, sa.Double))  # there is no absolute value of the least integer
    return Question(asked.item, asked.arguments, scale=function(size))


def _copies(asked: _Asked) -> Question:
    guards: tuple[Guard, ...] = ()
    for name in (column.name for column in asked.columns):
        if '"' in name or name == _COUNTED:
            raise unsupported(asked.item, f"on a column of the name {cut(name)!r}")
    if len(asked.columns) > 1:  # a row with a gap equals no other in the database
        gap = sa.or_(*(column.exact.is_(None) for column in asked.columns))
        guards = (Guard(gap, "no value in one of its columns"),)
    return Question(asked.item, asked.arguments, exact=True, guards=guards)


def _length(asked: _Asked) -> Question:
    if asked.dialect != "sqlite":
        return _plain(asked)
    zero = sa.func.instr(asked.columns[0].compared, sa.func.char(0)) > 0  # SQLite counts up to the first
    return Question(asked.item, asked.arguments, guards=(Guard(zero, "the character 0"),))


def _regex(asked: _Asked) -> Question:
    item, arguments, [column] = asked.item, asked.arguments, asked.columns
    if asked.dialect == "sqlite":  # SQLAlchemy gives it Python's own engine
        return Question(item, arguments)
    found = for_postgresql(str(arguments.get("regex")))
    if found is None:
        raise unsupported(item, f"with the pattern {cut(arguments.get('regex'))!r}")
    guards = []
    if found.needs_plain:
        other = column.compared.op("!~", is_comparison=True)(sa.literal(_ASCII))
        guards.append(Guard(other, "characters beyond printable ASCII, which the pattern may read otherwise"))
    elif found.needs_no_newline:
        ends = sa.func.right(column.compared, 1) == sa.func.chr(10)
        guards.append(Guard(ends, "a new line at the end, which the pattern may read otherwise"))
    return Question(item, {**arguments, "regex": found.text}, guards=tuple(guards))


def _limit(item: Expectation, value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_INTEGER
    if not (whole or (isinstance(value, float) and abs(value) < EXACT_INTEGER)):
        raise unsupported(item, f"with the limit {cut(value)}")
    return value


def _members(item: Expectation, values: Any, kind: str) -> list[Any]:
    """Return the members of a set that a value of the column may equal, in one type."""
    values = list(values) if isinstance(values, list | tuple | set) else []
    found: list[Any]
    if kind == TEXT:
        found = [value for value in values if isinstance(value, str) and "\0" not in value]
    elif kind == TIME:
        found = [value.to_pydatetime() for value in values if isinstance(value, pd.Timestamp)]
    else:
        plain = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(plain) < len(values) or any(not abs(value) < EXACT_INTEGER for value in plain):
            raise unsupported(item, "with members that are not plain numbers")
        found = [float(value) for value in plain]
    if not found:
        raise unsupported(item, "with no member that a value of the column can equal")
    return found


_MAKERS: Final[Mapping[frozenset[str], Callable[[_Asked], Question]]] = {
    answers.OF_RANGE: _range,
    answers.OF_SET: _set,
    answers.OF_SUM: _sum,
    answers.OF_COPIES: _copies,
    answers.OF_REGEX: _regex,
    answers.OF_LENGTH: _length,
}
