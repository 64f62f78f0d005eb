"""Reads columns, of a frame or of a Parquet file, into profiles.

Both go through Arrow and the same functions, so that a window and its reference are counted alike. A
column is *numeric* (integers, floats, decimals, durations) or *categorical* (text, booleans); times (also
as ISO text), binary data and nested types are not profiled. The result of ``build_profile`` stays below
64 KB: wide tables get fewer bins and levels per column, down to 8 of each at about 0.5 KB a column (so
that only tables of more than 120 columns exceed it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from airflow_mlops.core.errors import BackendError
from airflow_mlops.monitoring.core.drift.profiles import (
    CategoricalProfile,
    ColumnProfile,
    Floats,
    NumericProfile,
    Profile,
    choose_edges,
    numeric_profile,
)
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES: Final = 64 * 1024
MAX_BINS: Final = 64
MAX_LEVELS: Final = 50
MAX_LEVEL_LENGTH: Final = 64
MIN_LEVEL_ROWS: Final = 5
MAX_CLASSES: Final = 20
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:?\d{2}.*)?$")
BATCH_ROWS: Final = 65_536


def build_profile(
    frame: pd.DataFrame,
    target: pd.Series,
    scores: np.ndarray | None,
    *,
    exclude: Sequence[str] = (),
    times: Sequence[str] = (),
) -> dict[str, Any]:
    """Build the reference profile that is logged beside a model as ``profile.json``.

    ``frame`` holds raw rows without the target, ``target`` their labels, ``scores`` the model's scores on
    hold-out rows (any length), ``exclude`` columns to leave out (keys, times), ``times`` quantiles of the
    rows' event times. Returns JSON values.
    """
    left_out = {*exclude, target.name}
    arrays = {str(name): _arrow(frame[name]) for name in frame.columns if name not in left_out}
    score = None if scores is None else _array(scores)
    labels = _describe_target(str(target.name), _arrow(target))
    for bins in (MAX_BINS, 32, 16, 8):
        levels = min(MAX_LEVELS, bins)
        columns = {name: reference_column(array, bins, levels) for name, array in arrays.items()}
        found = Profile(
            rows=len(frame),
            columns={name: column for name, column in columns.items() if column is not None},
            score=None if score is None else reference_column(score, MAX_BINS, MAX_LEVELS),
            target=labels,
            times=tuple(times),
        ).to_json()
        if len(json.dumps(found)) <= MAX_BYTES:
            break
    return found


def window_profile(
    uri: str,
    reference: Mapping[str, ColumnProfile],
    storage: Storage = PLAIN_STORAGE,
) -> dict[str, ColumnProfile]:
    """Profile a Parquet file over the edges and levels of ``reference``, column by column in small batches.

    ``uri`` is a local path or an fsspec URI. Columns of the reference that the file lacks, or that changed
    between numbers and text, are missing from the result. Raises BackendError when it cannot be read.
    """
    try:
        place = storage.locate(uri)
        return _stream(place.fs, place.path, reference)
    except (OSError, pa.ArrowInvalid) as error:
        raise BackendError(f"cannot read {uri}: {error}; run the task that wrote it again") from error


def _stream(fs: Any, path: str, reference: Mapping[str, ColumnProfile]) -> dict[str, ColumnProfile]:
    schema = pq.read_schema(path, filesystem=fs)
    names = [name for name in reference if name in schema.names]
    text = [name for name in names if reference[name].kind == "categorical"]
    with pq.ParquetFile(
        path, read_dictionary=text, pre_buffer=False, buffer_size=1 << 20, filesystem=fs
    ) as file:
        found: dict[str, ColumnProfile] = {
            name: _count(pa.array([], schema.field(name).type), reference[name])
            for name in names
            if kind_of(schema.field(name).type) in (reference[name].kind, "empty")
        }
        for name in found:  # one column at a time: Arrow holds a page of each column that it reads
            for batch in file.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
                found[name] = found[name] + _count(batch.column(0), reference[name])  # type: ignore[operator]
    return found


def kind_of(dtype: Any) -> str | None:
    """Return ``numeric``, ``categorical``, ``empty`` (only nulls), or None for types not profiled."""
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    types = pa.types
    if types.is_null(dtype):
        return "empty"
    if types.is_boolean(dtype) or types.is_string(dtype) or types.is_large_string(dtype):
        return "categorical"
    if (
        types.is_integer(dtype)
        or types.is_floating(dtype)
        or types.is_decimal(dtype)
        or types.is_duration(dtype)
    ):
        return "numeric"
    return None


def reference_column(array: Any, bins: int, levels: int) -> ColumnProfile | None:
    """Profile a whole column with edges or levels of its own; None for a type that is not profiled."""
    kind = kind_of(array.type)
    if kind == "categorical" and not _looks_like_time(array):
        return _count(array, _frequent(array, levels))
    if kind == "numeric":
        values = np.sort(_numbers(array))  # what follows is several times as quick then
        edges = choose_edges(values[np.isfinite(values)], bins)
        return numeric_profile(values, edges, nulls=array.null_count).rounded()
    return None


def _count(array: Any, reference: ColumnProfile) -> ColumnProfile:
    """Count ``array`` over the edges or levels of ``reference``."""
    if isinstance(reference, NumericProfile):
        return numeric_profile(_numbers(array), reference.edges, nulls=array.null_count)
    if pa.types.is_boolean(array.type) or pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    known = pa.array(reference.levels, array.type.value_type)
    slots = pc.fill_null(pc.index_in(array.dictionary, value_set=known), len(known))
    rows = slots.take(array.indices.drop_null()).to_numpy(zero_copy_only=False)
    counts = np.bincount(rows, minlength=len(known) + 1).tolist()
    return CategoricalProfile(
        count=int(rows.size),
        nulls=len(array) - int(rows.size),
        levels=reference.levels,
        counts=tuple(counts[:-1]),
        other=counts[-1],
    )


def _looks_like_time(array: Any) -> bool:
    """Say whether a text column holds ISO dates or times, whose levels are new in every window."""
    first = array.slice(0, 1_000).drop_null().slice(0, 20)
    return len(first) > 0 and all(_ISO.match(str(item.as_py())) for item in first)


def _frequent(array: Any, limit: int) -> CategoricalProfile:
    """Return the ``limit`` most frequent levels (ties by name); ids and long texts never become one."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    counted = pc.value_counts(array.cast(pa.string()).drop_null())
    pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    few = len(counted) <= limit
    kept = [pair for pair in pairs if len(pair[0]) <= MAX_LEVEL_LENGTH and (few or pair[1] >= MIN_LEVEL_ROWS)]
    levels = tuple(name for name, _ in sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:limit])
    return CategoricalProfile(count=0, nulls=0, levels=levels, counts=(0,) * len(levels))


def _numbers(array: Any) -> Floats:
    """Return the values that are not null as float64; a duration counts in seconds."""
    values = array.drop_null()
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_duration(values.type):
        seconds: Floats = values.cast(pa.duration("ns")).cast(pa.int64()).to_numpy() / 1e9
        return seconds
    numbers: Floats = values.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def _arrow(series: pd.Series) -> Any:
    """Return a pandas column as one Arrow array; columns of mixed objects become text."""
    if str(series.dtype).startswith(("datetime64", "period", "interval")):
        return pa.nulls(len(series))  # not profiled, and pandas warns about their conversion
    try:
        array = pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        array = pa.Array.from_pandas(series.astype("string"))
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _array(values: np.ndarray) -> Any:
    flat = np.asarray(values).ravel()
    return pa.array(flat if flat.dtype.kind in "biuf" else flat.astype(str))


def _describe_target(name: str, array: Any) -> dict[str, Any]:
    """Return the target's name, number of labels, rate (mean of a number) and class shares if few."""
    found = reference_column(array, MAX_BINS, MAX_LEVELS)
    labels = len(array) - array.null_count
    described: dict[str, Any] = {"column": name, "labels": labels, "rate": None, "shares": {}}
    if isinstance(found, NumericProfile) and found.count:
        described["rate"] = found.mean
        if len(found.edges) <= MAX_CLASSES:
            pairs = zip(found.edges, found.counts, strict=False)
            described["shares"] = {f"{edge:g}": count / found.count for edge, count in pairs}
    elif isinstance(found, CategoricalProfile) and found.count:
        pairs_text = zip(found.levels, found.counts, strict=True)
        described["shares"] = {level: count / found.count for level, count in pairs_text}
        if pa.types.is_boolean(array.type):
            described["rate"] = described["shares"].get("true", 0.0)
    return described
