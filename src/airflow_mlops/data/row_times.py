"""What a record says about the event times of rows: from when to when, which window, what was left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pandas as pd

from airflow_mlops.core.records import RowTimes
from airflow_mlops.core.records.data import to_minute
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.source_rows import Rows


def row_times(rows: Rows, quarantine: str = "") -> RowTimes | None:
    """Return the facts about the times of rows, or None when they have none.

    ``quarantine`` is where the rows without a readable time are.
    """
    if rows.times is None or rows.found is None or rows.times.empty:
        return None
    return RowTimes(
        column=rows.found.column,
        first=rows.times.min().isoformat(),
        last=rows.times.max().isoformat(),
        quarantined=len(rows.aside),
        examples=rows.found.examples,
        quarantine=quarantine,
        ambiguous=rows.found.ambiguous,
    )


def times_of_part(known: RowTimes | None, times: pd.Series | None) -> RowTimes | None:
    """Return the facts about a part of some rows, whose own times are ``times``."""
    if known is None or times is None or times.empty:
        return None
    return replace(known, first=times.min().isoformat(), last=times.max().isoformat())


def window_text(
    times: RowTimes | None,
    column: str | None,
    start: datetime | None,
    end: datetime | None,
    *,
    windowed: bool,
) -> str:
    """Return which rows of the source were taken, for people.

    :param times: the facts about their times, None where there is no row.
    :param column: the event-time column, None when they have none.
    :param windowed: whether the source itself may choose the rows.
    """
    if column is None:
        chosen = "as the query chooses" if windowed else "all of the source"
        return f"{chosen}: there is no event time"
    bounds = [f"from {to_minute(in_utc(start).isoformat())}"] if start else []
    bounds += [f"before {to_minute(in_utc(end).isoformat())}"] if end else []
    span = f"from {times.span} UTC" if times else "no rows"
    return f"{column} {' '.join(bounds) or 'unbounded'}, {span}"


def time_column(rows: Rows) -> str | None:
    """Return the event-time column of rows, or None when they have no event times."""
    return None if rows.times is None or rows.found is None else rows.found.column
