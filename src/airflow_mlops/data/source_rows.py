"""The rows of a pipeline's source: those that a run may see, sorted by the keys."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pandas.api.types import infer_dtype

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records.data import unreadable_reason
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.columns import choose
from airflow_mlops.data.connections import Connections, Environment
from airflow_mlops.data.event_times import EventTimes, event_times, for_example
from airflow_mlops.data.external_sort import order_of
from airflow_mlops.data.joined_sources import join_sources
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.frames import check_column, storable
from airflow_mlops.data.sources.report import OUTSIDE, ReadReport, named

_LOG: Final = logging.getLogger(__name__)
_OBJECTS: Final = ("datetime", "mixed", "mixed-integer")
"""What pandas calls columns of times that are Python objects, or of several types."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows that a run may see.

    ``times`` are their event times in UTC, None when they have none; ``found`` is what was read of the time
    column, ``aside`` the rows without a readable time.
    """

    frame: pd.DataFrame
    times: pd.Series | None = None
    found: EventTimes | None = None
    aside: pd.DataFrame = field(default_factory=pd.DataFrame)


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
    """Return the frame of ``read_window``, which has the same arguments."""
    return read_window(
        data,
        base=base,
        start=start,
        end=end,
        need_target=need_target,
        need_rows=need_rows,
        connections=connections,
        report=report,
    ).frame


def read_window(
    data: Data,
    *,
    base: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    need_target: bool = True,
    need_rows: bool = True,
    connections: Connections | None = None,
    report: ReadReport | None = None,
) -> Rows:
    """Read the source's rows with ``start <= time < end``, sorted by the keys.

    ``connections`` finds Airflow connections, by default in the environment. ``start`` and ``end`` apply when
    there is an event time, see ``event_times``. A query may use them itself, as ``:window_start`` and
    ``:window_end``. With ``need_target=False`` (a window whose labels have not arrived) the target column
    may be missing, with ``need_rows=False`` there may be no row at all. ``report`` collects what was noticed
    and how many rows were left out. Raises ConfigError for a wrong path, reader argument, column name or time
    format, DataRejected for a file that cannot be parsed, that has no row left or too many rows without a
    readable time, BackendError when storage does not answer.
    """
    report = report or ReadReport()
    request = request_of(
        data, base=base, start=start, end=end, need_target=need_target, connections=connections, report=report
    )
    return read_request(data, request, need_rows=need_rows)


def read_request(data: Data, request: ReadRequest, *, need_rows: bool = True) -> Rows:
    """Return what ``read_window`` does, which makes the request."""
    source = source_of(data.source.type, request.base)
    where = source.where(data.source)
    several, samples = (data.time_column,), request.report.samples
    frame = storable(source.read(request), where, of_several_types=several, samples=samples)
    return window_of(frame, data, request, need_rows=need_rows)


def request_of(
    data: Data,
    *,
    base: Path,
    report: ReadReport,
    start: datetime | None = None,
    end: datetime | None = None,
    need_target: bool = True,
    connections: Connections | None = None,
) -> ReadRequest:
    """Return what the source of a pipeline is asked for; ``read_window`` has the same arguments."""
    return ReadRequest(
        source=data.source,
        base=base,
        connections=connections or Environment(),
        time=data.time_column,
        format=data.time.format if data.time else None,
        timezone=(data.time.timezone if data.time else None) or "UTC",
        start=start,
        end=end,
        needed=(*data.keys, *((data.target,) if need_target else ())),
        columns=data.columns,
        kept=(*data.keys, data.target, *(name for join in data.join for name in join.by)),
        report=report,
    )


def window_of(frame: pd.DataFrame, data: Data, request: ReadRequest, *, need_rows: bool) -> Rows:
    """Return those of a source's rows that are in the window, sorted by the keys, with all their columns."""
    source = source_of(data.source.type, request.base)
    where, report = source.where(data.source), request.report
    start, end = request.start, request.end
    check_columns(frame.columns, request.needed, where)
    rows = _timed(frame, data, where, report)
    timed = len(rows.frame)
    rows = _within(rows, start, end, where, need=need_rows)
    report.leave_out(OUTSIDE, timed - len(rows.frame))
    kept = (*data.keys, data.target)
    frame = join_sources(rows.frame, rows.times, data, request, need=need_rows)
    chosen = partial(choose, columns=data.columns, kept=kept, where=where, unread=request.unread)
    aside = chosen(rows.aside) if len(rows.aside) else rows.aside
    rows = replace(rows, frame=chosen(frame), aside=aside)
    if rows.frame.empty and need_rows:
        asked = f" from {_span(start, end)}" if source.windowed and (start or end) else ""
        raise DataRejected(f"{where}: 0 rows{asked}, at least 1 is needed")
    return _sorted(rows, data.keys, where)


def check_columns(columns: Iterable[Any], wanted: Sequence[str], where: str) -> None:
    """Raise ConfigError for a wanted column that the rows have not."""
    known = [str(name) for name in columns]
    for column in wanted:
        if column not in known:
            raise ConfigError(
                f"{where}: no column {column!r}{did_you_mean(column, known)}; has {named(known, 30)}"
            )


def _timed(frame: pd.DataFrame, data: Data, where: str, report: ReadReport) -> Rows:
    """Read the event times, and take out the rows that have none."""
    others, samples = report.left_out.get(OUTSIDE, 0), report.samples
    found = event_times(frame, data, where, others=others, samples=samples)
    if found is None:
        if data.time_column and frame[data.time_column].dtype == object:
            check_column(frame[data.time_column], data.time_column, where, samples=samples)
        return Rows(frame)
    if infer_dtype(frame[found.column], skipna=True) in _OBJECTS:  # Parquet has one type for a column
        frame = frame.assign(**{found.column: found.at.where(~found.bad)})
    if not found.bad.any():
        return Rows(frame, found.at, found)
    aside, kept = frame[found.bad].reset_index(drop=True), frame[~found.bad].reset_index(drop=True)
    tell_unreadable(found.column, found.examples, len(aside), len(frame), where, report)
    return Rows(kept, found.at[~found.bad].reset_index(drop=True), found, aside)


def tell_unreadable(
    column: str, examples: Sequence[str], bad: int, rows: int, where: str, report: ReadReport
) -> None:
    """Count and log the rows without a readable time, which are quarantined."""
    report.leave_out(unreadable_reason(column), bad)
    _LOG.warning(
        "%s: %s of %s rows have no time in %r that can be read and are quarantined%s",
        where, f"{bad:,}", f"{rows:,}", column, for_example(examples),
    )  # fmt: skip


def _within(rows: Rows, start: datetime | None, end: datetime | None, where: str, *, need: bool) -> Rows:
    times = rows.times
    if times is None or rows.found is None or rows.frame.empty or not (start or end):
        return rows
    keep = pd.Series(True, index=times.index)
    if start:
        keep &= times >= in_utc(start)
    if end:
        keep &= times < in_utc(end)
    if need and not keep.any():
        raise no_rows_between(rows.found.column, start, end, times.min(), times.max(), where)
    if keep.all():
        return rows
    frame = rows.frame[keep].reset_index(drop=True)
    return replace(rows, frame=frame, times=times[keep].reset_index(drop=True))


def no_rows_between(
    column: str, start: datetime | None, end: datetime | None, first: Any, last: Any, where: str
) -> DataRejected:
    """Return the error for a window without rows; those that were read go from ``first`` to ``last``."""
    return DataRejected(
        f"{where}: 0 rows with {column} from {_span(start, end)}, at least 1 is needed; "
        f"the rows that were read go from {first} to {last}"
    )


def _span(start: datetime | None, end: datetime | None) -> str:
    return f"{start.isoformat() if start else 'the beginning'} to {end.isoformat() if end else 'now'}"


def _sorted(rows: Rows, keys: Sequence[str], where: str) -> Rows:
    """Sort by the keys, the time as a time whatever it is written as."""
    if not keys:
        return rows
    by = rows.frame[list(keys)]
    if rows.times is not None and rows.found is not None:
        by = by.assign(**{rows.found.column: rows.times})
    try:
        order = order_of(by)
    except TypeError as error:
        raise cannot_sort(keys, error, where) from error
    times = None if rows.times is None else rows.times.iloc[order].reset_index(drop=True)
    return replace(rows, frame=rows.frame.iloc[order].reset_index(drop=True), times=times)


def cannot_sort(keys: Sequence[str], error: TypeError, where: str) -> DataRejected:
    """Return the error for keys that cannot be compared."""
    return DataRejected(f"{where}: cannot sort by the keys {', '.join(keys)}: {error}")
