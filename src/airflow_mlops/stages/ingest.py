"""Ingest: the source's rows become one immutable Parquet file."""

from __future__ import annotations

import logging
from dataclasses import replace

from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.datasets import event_times, read_rows
from airflow_mlops.data.sources.report import ReadReport
from airflow_mlops.lifecycle.call import StageCall

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> DatasetRef:
    """Read the rows before ``as_of`` (and from ``window_start`` if given), check them, write them once."""
    data, report = call.pipeline.data, ReadReport()
    frame = read_rows(
        data,
        base=call.base,
        start=call.window_start,
        end=call.as_of,
        connections=call.connections,
        report=report,
    )
    for note in report.notes:
        _LOG.warning("%s", note)
    times = event_times(frame, data)
    if times is None:
        written = call.write(frame, start=call.window_start)
    else:
        written = call.write(frame, start=call.window_start or times.min().to_pydatetime(), end=call.as_of)
    return replace(written, left_out=report.left_out, notes=tuple(report.notes))
