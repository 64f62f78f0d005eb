"""Labels that land apart from the rows they belong to: read for a span of time, joined by the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd

from airflow_mlops.config.models import Columns, Data, Source
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import ScoredWindow
from airflow_mlops.data.connections import Connections, Environment
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.data.event_times import times_of
from airflow_mlops.data.learning import for_learning
from airflow_mlops.data.source_rows import read_rows
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.report import ReadReport
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage

PLACE: Final = "monitor.performance.labels"


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a span: ``rows`` with the keys and the target, sorted by time if the keys have one."""

    data: Data
    rows: pd.DataFrame
    where: str
    timed: bool
    samples: bool = True

    def of(self, window: ScoredWindow, storage: Storage = PLAIN_STORAGE) -> pd.Series:
        """Return the label of each row of a window, missing where none has landed.

        Raises DataRejected when a key has labels that contradict each other, or is of another type than
        in the window; BackendError when the window's rows cannot be read.
        """
        found = self._within(window)
        if found.empty:
            return pd.Series(pd.NA, index=range(window.dataset.rows), dtype="object")
        keys = list(self.data.keys)
        scored = read_dataset(window.dataset, keys, storage)
        asked, _ = _keyed(scored, self.data, "the scored window", samples=self.samples)
        found = _alike(found, asked, keys, self.where)
        known = found.merge(asked.drop_duplicates(), on=keys)
        self._consistent(known, keys)
        joined = asked.merge(known.drop_duplicates(keys), on=keys, how="left")
        labels: pd.Series = joined[self.data.target]
        return labels

    def _within(self, window: ScoredWindow) -> pd.DataFrame:
        if not self.timed:
            return self.rows
        bounds = [pd.Timestamp(moment) for moment in (window.start, window.end)]
        first, last = self.rows[str(self.data.time_column)].searchsorted(bounds)
        return self.rows.iloc[first:last]

    def _consistent(self, known: pd.DataFrame, keys: list[str]) -> None:
        doubled = known[known.duplicated(keys, keep=False)].sort_values(keys, kind="stable")
        if doubled.empty:
            return
        several, first = len(doubled.drop_duplicates(keys)), doubled.iloc[0]
        key = ", ".join(f"{name}={first[name]}" for name in keys)
        labels = doubled.loc[(doubled[keys] == first[keys]).all(axis=1), self.data.target]
        shown = f", e.g. {key}: {' and '.join(map(str, labels))}" if self.samples else ""
        raise DataRejected(
            f"{several} {'key has' if several == 1 else 'keys have'} contradicting labels in "
            f"{self.where}{shown}; keep one label for each key"
        )


def read_labels(
    data: Data,
    source: Source | None,
    *,
    base: Path,
    start: datetime,
    end: datetime,
    connections: Connections | None = None,
    samples: bool = True,
) -> Labels:
    """Read the labels of ``[start, end)``; what has no label, or no whole key, has not landed.

    :param source: where labels land, None for the data's own source. A file that does not exist yet, or
        an empty folder, holds no labels.
    :param samples: whether errors may quote cells.

    The same label twice is one. Raises what ``read_rows`` raises, except for having found no row.
    """
    own = data.model_copy(update={"source": source or data.source, "join": (), "columns": Columns()})
    connections = connections or Environment()
    reader = source_of(own.source.type, base)
    where = reader.where(own.source)
    columns = [*data.keys, data.target]
    nothing = Labels(data, pd.DataFrame(columns=columns), where, timed=False)
    try:
        request = ReadRequest(source=own.source, base=base, connections=connections)
        if source is not None and not reader.has_landed(request):
            return nothing
        frame = for_learning(
            read_rows(
                own,
                base=base,
                connections=connections,
                start=start,
                end=end,
                need_target=source is not None,
                need_rows=False,
                report=ReadReport(samples=samples),
            )
        )
    except ConfigError as error:  # name the key that was written: the reader knows of one source only
        raise ConfigError(str(error).replace("data.source.", f"{PLACE}.", 1)) from error
    if data.target not in frame:
        return nothing
    keyed, timed = _keyed(frame, data, where, samples=samples)
    rows = keyed.assign(**{data.target: frame[data.target]}).dropna().drop_duplicates()
    if timed:
        rows = rows.sort_values(str(data.time_column), kind="stable")
    return Labels(data, rows.reset_index(drop=True), where, timed, samples)


def batches(windows: Sequence[ScoredWindow], most: int) -> list[list[ScoredWindow]]:
    """Part windows, oldest first, into groups whose labels are read at once: at most ``most`` rows each."""
    parts: list[list[ScoredWindow]] = []
    rows = 0
    for window in windows:
        rows += window.dataset.rows
        if not parts or rows > most:
            parts.append([])
            rows = window.dataset.rows
        parts[-1].append(window)
    return parts


def _keyed(frame: pd.DataFrame, data: Data, where: str, *, samples: bool) -> tuple[pd.DataFrame, bool]:
    """Return the key columns, an event time in UTC, and whether there is one."""
    times = times_of(frame, data, where, samples=samples)
    keys = frame[list(data.keys)]
    if times is None:
        return keys, False
    return keys.assign(**{str(data.time_column): times}), True


def _alike(found: pd.DataFrame, asked: pd.DataFrame, keys: list[str], where: str) -> pd.DataFrame:
    """Give keys of labels the types that they have in the rows: a CSV file knows numbers and text only."""
    cast = {}
    for name in keys:
        mine, theirs = found[name].dtype, asked[name].dtype
        numbers = pd.api.types.is_numeric_dtype(mine) and pd.api.types.is_numeric_dtype(theirs)
        if mine != theirs and not numbers:
            cast[name] = theirs
    try:
        return found.astype(cast)
    except (ValueError, TypeError) as error:
        differing = ", ".join(f"{name} is {found[name].dtype}, not {dtype}" for name, dtype in cast.items())
        raise DataRejected(f"{where}: labels have keys of another type than the rows: {differing}") from error
