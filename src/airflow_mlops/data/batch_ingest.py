"""Rows of a source in batches, as one dataset: what ``read_window`` does with a frame, in bounded memory.

The batches go to temporary files of this machine. After the last one it is known which type each column has,
whether the last key is a time, and which rows are in the window; these are joined, sorted and written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from airflow_mlops.config.models import Data, EventTime
from airflow_mlops.core.records import DatasetRef, RowTimes
from airflow_mlops.data.batch_joins import BatchJoin, batch_joins
from airflow_mlops.data.columns import choose
from airflow_mlops.data.dataset_writer import dataset_writer
from airflow_mlops.data.event_times import check_other_key, samples_in
from airflow_mlops.data.external_sort import sorted_tables
from airflow_mlops.data.joins import Side
from airflow_mlops.data.source_rows import (
    cannot_sort,
    check_columns,
    no_rows_between,
    tell_unreadable,
    window_of,
)
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.batches import Batches
from airflow_mlops.data.sources.report import OUTSIDE
from airflow_mlops.data.spill import Spill, working_folder
from airflow_mlops.data.staging import AT, Staged, stage
from airflow_mlops.storage.locations import Storage

_JOIN: Final = "\0join {}"
"""The column of temporary files with the position of the row that a join has found."""

Aside = Callable[[pd.DataFrame, str], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Places:
    """The folders of the data and of quarantined rows, and how both are opened."""

    data: str
    quarantine: str
    storage: Storage


def ingest_batches(
    batches: Batches, data: Data, request: ReadRequest, places: Places, aside: Aside
) -> DatasetRef:
    """Write the rows of a source that are in the window as one dataset, sorted by the keys.

    :param aside: returns rows without a readable time, and what their column is, as they are quarantined.

    Raises what ``read_window`` raises, and BackendError where storage or this machine's disk refuses.
    """
    source = source_of(data.source.type, request.base)
    where = source.where(data.source)
    check_columns(batches.schema.names, request.needed, where)
    with working_folder() as folder:
        staged = stage(batches, data, request, folder)
        if not staged.shape.rows:
            window_of(staged.frame(batches.schema.empty_table()), data, request, need_rows=True)
        return _Ingest(staged, data, request, where, folder).write(places, aside)


class _Ingest:
    """Staged batches on their way to a dataset."""

    def __init__(self, staged: Staged, data: Data, request: ReadRequest, where: str, folder: Path) -> None:
        self._staged, self._data, self._request = staged, data, request
        self._where, self._folder = where, folder
        self._kept = (*data.keys, data.target)
        self._timed = self._has_times()
        self._joins: list[BatchJoin] = []

    def _has_times(self) -> bool:
        """Whether the rows have event times; counts and judges those outside of the window."""
        sums, declared, staged = self._staged.sums, self._data.time, self._staged
        report = self._request.report
        if sums is None or declared is None:
            return False
        others = report.left_out.get(OUTSIDE, 0)
        values = partial(staged.times_in, sums.column, declared)
        if not sums.are_times(self._where, lambda: samples_in(values, sums.known), others=others):
            for key in self._data.keys[:-1]:
                check_other_key(key, self._data, self._where, partial(staged.times_in, key, EventTime()))
            return False
        if sums.bad:
            tell_unreadable(sums.column, sums.examples, sums.bad, sums.rows, self._where, report)
        if not staged.inside.rows:
            start, end = staged.window
            first, last = staged.readable.first, staged.readable.last
            raise no_rows_between(sums.column, start, end, first, last, self._where)
        report.leave_out(OUTSIDE, staged.readable.rows - staged.inside.rows)
        return True

    def write(self, places: Places, aside: Aside) -> DatasetRef:
        """Write the dataset, and the quarantined rows beside it."""
        staged, request = self._staged, self._request
        rows = self._in_window()
        quarantine = self._set_aside(places, aside) if self._timed and staged.sums and staged.sums.bad else ""
        if rows is not staged.spill:
            staged.spill.remove()
        types = {name: rows.schema.field(name).type for name in staged.names}
        for join in self._joins:
            types |= join.types()
        with dataset_writer(places.data, places.storage, types) as writer:
            for table in self._sorted(rows):
                writer.add(self._finished(table))
            first = staged.inside.first
            if not self._timed or staged.sums is None or first is None:
                return writer.finish(start=request.start)
            dataset = writer.finish(start=request.start or first.to_pydatetime(), end=request.end)
        return replace(dataset, times=self._row_times(quarantine))

    def _row_times(self, quarantine: str) -> RowTimes:
        sums, span = self._staged.sums, self._staged.inside
        assert sums is not None
        assert span.first is not None
        assert span.last is not None
        return RowTimes(
            column=sums.column,
            first=span.first.isoformat(),
            last=span.last.isoformat(),
            quarantined=sums.bad,
            examples=sums.examples,
            quarantine=quarantine,
            ambiguous=sums.ambiguous,
        )

    def _in_window(self) -> Spill:
        """Return the rows in the window with the positions that joins have found."""
        staged = self._staged
        none = staged.frame(staged.spill.schema.empty_table())
        no_time = pd.Series([], dtype="datetime64[us, UTC]") if self._timed else None
        self._joins = batch_joins(none, no_time, self._data, self._request, self._where)
        columns = pd.concat([none, *(join.columns for join in self._joins)], axis="columns")
        if not self._joins:
            self._choose(columns)
            if not self._timed or staged.inside.rows == staged.shape.rows:
                return staged.spill
        fields = [pa.field(_JOIN.format(number), pa.int64()) for number in range(len(self._joins))]
        rows = Spill(self._folder, pa.schema([*staged.spill.schema, *fields]))
        for batch in staged.spill.tables():
            table = batch.filter(pa.array(staged.is_inside(batch.column(AT)))) if self._timed else batch
            rows.append(self._joined(table))
        rows.close()
        for join in self._joins:
            join.report(self._request)
        self._choose(columns)
        return rows

    def _joined(self, table: pa.Table) -> pa.Table:
        by = {name for join in self._data.join for name in join.by}
        left = self._staged.frame(table.select([name for name in self._staged.names if name in by]))
        times = table.column(AT).to_pandas() if self._timed else None
        for number, join in enumerate(self._joins):
            at = join.positions(Side(left, times if self._data.join[number].time else None, self._where))
            table = table.append_column(_JOIN.format(number), pa.array(at))
            left = pd.concat([left, join.taken(at, final=False)], axis="columns")
        return table

    def _sorted(self, rows: Spill) -> Iterator[pa.Table]:
        keys = list(self._data.keys)
        if not keys:
            yield from rows.tables()
            return
        try:
            yield from sorted_tables(rows, self._keys, self._folder)
        except TypeError as error:
            raise cannot_sort(keys, error, self._where) from error

    def _keys(self, table: pa.Table) -> pd.DataFrame:
        keys = list(self._data.keys)
        frame = self._staged.frame(table.select(keys))[keys]
        sums = self._staged.sums
        return frame.assign(**{sums.column: table.column(AT).to_pandas()}) if self._timed and sums else frame

    def _finished(self, table: pa.Table) -> pd.DataFrame:
        """Return sorted rows as they are stored."""
        parts = [self._staged.frame(table)]
        for number, join in enumerate(self._joins):
            at: Any = table.column(_JOIN.format(number)).to_numpy()
            parts.append(join.taken(np.asarray(at), final=True))
        frame = pd.concat(parts, axis="columns") if len(parts) > 1 else parts[0]
        return self._choose(frame)

    def _choose(self, frame: pd.DataFrame) -> pd.DataFrame:
        columns, unread = self._data.columns, self._request.unread
        return choose(frame, columns, self._kept, self._where, unread=unread)

    def _set_aside(self, places: Places, aside: Aside) -> str:
        """Write the rows without a readable time; returns where they are."""
        staged = self._staged
        assert staged.sums is not None
        types = {name: staged.spill.schema.field(name).type for name in staged.names}
        with dataset_writer(places.quarantine, places.storage, types) as writer:
            for batch in staged.spill.tables():
                table = batch.filter(batch.column(AT).is_null())
                if table.num_rows:
                    frame = self._choose(staged.frame(table))
                    writer.add(aside(frame, staged.sums.column))
            return writer.finish().uri
