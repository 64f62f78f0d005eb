"""Reading Parquet, CSV and JSON: one file or a folder of them, on any storage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads

from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.storage.locations import Location, locate

_COMPRESSION: Final[Mapping[str, str]] = {
    ".gz": "gzip", ".zip": "zip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd",
}  # fmt: skip
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

Reader = Callable[[Location, ReadRequest], pd.DataFrame]


def read_files(request: ReadRequest, reader: Reader) -> pd.DataFrame:
    """Return the rows that ``reader`` finds in the file or folder of a request.

    The window is a hint: rows outside it are left out where that saves reading them. Raises ConfigError for
    a wrong path, connection or reader argument, DataRejected for a file that cannot be parsed, BackendError
    when storage does not answer.
    """
    source = request.source
    place = location_of(request)
    try:
        if not place.fs.exists(place.path):
            raise ConfigError(_missing(place))
        return reader(place, request)
    except (PermissionError, IsADirectoryError) as error:
        raise ConfigError(f"cannot read {place.uri}: {error.strerror or error}") from error
    except OSError as error:
        raise BackendError(f"cannot reach {place.uri}: {error}") from error
    except ConfigError:  # a ValueError as well
        raise
    except TypeError as error:
        raise ConfigError(f"data.source.load_args does not fit pandas.read_{source.type}: {error}") from error
    except (ValueError, pa.ArrowException, KeyError) as error:  # parser errors are ValueErrors
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataRejected(f"cannot read {source.filepath} as {source.type}: {line}") from error


def has_files(request: ReadRequest) -> bool:
    """Whether the file of a request is there, or a file in its folder.

    Raises ConfigError for a wrong connection, BackendError when storage does not answer.
    """
    place = location_of(request)
    try:
        if place.fs.isdir(place.path):
            return bool(place.fs.find(place.path))
        return bool(place.fs.exists(place.path))
    except OSError as error:
        raise BackendError(f"cannot reach {place.uri}: {error}") from error


def location_of(request: ReadRequest) -> Location:
    """Return where the files are, opened with the connection that the source names, if it does.

    A local path, such as that of a profile over a URI, needs none. Raises ConfigError for a connection that
    is not there.
    """
    path, conn_id = request.source.filepath or "", request.source.conn_id
    scheme = urlsplit(path).scheme if "://" in path else "file"
    if conn_id is None or scheme == "file":
        return locate(path, request.base)
    try:
        storage = request.connections.file_system(conn_id, scheme)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return locate(path, request.base, storage)


def _missing(place: Location) -> str:
    folder, _, name = place.path.rpartition("/")
    listed = (
        [entry.rpartition("/")[2] for entry in place.fs.ls(folder, detail=False)]
        if place.fs.exists(folder)
        else []
    )
    return f"data.source.filepath: no such file {place.uri}{did_you_mean(name, listed)}"


def read_parquet(place: Location, request: ReadRequest) -> pd.DataFrame:
    """Read a file or a (Hive-partitioned) folder; the time filter is pushed down when the type allows it."""
    arguments = dict(request.source.load_args)
    if "filters" not in arguments and (filters := _window_filters(place, request)):
        arguments["filters"] = filters
    frame = pd.read_parquet(place.path, filesystem=place.fs, **arguments)
    files = "".join(place.fs.find(place.path))
    for name in frame.columns:  # a partition column arrives as a dictionary of its folder names
        if isinstance(frame[name].dtype, pd.CategoricalDtype) and f"{name}=" in files:
            frame[name] = frame[name].astype(frame[name].cat.categories.dtype)
    return frame.reset_index(drop=True)


def _window_filters(place: Location, request: ReadRequest) -> list[tuple[str, str, Any]]:
    """Return the window as pyarrow's filters, or none where they could disagree with ``event_times``.

    A column with a cell that is not a time is read as a whole, so that every such row is counted; a column of
    local times as well, since pyarrow compares them as if they were UTC.
    """
    bounds = [(sign, at) for sign, at in ((">=", request.start), ("<", request.end)) if at is not None]
    if not bounds or not request.time:
        return []
    rows = pads.dataset(place.path, filesystem=place.fs, format="parquet", partitioning="hive")
    kind = rows.schema.field(request.time).type if request.time in rows.schema.names else None
    if kind is None or not pa.types.is_timestamp(kind) or (kind.tz is None and request.timezone != "UTC"):
        return []
    column = pads.field(request.time)
    unreadable = column.is_null()
    if kind.unit != "ns":  # nanoseconds end in 2262
        unreadable |= (column < _stamp(_FIRST, kind)) | (column > _stamp(_LAST, kind))
    if rows.count_rows(filter=unreadable):
        return []
    return [(request.time, sign, _stamp(at, kind)) for sign, at in bounds]


def _stamp(at: datetime, kind: Any) -> Any:
    moment = in_utc(at)
    return pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), type=pa.timestamp("us", tz=kind.tz))


def read_csv(place: Location, request: ReadRequest) -> pd.DataFrame:
    """Read one CSV file, or all of a folder in the order of their names."""
    return _read_each(place, request, lambda file, _path, arguments: pd.read_csv(file, **arguments))


def read_json(place: Location, request: ReadRequest) -> pd.DataFrame:
    """Read JSON files as ``read_csv`` does; one whose name ends with ``l`` has a row on each line."""
    return _read_each(
        place,
        request,
        lambda file, path, arguments: pd.read_json(file, **{"lines": path.endswith("l"), **arguments}),
    )


def _read_each(
    place: Location, request: ReadRequest, reader: Callable[[Any, str, dict[str, Any]], pd.DataFrame]
) -> pd.DataFrame:
    kind, paths = request.source.type, [place.path]
    if place.fs.isdir(place.path):
        paths = sorted(path for path in place.fs.find(place.path) if re.search(rf"\.{kind}l?(\.\w+)?$", path))
        if not paths:
            raise ConfigError(f"data.source.filepath: no .{kind} file in {place.uri}")
    frames = []
    for path in paths:
        arguments = {"compression": _COMPRESSION.get(Path(path).suffix), **request.source.load_args}
        with place.fs.open(path, "rb") as file:
            frames.append(reader(file, path, arguments))
    rows: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return rows
