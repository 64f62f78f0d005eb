"""Ingest: the source's rows become one immutable Parquet file."""

from __future__ import annotations

from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.datasets import event_times, read_rows
from airflow_mlops.lifecycle.call import StageCall


def run(call: StageCall) -> DatasetRef:
    """Read the rows before ``as_of`` (and from ``window_start`` if given), check them, write them once."""
    data = call.pipeline.data
    frame = read_rows(
        data, base=call.base, start=call.window_start, end=call.as_of, connections=call.connections
    )
    times = event_times(frame, data)
    if times is None:
        return call.write(frame, start=call.window_start)
    return call.write(frame, start=call.window_start or times.min().to_pydatetime(), end=call.as_of)
