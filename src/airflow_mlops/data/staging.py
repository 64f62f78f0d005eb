"""The batches of a source on the disk of this machine, and what all of them say together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlops.config.models import Data, EventTime
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.event_times import TimeSums
from airflow_mlops.data.reading_times import ReadTimes, read_times
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.batches import Batches, Shape
from airflow_mlops.data.sources.frames import to_frame
from airflow_mlops.data.spill import Spill

AT: Final = "\0at"
"""The column of temporary files with the event times in UTC, which no file of a user has."""
_TIME: Final = pa.timestamp("us", tz="UTC")


@dataclass
class TimeSpan:
    """The first and the last of the event times that were counted, and how many there are."""

    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    rows: int = 0

    def add(self, at: pd.Series) -> None:
        """Count more times, all of which are known."""
        if len(at):
            self.rows += len(at)
            self.first = at.min() if self.first is None else min(self.first, at.min())
            self.last = at.max() if self.last is None else max(self.last, at.max())


@dataclass
class Staged:
    """Batches in a temporary file with the event time of each row, and their sums.

    ``readable`` are all event times that can be read, ``inside`` those in the window.
    """

    spill: Spill
    names: list[str]
    shape: Shape
    window: tuple[datetime | None, datetime | None]
    sums: TimeSums | None = None
    readable: TimeSpan = field(default_factory=TimeSpan)
    inside: TimeSpan = field(default_factory=TimeSpan)

    def frame(self, table: pa.Table) -> pd.DataFrame:
        """Return a batch as a frame, with the columns of the source."""
        return self.shape.frame(
            table.select([name for name in table.column_names if name in set(self.names)])
        )

    def is_inside(self, at: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Return which rows have an event time in the window, shape (rows,)."""
        known = at.is_valid().to_numpy()
        start, end = self.window
        if start is not None:
            known = known & _true(pc.greater_equal(at, pa.scalar(in_utc(start), _TIME)))
        if end is not None:
            known = known & _true(pc.less(at, pa.scalar(in_utc(end), _TIME)))
        return np.asarray(known, dtype=bool)

    def times_in(self, column: str, declared: EventTime) -> Iterator[tuple[pd.Series, ReadTimes]]:
        """Yield the values of a column and what they say as times, batch by batch."""
        for table in self.spill.tables():
            yield _times(table, column, declared, self.shape)


def stage(batches: Batches, data: Data, request: ReadRequest, folder: Path) -> Staged:
    """Write all batches to a temporary file in ``folder``; raises what reading them raises."""
    schema = pa.schema([pa.field(item.name, item.type) for item in batches.schema])
    spill = Spill(folder, schema.append(pa.field(AT, _TIME)))
    shape = Shape(batches.nullable, batches.masked)
    staged = Staged(spill, list(schema.names), shape, (request.start, request.end))
    if data.time_column is not None and data.time is not None:
        staged.sums = TimeSums(data.time_column, data.time, samples=request.report.samples)
    for batch in batches.tables:
        table = batch.cast(schema)
        shape.add(table)
        at: Any = pa.nulls(table.num_rows, _TIME)
        if staged.sums is not None and data.time is not None:
            values, found = _times(table, staged.sums.column, data.time, shape)
            staged.sums.add(values, found)
            local = pa.array(found.at.dt.tz_convert(None), pa.timestamp("us"))
            at = pa.chunked_array([local.cast(_TIME)])
            staged.readable.add(found.at.dropna())
            staged.inside.add(found.at[staged.is_inside(at)])
        spill.append(table.append_column(spill.schema.field(AT), at))
    spill.close()
    return staged


def _times(table: pa.Table, column: str, declared: EventTime, shape: Shape) -> tuple[pd.Series, ReadTimes]:
    values = to_frame(table.select([column]), shape.nullable)[column]
    return values, read_times(values, declared)


def _true(flags: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    return np.asarray(flags.fill_null(False).to_numpy(), dtype=bool)
