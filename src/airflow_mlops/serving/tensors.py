"""Requests for a model whose signature is of tensors: arrays of one shape and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np

from airflow_mlops.serving.column_checks import EXACT, number_in
from airflow_mlops.serving.payload import BadInputError, Payload

_FRAMES: Final = frozenset({"dataframe_split", "dataframe_records", "text/csv"})
TENSORS: Final = "tensors"
"""The format of a request that has arrays; its value maps names to functions that return them."""
_NO_NAME: Final = ""
Spec = tuple[str, Any, tuple[int, ...]]
"""Name (empty for a model of one array), NumPy type and shape, with -1 where any length is taken."""


def specs_of(schema: Any) -> list[Spec]:
    """Return the tensors of an MLflow schema of TensorSpecs."""
    return [(spec.name or _NO_NAME, np.dtype(spec.type), tuple(spec.shape)) for spec in schema.inputs]


def read_tensors(payload: Payload, specs: Sequence[Spec]) -> tuple[Any, int]:
    """Return what the model takes, an array or a mapping of names to arrays, and the number of rows.

    Raises BadInputError naming the input and what it must be.
    """
    if specs[0][0] == _NO_NAME:
        found = _only(payload, specs[0])
        return found, len(found) if found.ndim else 1
    values = _by_name(payload, [name for name, *_ in specs])
    loose = payload.sent is not None and payload.sent[0] in _FRAMES
    found = {name: tensor(values[name], dtype, shape, name, loose=loose) for name, dtype, shape in specs}
    first = next(iter(found.values()))
    return found, len(first) if first.ndim else 1


def tensor(values: Any, dtype: Any, shape: tuple[int, ...], name: str = "", *, loose: bool = False) -> Any:
    """Return values as an array of exactly this type and shape.

    Whole numbers become floats and ``2.0`` a whole number, as JSON does not tell them apart; nothing is
    rounded, cut off or read from text. ``loose``: a row may come flat, and is given the shape.
    """
    subject = f"input {name!r}" if name else "the input"
    try:
        given = np.asarray(values)
    except ValueError:
        raise BadInputError(f"{subject}: the rows of a tensor must all have the same length") from None
    found = _converted(given, values, dtype)
    if found is None:
        raise BadInputError(f"{subject} must be {_words(dtype)} ({dtype}), got {_kind(given)}")
    if loose and found.ndim and _fits(found.shape[:1], shape[:1]):
        with suppress(ValueError):
            found = found.reshape((len(found), *shape[1:]))
    if not _fits(found.shape, shape):
        raise BadInputError(f"{subject} has the shape {list(found.shape)}, expected {list(shape)} (-1: any)")
    return found


def _only(payload: Payload, spec: Spec) -> Any:
    _, dtype, shape = spec
    if payload.sent is not None and payload.sent[0] == TENSORS and len(payload.sent[1]) == 1:
        return tensor(next(iter(payload.sent[1].values()))(), dtype, shape)
    if payload.array is not None:
        return tensor(payload.array, dtype, shape)
    columns = payload.columns
    if payload.sent is not None and payload.sent[0] not in _FRAMES:
        raise BadInputError("this model takes one array without a name: send inputs as a list of rows")
    if columns is None:
        raise BadInputError(payload.fault)
    cells = [_numbers(column) if payload.is_text else column for column in columns.values()]
    if len(cells) == 1:
        return tensor(cells[0], dtype, shape, loose=True)
    return tensor(list(map(list, zip(*cells, strict=True))), dtype, shape)


def _by_name(payload: Payload, names: Sequence[str]) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = payload.columns
    if payload.sent is not None and payload.sent[0] == TENSORS:
        arrays = payload.sent[1]
        found = {name: arrays[name]() for name in names if name in arrays}
    if payload.is_text and found is not None:
        found = {name: _numbers(column) for name, column in found.items()}
    if found is None and payload.sent is not None and isinstance(payload.sent[1], dict):
        found = payload.sent[1]  # tensors of several lengths
    if found is None and payload.array is not None and len(names) == 1:
        found = {names[0]: payload.array}
    missing = [name for name in names if name not in (found or {})]
    if found is None or missing:
        named = ", ".join(map(repr, missing or names))
        raise BadInputError(f"input {named} is missing: send inputs as an object of names and arrays")
    return found


def _numbers(cells: Sequence[Any]) -> list[Any]:
    return [cell if cell is None else number_in(cell) for cell in cells]


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (-1, a) for a, b in zip(shape, wanted, strict=True))


def _converted(given: Any, values: Any, dtype: Any) -> Any:
    """Return an array of a type, None where the values are not of it."""
    if dtype.kind == "f":
        return _floats(given, dtype)
    if dtype.kind in "iu":
        return _whole(given, dtype)
    if dtype.kind == "b":
        return given if given.dtype.kind == "b" else None
    if dtype.kind in "US":
        return np.array(values, dtype=dtype) if given.dtype.kind in "US" else None
    try:
        found = np.array(values, dtype=dtype)
        if dtype.kind == "M":  # NumPy makes another day of what is out of its range
            exact = np.array(values, dtype="datetime64[us]")
            same = (found.astype("datetime64[us]") == exact) | np.isnat(exact)
            return found if same.all() else None
    except (ValueError, TypeError, OverflowError):
        return None
    return found


def _floats(given: Any, dtype: Any) -> Any:
    if given.dtype.kind == "O":  # null among numbers
        if not all(value is None or type(value) in (int, float) for value in given.flat):
            return None
        try:
            given = given.astype("float64")
        except (OverflowError, TypeError):
            return None
    if given.dtype.kind not in "fiub":
        return None
    with np.errstate(over="ignore"):
        found = given.astype(dtype)
    return None if (np.isinf(found) & ~np.isinf(given.astype("float64"))).any() else found


def _whole(given: Any, dtype: Any) -> Any:
    if given.dtype.kind == "b":
        return given.astype(dtype)
    if given.dtype.kind not in "iuf" or not given.size:
        return given.astype(dtype) if not given.size else None
    limits = np.iinfo(dtype)
    if given.dtype.kind == "f" and not ((np.abs(given) < EXACT).all() and (given == np.floor(given)).all()):
        return None  # A comparison with NaN is false.
    # Python compares a whole number with a float exactly.
    in_range = limits.min <= given.min().item() and given.max().item() <= limits.max
    return given.astype(dtype) if in_range else None


def _words(dtype: Any) -> str:
    kinds = {"f": "numbers", "i": "whole numbers", "u": "whole numbers", "b": "true or false", "M": "times"}
    return kinds.get(dtype.kind, "text")


def _kind(given: Any) -> str:
    kinds = {"U": "text", "b": "true or false", "f": "other numbers", "i": "other whole numbers"}
    return kinds.get(given.dtype.kind, "values of several kinds")
