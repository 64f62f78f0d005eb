"""The digest of rows, batch by batch: equal rows have one digest, however they are batched or stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types as pat

_NOT_OF_ARROW: Final = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)


class ContentDigest:
    """A running SHA-256 of column names, types and values in order.

    :param columns: the type of each column, as ``types_of`` returns them.

    >>> rows = pd.DataFrame({"age": [30, 41], "plan": ["pro", None]})
    >>> one, two = ContentDigest(types_of(rows)), ContentDigest(types_of(rows))
    >>> one.add(rows)
    >>> two.add(rows[:1]); two.add(rows[1:])
    >>> one.hexdigest() == two.hexdigest()
    True
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = dict(columns)
        self._parts: dict[str, dict[str, Any]] = {name: {} for name in self._columns}

    def add(self, frame: pd.DataFrame) -> None:
        """Count the next rows, which have the same columns."""
        if not len(frame):
            return
        for number, name in enumerate(self._columns):
            parts = self._parts[name]
            for part, content in _contents(frame.iloc[:, number]):
                parts.setdefault(part, hashlib.sha256()).update(content)

    def hexdigest(self, columns: Iterable[str] | None = None) -> str:
        """Return the digest of the rows so far: of all columns, or of those named, in their order."""
        names = list(self._columns if columns is None else columns)
        whole = hashlib.sha256(json.dumps({name: self._columns[name] for name in names}).encode())
        for name in names:
            parts = self._parts[name]
            for part in sorted(parts):
                whole.update(f"{name}\0{part}\0{parts[part].hexdigest()}\0".encode())
        return whole.hexdigest()


def content_digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of column names, types and values in order, whatever file they came from."""
    digest = ContentDigest(types_of(frame))
    digest.add(frame)
    return digest.hexdigest()


def types_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the name and the type of each column."""
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def _contents(values: pd.Series) -> Iterator[tuple[str, Any]]:
    """Yield what a column adds to each of its digests, the same bytes however its rows are batched."""
    array = _as_arrow(values)
    if pat.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pat.is_string(array.type) or pat.is_large_string(array.type):
        array = array.cast(pa.large_string())
    elif pat.is_boolean(array.type):
        array = array.cast(pa.uint8())
    elif not (pat.is_integer(array.type) or pat.is_floating(array.type)):
        array = array.cast(pa.int64())  # times and durations, in the unit that the type names
    if array.null_count:
        yield "valid", array.is_valid().to_numpy(zero_copy_only=False).tobytes()
        array = array.fill_null("" if pat.is_large_string(array.type) else 0)
    else:
        yield "valid", b"\1" * len(array)
    if pat.is_large_string(array.type):
        yield from _texts(array)
    else:
        yield "values", np.ascontiguousarray(array.to_numpy(zero_copy_only=False))


def _texts(array: pa.LargeStringArray) -> Iterator[tuple[str, Any]]:
    _, offsets, content = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    yield "lengths", np.diff(ends).tobytes()
    yield "values", b"" if content is None else memoryview(content)[ends[0] : ends[-1]]


def _as_arrow(values: pd.Series) -> Any:
    """Return a column in one piece; objects, whose type Arrow concludes from the rows, as text."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert(None)
    if values.dtype != object:
        try:
            found = pa.array(values, from_pandas=True)
        except _NOT_OF_ARROW:
            found = None
        kind = None if found is None else found.type
        if kind is not None and (_is_plain(kind) or (pat.is_dictionary(kind) and _is_plain(kind.value_type))):
            return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found
    missing = values.isna().to_numpy(dtype=bool)
    cells = values.to_numpy(dtype=object)
    texts = [None if gone else repr(_plain(cell)) for cell, gone in zip(cells, missing, strict=True)]
    return pa.array(texts, type=pa.large_string())


def _is_plain(kind: Any) -> bool:
    tests = (pat.is_integer, pat.is_floating, pat.is_boolean, pat.is_string, pat.is_large_string,
             pat.is_timestamp, pat.is_duration)  # fmt: skip
    return any(test(kind) for test in tests)


def _plain(cell: Any) -> Any:
    """Return a cell of plain Python values, which are written in one way."""
    if isinstance(cell, np.ndarray):
        return [_plain(item) for item in cell.tolist()]
    if isinstance(cell, np.generic):
        return cell.item()
    if isinstance(cell, list | tuple):
        return [_plain(item) for item in cell]
    if isinstance(cell, dict):
        return {key: _plain(value) for key, value in cell.items()}
    return cell
