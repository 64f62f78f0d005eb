"""The hash of a row's own values, which decides on which side of a split it is, now and in later versions.

Equal values have equal hashes in whichever type a file has them: 3 as int8, float64, Int64, decimal, of a
category, of Arrow or as text; True and 1; a day as a date or a timestamp. Other rows do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_mlops.data.core import stable_hash
from airflow_mlops.data.core.stable_hash import MISSING, Hashes

_NUMBER: Final = r"^-?[0-9]{1,18}$"
_FRACTION: Final = r"^-?[0-9]{1,15}\.[0-9]{1,17}$"
_LONGEST_NUMBER: Final = 34
_INT64: Final = 2**63
_UINT64: Final = 2**64 - 1
_CHUNK: Final = 1_000_000
"""Texts that are hashed at once, which bounds the memory for it."""


def row_hashes(frame: pd.DataFrame, columns: Sequence[str]) -> Hashes:
    """Return the hashes of rows by their values in the named columns, shape (rows,).

    >>> rows, others = pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [2.0, None, 1.0]})
    >>> row_hashes(rows, ["n"]).tolist() == row_hashes(others, ["n"])[[2, 0]].tolist()
    True
    """
    return stable_hash.of_row({name: value_hashes(frame[name]) for name in columns})


def value_hashes(values: pd.Series) -> Hashes:
    """Return the hashes of a column's values, shape (rows,)."""
    dtype: Any = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        known = np.append(value_hashes(values.cat.categories.to_series()), MISSING)
        return known[values.cat.codes.to_numpy()]  # a missing value has the code -1
    if isinstance(dtype, pd.DatetimeTZDtype):
        return value_hashes(values.dt.tz_convert("UTC").dt.tz_localize(None))
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        return stable_hash.of_integers(values.to_numpy())
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        return stable_hash.of_floats(values.to_numpy())
    if _is_text(dtype):
        return _of_arrow_text(pa.array(values, from_pandas=True))
    present = values.notna().to_numpy(dtype=bool)
    found = np.full(len(values), MISSING, dtype=np.uint64)
    if present.any():
        found[present] = _of_present(values[present])
    return found


def _is_text(dtype: Any) -> bool:
    if isinstance(dtype, pd.ArrowDtype):
        kind = dtype.pyarrow_dtype
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    return isinstance(dtype, pd.StringDtype)


def _of_present(values: pd.Series) -> Hashes:
    """Return the hashes of values of which none is missing."""
    plain = values.to_numpy()
    if plain.dtype.kind in "iub":
        return stable_hash.of_integers(plain)
    if plain.dtype.kind == "f":
        return stable_hash.of_floats(plain)
    if plain.dtype.kind in "mM":
        hashed = stable_hash.of_times if plain.dtype.kind == "M" else stable_hash.of_spans
        return hashed(plain.astype(f"{plain.dtype.kind}8[us]").view(np.int64))
    return _of_objects(plain)


def _of_objects(values: NDArray[Any]) -> Hashes:
    """Return the hashes of Python objects, by what they are."""
    kind = pd.api.types.infer_dtype(values, skipna=False)
    if kind == "string":
        try:
            return _of_arrow_text(pa.array(values, type=pa.large_string()))
        except (pa.ArrowInvalid, UnicodeEncodeError):  # half a character
            pass
    if kind == "boolean":
        return stable_hash.of_integers(values.astype(bool))
    if kind in ("floating", "decimal"):
        return stable_hash.of_floats(values.astype(np.float64)) if kind == "floating" else _each(values)
    if kind == "integer":
        try:
            return stable_hash.of_integers(values.astype(np.int64))
        except OverflowError:
            pass
    if kind == "date" and set(map(type, values)) == {date}:  # a datetime is a date too
        return stable_hash.of_times(values.astype("M8[D]").astype("M8[us]").view(np.int64))
    return _each(values)


def _each(values: NDArray[Any]) -> Hashes:
    """Return the hashes of values of several kinds, one by one."""
    parts: dict[Callable[[list[Any]], Hashes], tuple[list[int], list[Any]]] = {}
    for row, value in enumerate(values):
        hashed, plain = _canonical(value)
        rows, plains = parts.setdefault(hashed, ([], []))
        rows.append(row)
        plains.append(plain)
    found = np.empty(len(values), dtype=np.uint64)
    for hashed, (rows, plains) in parts.items():
        found[rows] = hashed(plains)
    return found


def _canonical(value: Any) -> tuple[Callable[[list[Any]], Hashes], Any]:
    """Return what hashes a list of values like this one, and the value as that takes it."""
    if isinstance(value, np.bool_ | np.number | np.str_):
        value = value.item()
    if isinstance(value, str):
        return _of_texts, value
    if isinstance(value, Decimal) and not value.is_finite():
        return _of_floats, float(value)
    if isinstance(value, Decimal | int | float) and value == value:
        if abs(value) == float("inf") or value != int(value) or not -_INT64 <= value <= _UINT64:
            return _of_floats, float(value)
        return _of_integers, int(value) & _UINT64
    if isinstance(value, date):
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return _of_times, int(np.datetime64(value, "us").astype(np.int64))
    return _of_texts, repr(value.tolist() if isinstance(value, np.ndarray) else value)


def _of_integers(values: list[Any]) -> Hashes:
    return stable_hash.of_integers(np.array(values, dtype=np.uint64))


def _of_floats(values: list[Any]) -> Hashes:
    return stable_hash.of_floats(np.array(values, dtype=np.float64))


def _of_times(values: list[Any]) -> Hashes:
    return stable_hash.of_times(np.array(values, dtype=np.int64))


def _of_texts(values: list[str]) -> Hashes:
    return _of_arrow_text(
        pa.array([text.encode("utf-8", "surrogatepass") for text in values], pa.large_binary())
    )


def _of_arrow_text(values: Any) -> Hashes:
    """Return the hashes of an Arrow array of text, gaps included, shape (rows,)."""
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    parts = [
        _of_text(chunk.slice(start, _CHUNK)) for chunk in chunks for start in range(0, len(chunk), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)


def _of_text(values: Any) -> Hashes:
    binary = values.cast(pa.large_binary())
    _, offsets, content = binary.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[binary.offset : binary.offset + len(binary) + 1]
    every = np.frombuffer(content or b"", dtype=np.uint8)[ends[0] : ends[-1]]
    starts, ends = ends[:-1] - ends[0], ends[1:] - ends[0]
    found = stable_hash.of_text(every, starts, ends)
    _take_numbers(found, binary, every, starts, ends)
    if binary.null_count:
        found[binary.is_null().to_numpy(zero_copy_only=False)] = MISSING
    return found


def _take_numbers(
    found: Hashes,
    values: Any,
    content: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    """Give texts that are numbers the hashes of these: one other text in a file makes text of all ids."""
    short = np.flatnonzero((ends > starts) & (ends - starts <= _LONGEST_NUMBER))
    first = content[starts[short]]
    last = content[ends[short] - 1]
    digits = [(byte >= ord("0")) & (byte <= ord("9")) for byte in (first, last)]
    rows = short[(digits[0] | (first == ord("-"))) & digits[1]]
    if not rows.size:
        return
    texts = values.take(pa.array(rows)).cast(pa.large_string())
    for pattern, kind, hashed in (
        (_NUMBER, pa.int64(), stable_hash.of_integers),
        (_FRACTION, pa.float64(), stable_hash.of_floats),
    ):
        fits = pc.match_substring_regex(texts, pattern)
        numbers = pc.cast(texts.filter(fits), kind).to_numpy(zero_copy_only=False)
        found[rows[fits.to_numpy(zero_copy_only=False)]] = hashed(numbers)
