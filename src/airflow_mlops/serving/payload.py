"""Requests in MLflow's scoring protocol and the check against a model's signature.

A signature of named columns is compiled once into a check per column, so that a wrong row costs no frame
and is refused with the column's name. What MLflow refuses is refused here, but whole numbers are taken
for doubles, and 2.0 for a whole number: JSON does not tell them apart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final

import msgspec

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.column_checks import CELLS, CHECKS, Check

FORMATS: Final = ("dataframe_split", "dataframe_records", "inputs", "instances")
_LLM_KEYS: Final = ("messages", "prompt", "input")
_SPLIT_KEYS: Final = frozenset({"columns", "data", "index"})
_FLOATS: Final = {float}
_LISTS: Final = {list}
_NAMES: Final = {str, int, float}
_SPARSE_CELLS: Final = 500_000
"""Cells of a table most of which no record has: a small body could ask for millions of them."""


class BadInputError(ConfigError):
    """A request that no model could answer; the caller's fault."""


class Table(msgspec.Struct, frozen=True):
    """Rows of as many values as there are ``names``; a name may be a number."""

    names: list[Any]
    rows: list[list[Any]]


class Payload(msgspec.Struct, frozen=True, dict=True):
    """The rows of a request: columns with names, or an ``array`` when the request has none.

    Columns come as ``given`` or lie in a ``table``; a request of neither says in ``fault`` why it has no
    columns. ``sent`` is the format and the value as they came, for a model whose input is no such table.
    ``params`` are inference parameters, ``index`` the labels of the rows.
    """

    rows: int
    given: Mapping[str, Sequence[Any]] | None = None
    array: Any = None
    table: Table | None = None
    params: Mapping[str, Any] | None = None
    index: list[Any] | None = None
    sent: tuple[str, Any] | None = None
    fault: str = ""

    @cached_property
    def columns(self) -> Mapping[str, Sequence[Any]] | None:
        """The values by column, None when the request names none."""
        if self.table is None:
            return self.given
        return {name: [row[i] for row in self.table.rows] for i, name in enumerate(self.table.names)}

    @property
    def names(self) -> Set[Any]:
        """The names of the columns; empty when the request has none."""
        return set(self.given or ()) if self.table is None else set(self.table.names)

    @cached_property
    def all_floats(self) -> bool:
        """Whether the request is a table of floats only; asked by each version, looked at once."""
        return self.table is not None and set(map(type, chain.from_iterable(self.table.rows))) == _FLOATS

    @property
    def is_text(self) -> bool:
        """Whether the values are cells of a CSV file."""
        return self.sent is not None and self.sent[0] == "text/csv"


def read_json(body: bytes) -> Any:
    """Return a body as JSON values, NaN included; raises BadInputError."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        # Takes NaN and Infinity as MLflow does, and says where the fault is.
        found = json.loads(body, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"the body is not JSON: {error}") from error
    if b"\\u" in body:
        _check_text(found)
    return found


def _finite(digits: str) -> float:
    if math.isinf(value := float(digits)):
        shown = digits if len(digits) <= 20 else f"{digits[:20]}…"
        raise ValueError(f"{shown} is larger than any double")
    return value


def _check_text(found: Any) -> None:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise BadInputError(
            f"the body has half of a surrogate pair, {half!a}: it cannot be written in UTF-8"
        ) from error


def parse(body: bytes) -> Payload:
    """Read the body of an /invocations request; raises BadInputError when it follows none of the formats.

    >>> parse(b'{"dataframe_records": [{"age": 30}, {"age": 41}]}').columns
    {'age': [30, 41]}
    """
    return payload_of(read_json(body))


def payload_of(data: Any) -> Payload:
    """Return the rows of a body that is decoded; raises BadInputError as ``parse`` does."""
    found = [key for key in FORMATS if key in data] if isinstance(data, dict) else []
    if len(found) != 1:
        raise BadInputError(_no_format(data))
    kind = found[0]
    params = data.get("params")
    if params is not None and not isinstance(params, dict):
        raise BadInputError(f"params must be an object of names and values, got {_shown(params)}")
    read = _split if kind == "dataframe_split" else _records if kind == "dataframe_records" else _tensors
    payload = read(kind, data[kind], params or None)
    if payload.rows < 1:
        raise BadInputError(f"{kind} has no rows")
    return payload


def _no_format(data: Any) -> str:
    expected = f"the body must be a JSON object with exactly one of {', '.join(FORMATS)}"
    llm = [key for key in _LLM_KEYS if key in data] if isinstance(data, dict) else []
    if llm and not any(key in data for key in FORMATS):
        return f"{expected}; the format of chats and completions ({llm[0]}) is not supported"
    return expected


def _split(kind: str, value: Any, params: Mapping[str, Any] | None) -> Payload:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("data"), list)
        or not value.keys() <= _SPLIT_KEYS
    ):
        raise BadInputError('dataframe_split must be {"columns": [...], "data": [[...], ...]}')
    names, rows, index = value.get("columns"), value["data"], value.get("index")
    if names is None:
        names = list(range(len(rows[0]) if rows and isinstance(rows[0], list) else 1))
    elif not isinstance(names, list) or not set(map(type, names)) <= _NAMES:
        raise BadInputError("the columns of dataframe_split must be a list of names or numbers")
    if len(names) == 1 and not any(isinstance(row, list | dict) for row in rows):
        rows = [[item] for item in rows]
    if not set(map(type, rows)) <= _LISTS or not set(map(len, rows)) <= {len(names)}:
        number = next(i for i, row in enumerate(rows) if type(row) is not list or len(row) != len(names))
        raise BadInputError(f"dataframe_split row {number} must be a list of {len(names)} values")
    if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
        raise BadInputError(f"the index of dataframe_split must be a list of {len(rows)} labels, one per row")
    return Payload(len(rows), table=Table(names, rows), params=params, index=index, sent=(kind, value))


def _records(kind: str, value: Any, params: Mapping[str, Any] | None) -> Payload:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise BadInputError(f"{kind} must be a list of objects, one per row")
    names = dict.fromkeys(name for row in value for name in row)
    if len(names) * len(value) > max(_SPARSE_CELLS, 4 * sum(map(len, value))):
        raise BadInputError(
            f"{kind} has {len(value)} rows of {len(names)} different columns, most of them empty: "
            "send fewer rows, or only the columns that the model takes"
        )
    columns = {name: [row.get(name) for row in value] for name in names}
    return Payload(len(value), columns, params=params, sent=(kind, value))


def _tensors(kind: str, value: Any, params: Mapping[str, Any] | None) -> Payload:
    if isinstance(value, list):
        if value and all(isinstance(row, dict) for row in value):
            return _records(kind, value, params)
        return Payload(len(value), array=value, params=params, sent=(kind, value))
    if not isinstance(value, dict):
        fault = f"{kind} must be a list of rows or an object of columns, got {_shown(value)}"
        return Payload(1, params=params, sent=(kind, value), fault=fault)
    lengths = {len(column) for column in value.values() if isinstance(column, list)} or {1}
    if len(lengths) > 1 or not value:
        fault = f"{kind} must map each column to a list of the same length, got lengths {sorted(lengths)}"
        return Payload(min(lengths) if value else 0, params=params, sent=(kind, value), fault=fault)
    (rows,) = lengths
    columns = {name: one if isinstance(one, list) else [one] * rows for name, one in value.items()}
    return Payload(rows, columns, params=params, sent=(kind, value))


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
        return table.rows if payload.all_floats else None

    @classmethod
    def compile(cls, inputs: Sequence[tuple[str, str, bool]]) -> Signature | None:
        """Compile (name, MLflow type, required) triples; None when a type is beyond plain columns."""
        if any(type_ not in CHECKS for _, type_, _ in inputs):
            return None
        return cls(tuple(Column(name, type_, req, *CHECKS[type_]) for name, type_, req in inputs))

    def check(self, payload: Payload) -> dict[str, list[Any]]:
        """Return the columns that the model takes, checked; columns that it does not know are left out.

        Raises BadInputError naming the column, the row and the value.
        """
        given = self._given(payload)
        checked = {}
        for column in self.columns:
            if column.name in given:
                values = given[column.name]
                checked[column.name] = _checked(column, _cells(column, values) if payload.is_text else values)
            elif column.required:
                raise BadInputError(f"column {column.name!r} ({column.type}) is missing")
        return checked

    def _given(self, payload: Payload) -> Mapping[str, Sequence[Any]]:
        if payload.table is not None and len(set(payload.table.names)) < len(payload.table.names):
            twice = next(name for name in payload.table.names if payload.table.names.count(name) > 1)
            raise BadInputError(f"column {twice!r} is there twice")
        if payload.columns is not None:
            return payload.columns
        names = [column.name for column in self.columns]
        if payload.fault:
            raise BadInputError(payload.fault)
        if len(names) == 1 and not any(isinstance(value, list | dict) for value in payload.array):
            return {names[0]: payload.array}
        raise BadInputError(
            f"this model takes named columns ({', '.join(names)}): use dataframe_split or dataframe_records"
        )


def _cells(column: Column, values: Sequence[Any]) -> list[Any]:
    read = CELLS.get(column.type)
    return list(values) if read is None else [value if value is None else read(value) for value in values]


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
    if isinstance(value, str | list):
        value = value[:60]  # enough to be cut off below
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
