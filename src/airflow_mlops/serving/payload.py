"""Requests in MLflow's scoring protocol and the check against a model's signature.

A signature of named columns is compiled once into a check per column, so that a wrong row costs no frame
and is refused with the column's name. What MLflow refuses is refused here, but whole numbers are taken
for doubles, and 2.0 for a whole number: JSON does not tell them apart.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import msgspec

from airflow_mlops.core.errors import ConfigError

FORMATS: Final = ("dataframe_split", "dataframe_records", "inputs", "instances")
_INT64: Final = 2**63
_INT32: Final = 2**31
_FLOATS: Final = {float}
_STRINGS: Final = {str}


class BadInputError(ConfigError):
    """A request that no model could answer; the caller's fault."""


@dataclass(frozen=True)
class Table:
    """Rows of as many values as there are ``names``."""

    names: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True)
class Payload:
    """The rows of a request: named columns, or an ``array`` when the request names none.

    Columns come as ``given`` or lie in a ``table``.
    """

    rows: int
    given: Mapping[str, Sequence[Any]] | None = None
    array: Any = None
    table: Table | None = None

    @cached_property
    def columns(self) -> Mapping[str, Sequence[Any]] | None:
        """The values by column, None when the request names none."""
        if self.table is None:
            return self.given
        return {name: [row[i] for row in self.table.rows] for i, name in enumerate(self.table.names)}


def read_json(body: bytes) -> Any:
    """Return a body as JSON values, NaN included; raises BadInputError."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body)  # Takes NaN and Infinity as MLflow does, and says where the fault is.
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"the body is not JSON: {error}") from error


def parse(body: bytes) -> Payload:
    """Read the body of an /invocations request; raises BadInputError when it follows none of the formats.

    >>> parse(b'{"dataframe_records": [{"age": 30}, {"age": 41}]}').columns
    {'age': [30, 41]}
    """
    data = read_json(body)
    found = [key for key in FORMATS if isinstance(data, dict) and key in data]
    if len(found) != 1:
        raise BadInputError(f"the body must be a JSON object with exactly one of {', '.join(FORMATS)}")
    value = data[found[0]]
    payload = _split(value) if found[0] == "dataframe_split" else _tensor_or_records(found[0], value)
    if payload.rows < 1:
        raise BadInputError(f"{found[0]} has no rows")
    return payload


def _split(value: Any) -> Payload:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise BadInputError('dataframe_split must be {"columns": [...], "data": [[...], ...]}')
    names, rows = value.get("columns"), value["data"]
    if not isinstance(names, list) or not set(map(type, names)) <= _STRINGS:
        raise BadInputError("dataframe_split needs columns: a list of names")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise BadInputError(f"dataframe_split row {number} must be a list of {len(names)} values")
    return Payload(len(rows), table=Table(names, rows))


def _tensor_or_records(kind: str, value: Any) -> Payload:
    if isinstance(value, dict) and kind == "inputs":
        lengths = {len(column) for column in value.values() if isinstance(column, list)}
        if len(lengths) != 1 or not all(isinstance(column, list) for column in value.values()):
            raise BadInputError("inputs must map each column to a list of the same length")
        return Payload(lengths.pop(), value)
    if not isinstance(value, list):
        raise BadInputError(f"{kind} must be a list")
    if value and all(isinstance(row, dict) for row in value):
        names = dict.fromkeys(name for row in value for name in row)
        return Payload(len(value), {name: [row.get(name) for row in value] for name in names})
    if kind == "dataframe_records":
        raise BadInputError("dataframe_records must be a list of objects, one per row")
    return Payload(len(value), array=value)


Check = Callable[[Any], Any]


def _real(value: Any) -> Any:
    if value is None or type(value) is float or (type(value) is int and abs(value) < 1e308):
        return value
    raise ValueError("a number")


def _whole(limit: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is float and value.is_integer():  # as R and JavaScript write whole numbers
            value = int(value)
        if type(value) is int and -limit <= value < limit:
            return value
        raise ValueError("a whole number")

    return check


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    raise ValueError("a string")


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _moment(value: Any) -> Any:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("an ISO 8601 time") from None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _bytes(value: Any) -> Any:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("base64 text") from None


def _anything(value: Any) -> Any:
    return value


_CHECKS: Final[Mapping[str, tuple[Check, str]]] = {
    "double": (_real, "float64"),
    "float": (_real, "float32"),
    "long": (_whole(_INT64), "int64"),
    "integer": (_whole(_INT32), "int32"),
    "string": (_text, "str"),
    "boolean": (_flag, "bool"),
    "datetime": (_moment, "datetime64[ns]"),
    "binary": (_bytes, "object"),
    "any": (_anything, "object"),
}


@dataclass(frozen=True)
class Column:
    """One column of a compiled signature; ``dtype`` is what the model's frame holds."""

    name: str
    type: str
    required: bool
    check: Check
    dtype: str


@dataclass(frozen=True)
class Signature:
    """A compiled signature of named columns."""

    columns: tuple[Column, ...]

    @cached_property
    def numbers(self) -> list[str] | None:
        """The names of the columns when all of them are doubles, else None."""
        return [c.name for c in self.columns] if all(c.dtype == "float64" for c in self.columns) else None

    def plain_rows(self, payload: Payload) -> list[list[float]] | None:
        """Return the rows as they came if they are what the model takes: floats, in its order."""
        table = payload.table
        if table is None or table.names != self.numbers:
            return None
        return table.rows if all(set(map(type, row)) == _FLOATS for row in table.rows) else None

    @classmethod
    def compile(cls, inputs: Sequence[tuple[str, str, bool]]) -> Signature | None:
        """Compile (name, MLflow type, required) triples; None when a type is beyond plain columns."""
        if any(type_ not in _CHECKS for _, type_, _ in inputs):
            return None
        return cls(tuple(Column(name, type_, req, *_CHECKS[type_]) for name, type_, req in inputs))

    def check(self, payload: Payload) -> dict[str, list[Any]]:
        """Return the columns that the model takes, checked; columns that it does not know are left out.

        Raises BadInputError naming the column, the row and the value.
        """
        if payload.columns is None:
            raise BadInputError(
                f"this model takes named columns ({', '.join(c.name for c in self.columns)}): "
                "use dataframe_split or dataframe_records"
            )
        checked = {}
        for column in self.columns:
            if column.name in payload.columns:
                checked[column.name] = _checked(column, payload.columns[column.name])
            elif column.required:
                raise BadInputError(f"column {column.name!r} ({column.type}) is missing")
        return checked


def _checked(column: Column, values: Sequence[Any]) -> list[Any]:
    if column.dtype == "float64" and all(type(value) is float for value in values):
        return list(values)
    out: list[Any] = []
    for row, value in enumerate(values):
        if value is None and not column.required:
            out.append(None)
            continue
        try:
            out.append(column.check(value))
        except ValueError as error:
            raise BadInputError(
                f"column {column.name!r} row {row}: {_shown(value)} is not {error} (type {column.type})"
            ) from None
    return out


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
