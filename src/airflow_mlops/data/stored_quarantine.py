"""Separates the rows of a stored dataset that break expectations from the others, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from airflow_mlops.config.models import Data
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.dataset_writer import dataset_writer
from airflow_mlops.data.quarantine import parted
from airflow_mlops.data.reading_times import read_times
from airflow_mlops.data.row_times import times_of_part
from airflow_mlops.data.staging import TimeSpan
from airflow_mlops.data.stored_batches import stored_batches, stored_schema
from airflow_mlops.data.validation import Broken
from airflow_mlops.storage.locations import Storage


@dataclass(frozen=True, kw_only=True)
class PartedDataset:
    """The dataset without the rows that break something, and that of these rows with their reasons."""

    kept: DatasetRef
    aside: DatasetRef


def part_dataset(
    dataset: DatasetRef,
    found: Sequence[Broken],
    data: Data,
    *,
    folders: tuple[str, str],
    storage: Storage,
    rows: int,
) -> PartedDataset:
    """Write both parts of a dataset, each in its old order.

    :param found: what does not hold, each with the positions of its rows.
    :param folders: where the rows that are kept go, and the others.
    :param rows: the most rows that are in memory at once.

    Raises BackendError when storage refuses or does not answer.
    """
    place = storage.locate(dataset.uri)
    schema = stored_schema(place)
    types = dict(zip(schema.names, schema.types, strict=True))
    span, before = TimeSpan(), 0
    with (
        dataset_writer(folders[0], storage, types) as good,
        dataset_writer(folders[1], storage, types) as bad,
    ):
        for frame in stored_batches(place, None, rows):
            whole = _with_types(frame, dataset, schema)
            kept, aside = parted(whole, [_inside(item, before, len(whole)) for item in found])
            before += len(whole)
            good.add(kept)
            _count_times(span, kept, dataset, data)
            if len(aside):
                bad.add(aside)
        first, second = good.finish(), bad.finish()
    times = span.first is not None and span.last is not None and dataset.times is not None
    known = times_of_part(dataset.times, pd.Series([span.first, span.last])) if times else None
    first = replace(first, start=dataset.start, end=dataset.end, times=known, window=dataset.window)
    return PartedDataset(kept=first, aside=second)


def _inside(item: Broken, before: int, rows: int) -> Broken:
    """Return the rows of one batch that break an expectation, by their position in it."""
    positions = np.asarray(item.rows)
    return replace(item, rows=positions[(positions >= before) & (positions < before + rows)] - before)


def _with_types(frame: pd.DataFrame, dataset: DatasetRef, schema: pa.Schema) -> pd.DataFrame:
    """Return a batch in which flags are objects where all rows have them so: some of these have gaps."""
    flags = {
        name: object
        for name in frame.columns
        if pa.types.is_boolean(schema.field(name).type) and dataset.columns.get(name) == "object"
    }
    return frame.astype(flags) if flags else frame


def _count_times(span: TimeSpan, kept: pd.DataFrame, dataset: DatasetRef, data: Data) -> None:
    if dataset.times is not None and data.time is not None and dataset.times.column in kept:
        span.add(read_times(kept[dataset.times.column], data.time).at.dropna())
