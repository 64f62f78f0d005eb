"""Rows of files: Parquet, CSV and JSON, one file or a folder of them, on any storage."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads

from airflow_mlops.config.models import Data, Source
from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.connections import connections
from airflow_mlops.storage.locations import Location, locate


def read_files(data: Data, base: Path, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    """Return the rows of a source of type parquet, csv or json.

    The window is a hint: rows outside it are left out where that saves reading them. Raises ConfigError for
    a wrong path, connection or reader argument, DataRejected for a file that cannot be parsed, BackendError
    when storage does not answer.
    """
    source = data.source
    place = place_of(source, base)
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


def place_of(source: Source, base: Path) -> Location:
    """Return where the files are, opened with the connection that the source names, if it does.

    A local path, such as that of a profile over a URI, needs none. Raises ConfigError for a connection that
    is not there.
    """
    path = source.filepath or ""
    scheme = urlsplit(path).scheme if "://" in path else "file"
    if source.conn_id is None or scheme == "file":
        return locate(path, base)
    try:
        storage = connections().file_system(source.conn_id, scheme)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return locate(path, base, storage)


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
    moment = in_utc(at)
    return pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), type=pa.timestamp("us", tz=kind.tz))


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
