"""Ingest: the source's rows become one immutable Parquet file."""

from __future__ import annotations

import logging
from dataclasses import replace

from airflow_mlops.core.records import DatasetRef
from airflow_mlops.core.records.data import unreadable_reason
from airflow_mlops.data.datasets import Rows, read_window
from airflow_mlops.data.quarantine import REASONS
from airflow_mlops.data.row_times import row_times, window_text
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.report import ReadReport
from airflow_mlops.lifecycle.call import StageCall

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> DatasetRef:
    """Read the rows before ``as_of`` (and from ``window_start`` if given), check them, write them once.

    Rows without a readable time, as many as ``data.time.max_quarantine`` allows, are written apart.
    """
    data = call.pipeline.data
    start, end = call.window_start, call.as_of
    report = ReadReport()
    rows = read_window(
        data, base=call.base, start=start, end=end, connections=call.connections, report=report
    )
    for note in report.notes:
        _LOG.warning("%s", note)
    windowed = source_of(data.source.type, call.base).windowed
    window = window_text(rows, start, end, windowed=windowed)
    aside = _set_aside(call, rows) if len(rows.aside) else ""
    if rows.times is None:
        dataset = call.write(rows.frame, start=start)
    else:
        dataset = call.write(rows.frame, start=start or rows.times.min().to_pydatetime(), end=end)
    return replace(
        dataset,
        times=row_times(rows, aside),
        window=window,
        left_out=report.left_out,
        notes=tuple(report.notes),
    )


def _set_aside(call: StageCall, rows: Rows) -> str:
    """Write the rows without a readable time, with the reason, beside those that validation quarantines."""
    column = rows.found.column if rows.found else ""
    aside = rows.aside.copy()
    aside[column] = aside[column].map(str, na_action="ignore").astype("str")  # whatever the cells are
    aside[REASONS] = unreadable_reason(column)
    return call.write(aside, call.quarantine_folder).uri
