"""Reads the further sources of ``data.join`` and adds their columns to the rows."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from airflow_mlops.config.models import Data, EventTime, Join
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.joins import Side, add_columns
from airflow_mlops.data.reading_times import read_times
from airflow_mlops.data.sources import source_of
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.frames import storable
from airflow_mlops.data.sources.report import named


def join_sources(
    frame: pd.DataFrame, times: pd.Series | None, data: Data, request: ReadRequest, *, need: bool
) -> pd.DataFrame:
    """Return the rows with the columns of every source of ``data.join``, in its order.

    ``request`` is that of the rows themselves, ``times`` are their event times in UTC. Further rows are
    read up to the end of the window. Raises what ``read_rows`` and ``add_columns`` raise, with the key that
    was written.
    """
    where = source_of(data.source.type, request.base).where(data.source)
    for join, right in further_sides(data, request):
        left = Side(frame, times if join.time else None, where, request.unread)
        frame = add_columns(left, right, join, request.report, need=need)
    return frame


def further_sides(data: Data, request: ReadRequest) -> Iterator[tuple[Join, Side]]:
    """Yield every join of ``data.join`` with the rows of its source; raises what ``join_sources`` raises."""
    for number, join in enumerate(data.join):
        source = source_of(join.source.type, request.base)
        where = source.where(join.source)
        asked = ReadRequest(
            source=join.source,
            base=request.base,
            connections=request.connections,
            end=request.end,
            needed=join.columns_needed,
            columns=join.columns,
            kept=join.columns_needed,
            report=request.report,
        )
        try:
            further = storable(
                source.read(asked),
                where,
                of_several_types=(join.time,),
                samples=request.report.samples,
            )
        except ConfigError as error:  # the reader knows of one source only
            raise ConfigError(str(error).replace("data.source.", f"data.join.{number}.source.", 1)) from error
        yield join, Side(further, _times(further, join, where, request), where, asked.unread)


def _times(further: pd.DataFrame, join: Join, where: str, request: ReadRequest) -> pd.Series | None:
    """Return the times of further rows, missing where a row has none: such a row matches nothing.

    Raises DataRejected for a value that cannot be read.
    """
    if join.time is None:
        return None
    if join.time not in further.columns:
        names = [str(name) for name in further.columns]
        raise ConfigError(f"{where}: no column {join.time!r}{did_you_mean(join.time, names)}")
    values = further[join.time]
    found = read_times(values, EventTime(column=join.time, format=join.format, timezone=join.timezone))
    bad = found.at.isna().to_numpy() & ~found.empty
    if bad.any():
        cells = list(dict.fromkeys(repr(str(value)[:60]) for value in values[bad].head(500)))
        shown = f", e.g. {named(cells)}" if request.report.samples else ""
        raise DataRejected(
            f"{where}: {int(bad.sum()):,} of {len(values):,} rows have no time in {join.time!r} that can be "
            f"read{shown}: correct them, or declare `format` and `timezone` of the join"
        )
    if found.empty.any():
        request.report.note(
            f"{int(found.empty.sum()):,} rows of {where} have no {join.time} and match nothing"
        )
    return found.at
