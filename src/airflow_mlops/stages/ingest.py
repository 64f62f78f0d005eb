"""Ingest: the source's rows become one immutable Parquet file."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_mlops.core.records import DatasetRef, RowTimes
from airflow_mlops.core.records.data import unreadable_reason
from airflow_mlops.data.quarantine import REASONS
from airflow_mlops.data.row_times import row_times, time_column, window_text
from airflow_mlops.data.source_rows import read_request, request_of
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.quoting import without_causes
from airflow_mlops.data.sources.report import ReadReport
from airflow_mlops.lifecycle.call import StageCall

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.data.sources.batches import Batches

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> DatasetRef:
    """Read the rows before ``as_of`` (and from ``window_start`` if given), check them, write them once.

    Rows without a readable time, as many as ``data.time.max_quarantine`` allows, are written apart. Large
    files are read in batches, so that memory does not grow with them.
    """
    data, samples = call.pipeline.data, call.quotes_cells
    report = ReadReport(samples=samples)
    request = request_of(
        data,
        base=call.base,
        start=call.window_start,
        end=call.as_of,
        connections=call.connections,
        report=report,
    )
    with without_causes(samples=samples):
        batches = source_of(data.source.type, call.base).batches(request)
        dataset = _of_frame(call, request) if batches is None else _of_batches(call, batches, request)
    for note in report.notes:
        _LOG.warning("%s", note)
    return replace(dataset, left_out=report.left_out, notes=tuple(report.notes))


def _of_frame(call: StageCall, request: ReadRequest) -> DatasetRef:
    """Write the rows of a source that are read at once."""
    start, end = request.start, request.end
    rows = read_request(call.pipeline.data, request)
    aside = ""
    if len(rows.aside) and rows.found:
        aside = call.write(_aside(rows.aside, rows.found.column), call.quarantine_folder).uri
    if rows.times is None:
        dataset = call.write(rows.frame, start=start)
    else:
        dataset = call.write(rows.frame, start=start or rows.times.min().to_pydatetime(), end=end)
    times = row_times(rows, aside)
    return replace(dataset, times=times, window=_window(call, times, time_column(rows)))


def _of_batches(call: StageCall, batches: Batches, request: ReadRequest) -> DatasetRef:
    """Write the rows of a source that are read in batches."""
    from airflow_mlops.data.batch_ingest import Places, ingest_batches

    places = Places(data=call.data_folder, quarantine=call.quarantine_folder, storage=call.storage)
    dataset = ingest_batches(batches, call.pipeline.data, request, places, _aside)
    times = dataset.times
    return replace(dataset, window=_window(call, times, times.column if times else None))


def _window(call: StageCall, times: RowTimes | None, column: str | None) -> str:
    windowed = source_of(call.pipeline.data.source.type, call.base).windowed
    return window_text(times, column, call.window_start, call.as_of, windowed=windowed)


def _aside(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return rows without a readable time with the reason, as those that validation quarantines have it."""
    texts = rows[column].map(str, na_action="ignore").astype("str")  # whatever the cells are
    return rows.assign(**{column: texts}).assign(**{REASONS: unreadable_reason(column)})
