"""Rows in and out: the source of a pipeline, and immutable Parquet datasets named by their content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import BackendError, ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.columns import choose
from airflow_mlops.data.connections import Connections, Environment
from airflow_mlops.data.joined_sources import join_sources
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.frames import storable
from airflow_mlops.data.sources.report import ReadReport, named
from airflow_mlops.storage.atomic import replacing
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage

_ISO: Final = re.compile(r"^\d{4}-\d{2}-\d{2}([T ].*)?$")


def read_rows(
    data: Data,
    *,
    base: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    need_target: bool = True,
    need_rows: bool = True,
    connections: Connections | None = None,
    report: ReadReport | None = None,
) -> pd.DataFrame:
    """Read the source's rows with ``start <= time < end``, sorted by the keys.

    ``connections`` finds Airflow connections, by default in the environment. ``start`` and ``end`` apply when
    the last key is a time; naive times are taken as UTC. A query may use them itself, as ``:window_start``
    and ``:window_end``. With ``need_target=False`` (a window whose labels have not arrived) the target column
    may be missing, with ``need_rows=False`` there may be no row at all. ``report`` collects what was noticed
    and how many rows were left out. Raises ConfigError for a wrong path, reader argument or column name,
    DataRejected for a file that cannot be parsed or that has no row left, BackendError when storage does not
    answer.
    """
    source = source_of(data.source.type, base)
    where = source.where(data.source)
    report = report or ReadReport()
    wanted = (*data.keys, *((data.target,) if need_target else ()))
    request = ReadRequest(
        source=data.source,
        base=base,
        connections=connections or Environment(),
        time=data.time,
        start=start,
        end=end,
        needed=wanted,
        report=report,
    )
    frame = storable(source.read(request), where)
    for column in wanted:
        if column not in frame.columns:
            known = [str(name) for name in frame.columns]
            raise ConfigError(
                f"{where}: no column {column!r}{did_you_mean(column, known)}; has {named(known, 30)}"
            )
    read = len(frame)
    frame = _within(frame, data, start, end, where, need=need_rows)
    report.leave_out("outside the window", read - len(frame))
    frame = join_sources(frame, data, request, event_times, need=need_rows)
    frame = choose(frame, data.columns, (*data.keys, data.target), where)
    if frame.empty and need_rows:
        asked = f" from {_span(start, end)}" if source.windowed and (start or end) else ""
        raise DataRejected(f"{where}: 0 rows{asked}, at least 1 is needed")
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
    frame: pd.DataFrame,
    folder: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    storage: Storage = PLAIN_STORAGE,
) -> DatasetRef:
    """Write ``frame`` as ``<folder>/<digest>.parquet`` unless it is already there.

    ``folder`` is a local path or a URI. The file appears under its name only when it is complete.
    Raises BackendError when storage refuses.
    """
    digest = content_digest(frame)
    place = storage.locate(f"{folder.rstrip('/')}/{digest}.parquet")
    try:
        if not place.fs.exists(place.path):
            with replacing(place.fs, place.path) as file:
                frame.to_parquet(file, index=False)
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


def read_dataset(
    ref: DatasetRef,
    columns: Sequence[str] | None = None,
    storage: Storage = PLAIN_STORAGE,
) -> pd.DataFrame:
    """Read a dataset back; raises BackendError when the file is gone or storage does not answer."""
    place = storage.locate(ref.uri)
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


def _within(
    frame: pd.DataFrame, data: Data, start: datetime | None, end: datetime | None, where: str, *, need: bool
) -> pd.DataFrame:
    times = event_times(frame, data) if start or end else None
    if times is None or frame.empty:
        return frame
    keep = times.notna()
    if start:
        keep &= times >= in_utc(start)
    if end:
        keep &= times < in_utc(end)
    if need and not keep.any():
        raise DataRejected(
            f"{where}: 0 rows with {data.time} from {_span(start, end)}, at least 1 is needed; "
            f"the rows that were read go from {times.min()} to {times.max()}"
        )
    return frame if keep.all() else frame[keep].reset_index(drop=True)


def _span(start: datetime | None, end: datetime | None) -> str:
    return f"{start.isoformat() if start else 'the beginning'} to {end.isoformat() if end else 'now'}"


def _sorted(frame: pd.DataFrame, keys: Sequence[str], where: str) -> pd.DataFrame:
    if not keys:
        return frame
    try:
        return frame.sort_values(list(keys), kind="stable", ignore_index=True)
    except TypeError as error:
        raise DataRejected(f"{where}: cannot sort by the keys {', '.join(keys)}: {error}") from error
