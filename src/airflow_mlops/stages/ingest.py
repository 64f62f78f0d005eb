"""Ingest: the source's rows become one immutable Parquet file."""

from __future__ import annotations

from dataclasses import replace

from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.datasets import Rows, read_window
from airflow_mlops.data.quarantine import REASONS
from airflow_mlops.data.row_times import row_times, window_text
from airflow_mlops.data.sources import source_of
from airflow_mlops.lifecycle.call import StageCall


def run(call: StageCall) -> DatasetRef:
    """Read the rows before ``as_of`` (and from ``window_start`` if given), check them, write them once.

    Rows without a readable time, as many as ``data.time.max_quarantine`` allows, are written apart.
    """
    data = call.pipeline.data
    start, end = call.window_start, call.as_of
    rows = read_window(data, base=call.base, start=start, end=end, connections=call.connections)
    windowed = source_of(data.source.type, call.base).windowed
    window = window_text(rows, start, end, windowed=windowed)
    if rows.times is None:
        return replace(call.write(rows.frame, start=start), window=window)
    first = rows.times.min().to_pydatetime()
    dataset = call.write(rows.frame, start=start or first, end=end)
    aside = _set_aside(call, rows) if len(rows.aside) else ""
    return replace(dataset, times=row_times(rows, aside), window=window)


def _set_aside(call: StageCall, rows: Rows) -> str:
    """Write the rows without a readable time, with the reason, beside those that validation quarantines."""
    column = rows.found.column if rows.found else ""
    aside = rows.aside.copy()
    aside[column] = aside[column].map(str, na_action="ignore").astype("str")  # whatever the cells are
    aside[REASONS] = f"no time in {column} that can be read"
    return call.write(aside, call.quarantine_folder).uri
