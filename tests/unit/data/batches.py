"""Ingest of one source twice: its rows read at once, and in tiny batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from airflow_mlops.core.errors import MlopsError
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data import dataset_writer, external_sort
from airflow_mlops.data.sources import batches
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.lifecycle.ports import environment_ports
from airflow_mlops.lifecycle.table import find_task
from airflow_mlops.stages import ingest

Result = tuple[DatasetRef | None, str]


def call(
    base: Path,
    data: Mapping[str, Any],
    artifacts: str,
    sections: Mapping[str, Any] = MappingProxyType({}),
    **window: str | None,
) -> StageCall:
    """The call of the stage ingest, as the runner makes it; ``sections`` are those besides ``data``."""
    request = {
        "stage": "ingest", "task_key": "t", "artifacts": artifacts, "base": str(base), "user": "",
        "inputs": {}, "options": {}, "as_of": None, "window_start": None,
        "pipeline": {"name": "rows", "data": dict(data), **sections}, **window,
    }  # fmt: skip
    ports = environment_ports("sqlite://", str(base))
    task = find_task("ingest")
    assert task is not None
    return StageCall.from_request(request, ports, task.sections)


@contextmanager
def sizes(*, whole: int, batch: int = 1 << 24, piece: int = 1 << 25) -> Iterator[None]:
    """Set the sizes from which on rows are read, sorted and written in parts."""
    before = batches.WHOLE_BYTES, batches.BATCH_BYTES, external_sort.PIECE_BYTES, dataset_writer.GROUP_BYTES
    batches.WHOLE_BYTES, batches.BATCH_BYTES, external_sort.PIECE_BYTES = whole, batch, piece
    dataset_writer.GROUP_BYTES = piece
    try:
        yield
    finally:
        (
            batches.WHOLE_BYTES,
            batches.BATCH_BYTES,
            external_sort.PIECE_BYTES,
            dataset_writer.GROUP_BYTES,
        ) = before


def ingested(base: Path, data: Mapping[str, Any], artifacts: str, **window: str | None) -> Result:
    """The dataset, or the kind and the text of the error."""
    try:
        return ingest.run(call(base, data, str(base / artifacts), **window)), ""
    except MlopsError as error:
        return None, f"{type(error).__name__}: {error}"


def assert_same(
    base: Path, data: Mapping[str, Any], *, batch: int = 24, piece: int = 400, **window: str | None
) -> Result:
    """Read a source in both ways, which must not differ in anything; returns what both have found."""
    with sizes(whole=1 << 40):
        one, fault = ingested(base, data, "whole", **window)
    with sizes(whole=-1, batch=batch, piece=piece):
        other, other_fault = ingested(base, data, "batches", **window)
    assert other_fault == fault
    if one is None or other is None:
        assert one is other
        return one, fault
    whole, parts = pd.read_parquet(one.uri), pd.read_parquet(other.uri)
    pd.testing.assert_frame_equal(parts, whole)
    moved = str(one.to_json()).replace(f"{base}/whole/", f"{base}/batches/")
    assert str(other.to_json()) == moved
    if one.times and one.times.quarantine:
        assert other.times is not None
        aside = pd.read_parquet(other.times.quarantine)
        pd.testing.assert_frame_equal(aside, pd.read_parquet(one.times.quarantine))
    return one, fault
