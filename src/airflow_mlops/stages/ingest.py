"""Ingest: the source's rows become one immutable Parquet file."""

from __future__ import annotations

from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.datasets import event_times, read_rows, write_dataset
from airflow_mlops.lifecycle.call import StageCall


def run(call: StageCall) -> DatasetRef:
    """Read the rows before ``as_of`` (and from ``window_start`` if given), check them, write them once."""
    data = call.pipeline.data
    frame = read_rows(data, base=call.base, start=call.window_start, end=call.as_of)
    times = event_times(frame, data)
    first = None if times is None else times.min().to_pydatetime()
    return write_dataset(
        frame,
        data_folder(call),
        start=call.window_start or first,
        end=None if times is None else call.as_of,
    )


def data_folder(call: StageCall) -> str:
    """Return where this pipeline's datasets lie."""
    return f"{call.artifacts.rstrip('/')}/{call.pipeline.name}/data"
