"""Rows in and out: the source of a pipeline, and immutable Parquet datasets named by their content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads

from airflow_mlops.backends.user_code import call_user_function, load_object
from airflow_mlops.config.models import Data, Source
from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.core.nearest import did_you_mean
from airflow_mlops.core.records import DatasetRef

_ISO: Final = re.compile(r"^\d{4}-\d{2}-\d{2}([T ].*)?$")


@dataclass(frozen=True)
class Location:
    """A file or folder on any file system that fsspec knows."""

    fs: Any
    path: str
    uri: str


def locate(filepath: str, base: Path) -> Location:
    """Resolve a path (relative to ``base``), ``file://`` or another URI such as ``s3://``.

    Raises ConfigError when no installed package can read that kind of URI.
    """
    uri = filepath.removeprefix("file://")
    try:
        if "://" not in uri:
            uri = os.path.normpath(base.absolute() / Path(uri).expanduser())
        fs, path = fsspec.core.url_to_fs(uri)
    except RuntimeError as error:
        raise ConfigError(f"cannot open {filepath}: no such user: write the folder as it is") from error
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"cannot open {filepath}: {error}; install the fsspec package of that scheme"
        ) from error
    return Location(fs, str(path), uri)


def read_rows(
    data: Data,
    *,
    base: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    need_target: bool = True,
) -> pd.DataFrame:
    """Read the source's rows with ``start <= time < end``, sorted by the keys.

    ``start`` and ``end`` apply when the last key is a time; naive times are taken as UTC. With
    ``need_target=False`` (a window whose labels have not arrived) the target column may be missing.
    Raises ConfigError for a wrong path, reader argument or column name, DataRejected for a file that
    cannot be parsed or that has no row left, BackendError when storage does not answer.
    """
    where = data.source.filepath or data.source.callable or ""
    frame = _read(data, base, start, end)
    wanted = (*data.keys, *((data.target,) if need_target else ()))
    for column in wanted:
        if column not in frame.columns:
            known = [str(name) for name in frame.columns]
            raise ConfigError(
                f"{where}: no column {column!r}{did_you_mean(column, known)}; has {', '.join(known)}"
            )
    frame = _within(frame, data, start, end, where)
    if frame.empty:
        raise DataRejected(f"{where}: 0 rows, at least 1 is needed")
    return _sorted(frame, data.keys, where)


def event_times(frame: pd.DataFrame, data: Data) -> pd.Series | None:
    """Return the rows' event times in UTC, or None when the last key is not a time.

    Datetimes, dates and strings that all look like ISO dates count as times.
    """
    if data.time is None or data.time not in frame.columns:
        return None
    values = frame[data.time]
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return pd.to_datetime(values, utc=True)
    if pd.api.types.infer_dtype(values, skipna=True) == "date":
        return pd.to_datetime(values, utc=True)
    known = values.dropna()
    if known.empty or not all(isinstance(value, str) and _ISO.match(value) for value in known):
        return None
    return pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")


def write_dataset(
    frame: pd.DataFrame, folder: str, *, start: datetime | None = None, end: datetime | None = None
) -> DatasetRef:
    """Write ``frame`` as ``<folder>/<digest>.parquet`` unless it is already there.

    ``folder`` is a local path or a URI. The file appears under its name only when it is complete.
    Raises BackendError when storage refuses.
    """
    digest = content_digest(frame)
    place = locate(f"{folder.rstrip('/')}/{digest}.parquet", Path.cwd())
    try:
        if not place.fs.exists(place.path):
            _write(frame, place)
    except OSError as error:
        raise BackendError(
            f"cannot write {place.uri}: {error}; check the folder's rights and space"
        ) from error
    return DatasetRef(
        uri=place.uri,
        digest=digest,
        rows=len(frame),
        columns=_schema(frame),
        start=start.isoformat() if start else None,
        end=end.isoformat() if end else None,
    )


def read_dataset(ref: DatasetRef, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a dataset back; raises BackendError when the file is gone or storage does not answer."""
    place = locate(ref.uri, Path.cwd())
    try:
        wanted = list(columns) if columns else None
        return pd.read_parquet(place.path, filesystem=place.fs, columns=wanted)
    except (OSError, pa.ArrowInvalid) as error:
        raise BackendError(f"cannot read {ref.uri}: {error}; run the task that wrote it again") from error


def content_digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of column names, types and values in order, whatever file they came from."""
    digest = hashlib.sha256(json.dumps(_schema(frame)).encode())
    for name in frame.columns:
        column = frame[name]
        try:
            hashed = pd.util.hash_pandas_object(column, index=False, categorize=True)
        except TypeError:  # lists or dicts in the cells
            hashed = pd.util.hash_pandas_object(column.map(repr), index=False)
        digest.update(hashed.to_numpy().tobytes())
    return digest.hexdigest()


def _schema(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def _write(frame: pd.DataFrame, place: Location) -> None:
    place.fs.makedirs(place.path.rpartition("/")[0], exist_ok=True)
    temporary = f"{place.path}.{uuid.uuid4().hex}.tmp"
    try:
        with place.fs.open(temporary, "wb") as file:
            frame.to_parquet(file, index=False)
        place.fs.mv(temporary, place.path)
    except BaseException:
        if place.fs.exists(temporary):
            place.fs.rm(temporary)
        raise


def _read(data: Data, base: Path, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    source = data.source
    if source.callable is not None:
        frame = call_user_function(load_object(source.callable, base), source.callable, **source.load_args)
        if not isinstance(frame, pd.DataFrame):
            raise ConfigError(
                f"{source.callable} returned {type(frame).__name__}, it must return a DataFrame"
            )
        return frame.reset_index(drop=True)
    place = locate(source.filepath or "", base)
    try:
        if not place.fs.exists(place.path):
            raise ConfigError(_missing(place))
        reader: Callable[[], pd.DataFrame] = (
            (lambda: _read_parquet(place, data, start, end))
            if source.type == "parquet"
            else (lambda: _read_text(place, source))
        )
        return _called(reader, source)
    except (PermissionError, IsADirectoryError) as error:
        raise ConfigError(f"cannot read {place.uri}: {error.strerror or error}") from error
    except OSError as error:
        raise BackendError(f"cannot reach {place.uri}: {error}") from error


def _called(reader: Callable[[], pd.DataFrame], source: Source) -> pd.DataFrame:
    where = source.filepath
    try:
        return reader()
    except TypeError as error:
        raise ConfigError(f"data.source.load_args does not fit pandas.read_{source.type}: {error}") from error
    except (ValueError, pa.ArrowException, KeyError) as error:  # parser errors are ValueErrors
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataRejected(f"cannot read {where} as {source.type}: {line}") from error


def _missing(place: Location) -> str:
    folder, _, name = place.path.rpartition("/")
    listed = (
        [entry.rpartition("/")[2] for entry in place.fs.ls(folder, detail=False)]
        if place.fs.exists(folder)
        else []
    )
    return f"data.source.filepath: no such file {place.uri}{did_you_mean(name, listed)}"


def _read_parquet(place: Location, data: Data, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """Read a file or a (hive-partitioned) folder; the time filter is pushed down when the type allows."""
    arguments = dict(data.source.load_args)
    if (start or end) and data.time and "filters" not in arguments:
        schema = pads.dataset(place.path, filesystem=place.fs, format="parquet", partitioning="hive").schema
        kind = schema.field(data.time).type if data.time in schema.names else None
        if kind is not None and pa.types.is_timestamp(kind):
            bounds = ((">=", start), ("<", end))
            filters = [(data.time, sign, _stamp(at, kind)) for sign, at in bounds if at is not None]
            arguments["filters"] = filters
    frame = pd.read_parquet(place.path, filesystem=place.fs, **arguments)
    for name in frame.columns:  # a partition column arrives as a dictionary of its folder names
        if isinstance(frame[name].dtype, pd.CategoricalDtype) and f"{name}=" in "".join(
            place.fs.find(place.path)
        ):
            frame[name] = frame[name].astype(frame[name].cat.categories.dtype)
    return frame.reset_index(drop=True)


def _stamp(at: datetime, kind: Any) -> Any:
    moment = _utc(at)
    return pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), type=pa.timestamp("us", tz=kind.tz))


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _read_text(place: Location, source: Source) -> pd.DataFrame:
    """Read one CSV or JSON file, or all files of that ending in a folder, in the order of their names."""
    paths = [place.path]
    if place.fs.isdir(place.path):
        paths = sorted(
            path for path in place.fs.find(place.path) if re.search(rf"\.{source.type}l?(\.\w+)?$", path)
        )
        if not paths:
            raise ConfigError(f"data.source.filepath: no .{source.type} file in {place.uri}")
    reader = pd.read_csv if source.type == "csv" else pd.read_json
    frames = []
    for path in paths:
        with place.fs.open(path, "rb") as file:
            arguments = {"compression": _compression(path), **source.load_args}
            if source.type == "json" and path.endswith("l"):
                arguments.setdefault("lines", True)
            frames.append(reader(file, **arguments))
    rows: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return rows


def _compression(path: str) -> str | None:
    return {".gz": "gzip", ".zip": "zip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}.get(Path(path).suffix)


def _within(
    frame: pd.DataFrame, data: Data, start: datetime | None, end: datetime | None, where: str
) -> pd.DataFrame:
    times = event_times(frame, data) if start or end else None
    if times is None or frame.empty:
        return frame
    keep = times.notna()
    if start:
        keep &= times >= _utc(start)
    if end:
        keep &= times < _utc(end)
    if not keep.any():
        span = f"{start.isoformat() if start else 'the beginning'} to {end.isoformat() if end else 'now'}"
        raise DataRejected(
            f"{where}: 0 rows with {data.time} from {span}, at least 1 is needed; the rows that were read go "
            f"from {times.min()} to {times.max()}"
        )
    return frame if keep.all() else frame[keep].reset_index(drop=True)


def _sorted(frame: pd.DataFrame, keys: Sequence[str], where: str) -> pd.DataFrame:
    if not keys:
        return frame
    try:
        return frame.sort_values(list(keys), kind="stable", ignore_index=True)
    except TypeError as error:
        raise DataRejected(f"{where}: cannot sort by the keys {', '.join(keys)}: {error}") from error
