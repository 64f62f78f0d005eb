"""One type for a column that several files have: what is exact or can be reported, nothing that loses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, Final

import pyarrow as pa
from pyarrow import types as pat

from airflow_mlops.core.errors import DataRejected
from airflow_mlops.data.sources.report import named

_UNITS: Final = ("s", "ms", "us", "ns")
_INT_DIGITS: Final = {8: 3, 16: 5, 32: 10, 64: 20}
_NAMES: Final = {"string": "text", "large_string": "text", "double": "float64", "float": "float32"}


def shown(kind: pa.DataType) -> str:
    """Return how messages call a type."""
    text = str(kind)
    return _NAMES.get(text, text if len(text) <= 60 else f"{text[:59]}…")


def common(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the type that holds the values of both, or None when there is none without a loss.

    Whole numbers beside floats become float64: a value that does not fit is an error when it is read.

    >>> common(pa.int32(), pa.float32()), common(pa.int64(), pa.string()) is None
    (DataType(double), True)
    """
    one, other = _plain(one), _plain(other)
    if one == other:
        return one
    if pat.is_null(one) or pat.is_null(other):
        return other if pat.is_null(one) else one
    for rule in (_numbers, _decimals, _times):
        if (found := rule(one, other)) is not None:
            return found
    return None


def _plain(kind: pa.DataType) -> pa.DataType:
    if pat.is_dictionary(kind):
        return _plain(kind.value_type)
    if pat.is_large_string(kind) or pat.is_string_view(kind):
        return pa.string()
    if pat.is_large_binary(kind) or pat.is_binary_view(kind):
        return pa.binary()
    return kind


def _numbers(one: Any, other: Any) -> pa.DataType | None:
    if pat.is_floating(one) and pat.is_floating(other):
        return one if one.bit_width > other.bit_width else other
    if pat.is_integer(one) and pat.is_integer(other):
        if pat.is_signed_integer(one) == pat.is_signed_integer(other):
            return one if one.bit_width > other.bit_width else other
        return pa.int64()
    whole, part = (one, other) if pat.is_integer(one) else (other, one)
    return pa.float64() if pat.is_integer(whole) and pat.is_floating(part) else None


def _decimals(one: Any, other: Any) -> pa.DataType | None:
    sizes = [_size(kind) for kind in (one, other)]
    if None in sizes or not (pat.is_decimal(one) or pat.is_decimal(other)):
        return None
    (digits, scale), (more_digits, more_scale) = sizes  # type: ignore[misc]
    whole, part = max(digits, more_digits), max(scale, more_scale)
    if whole + part <= 38:
        return pa.decimal128(whole + part, part)
    return pa.decimal256(whole + part, part) if whole + part <= 76 else None


def _size(kind: Any) -> tuple[int, int] | None:
    """Return the digits before and after the point of an exact number."""
    if pat.is_decimal(kind):
        return kind.precision - kind.scale, kind.scale
    return (_INT_DIGITS[kind.bit_width], 0) if pat.is_integer(kind) else None


def _times(one: Any, other: Any) -> pa.DataType | None:
    if pat.is_date(one) and pat.is_date(other):
        return pa.date32()
    if pat.is_date(one) or pat.is_date(other):
        stamp = other if pat.is_date(one) else one
        return stamp if pat.is_timestamp(stamp) and stamp.tz is None else None
    if pat.is_timestamp(one) and pat.is_timestamp(other) and (one.tz is None) == (other.tz is None):
        zone = one.tz if one.tz == other.tz else "UTC"
        return pa.timestamp(max(one.unit, other.unit, key=_UNITS.index), tz=zone)
    if pat.is_duration(one) and pat.is_duration(other):
        return pa.duration(max(one.unit, other.unit, key=_UNITS.index))
    return None


@dataclass(frozen=True)
class FileSchema:
    """The columns of one file; ``is_empty`` looks whether a column has no value in it."""

    file: str
    schema: pa.Schema
    is_empty: Callable[[str], bool] = field(repr=False, default=lambda _name: False)

    @cached_property
    def types(self) -> dict[str, pa.DataType]:
        """The type of each column."""
        return dict(zip(self.schema.names, self.schema.types, strict=True))


def unify(parts: Sequence[FileSchema], hint: str, note: Callable[[str], None]) -> pa.Schema:
    """Return the schema that holds the rows of all files, in the order in which columns first come.

    A column that a file has not is empty for its rows, and whole numbers beside floats become float64; both
    are reported to ``note``. Raises DataRejected for a column whose types have no common one without a loss;
    ``hint`` is the next step.
    """
    names = list(dict.fromkeys(name for part in parts for name in part.types))
    fields = []
    for name in names:
        having = [part for part in parts if name in part.types]
        if len(having) < len(parts):
            lacking = [part.file for part in parts if name not in part.types]
            note(f"column {name!r} is not in {named(lacking)}: it is empty for their rows")
        fields.append(pa.field(name, _column(name, having, hint, note)))
    return pa.schema(fields)


def _column(name: str, parts: Sequence[FileSchema], hint: str, note: Callable[[str], None]) -> pa.DataType:
    kinds = _by_type(name, parts)
    if len(kinds) == 1:
        return next(iter(kinds))
    found = _of_all(kinds)
    if found is None:  # a column without a value says nothing about its type
        parts = [part for part in parts if not part.is_empty(name)] or parts[:1]
        kinds = _by_type(name, parts)
        found = next(iter(kinds)) if len(kinds) == 1 else _of_all(kinds)
    if found is None:
        types = " and ".join(f"{shown(kind)} in {named(files, 2)}" for kind, files in kinds.items())
        raise DataRejected(f"column {name!r} is {types}: these cannot be one column without a loss; {hint}")
    if pat.is_floating(found) and any(pat.is_integer(kind) for kind in kinds):
        whole = [file for kind, files in kinds.items() if pat.is_integer(kind) for file in files]
        note(f"column {name!r} has whole numbers in {named(whole)} and floats elsewhere: it is float64")
    elif pat.is_timestamp(found) and any(pat.is_date(kind) for kind in kinds):
        days = [file for kind, files in kinds.items() if pat.is_date(kind) for file in files]
        note(f"column {name!r} has dates in {named(days)} and timestamps elsewhere: a date is its midnight")
    return found


def _by_type(name: str, parts: Sequence[FileSchema]) -> dict[pa.DataType, list[str]]:
    kinds: dict[pa.DataType, list[str]] = {}
    for part in parts:
        kinds.setdefault(part.types[name], []).append(part.file)
    return kinds


def _of_all(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    try:
        return reduce(_both, kinds)
    except TypeError:  # two of them have none
        return None


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    found = common(one, other)
    if found is None:
        raise TypeError
    return found
