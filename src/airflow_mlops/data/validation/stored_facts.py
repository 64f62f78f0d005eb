"""What the file of a dataset says about its rows, to notice that the database has other ones now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlops.core.errors import BackendError, DataRejected
from airflow_mlops.data.validation.outcome import cut
from airflow_mlops.storage.locations import Location

Extremes = tuple[Any, Any]
"""The smallest and the largest value of a column."""


@dataclass(frozen=True)
class StoredFacts:
    """The types of a stored file, and what is known of its columns: missing values, smallest and largest."""

    schema: pa.Schema
    rows: int
    gaps: Mapping[str, int] = field(default_factory=dict)
    extremes: Mapping[str, Extremes] = field(default_factory=dict)


def stored_facts(place: Location) -> StoredFacts:
    """Return the facts of a dataset's file, of which only the end is read; raises BackendError."""
    try:
        metadata = pq.read_metadata(place.path, filesystem=place.fs)
    except (OSError, pa.ArrowInvalid) as error:
        raise BackendError(f"cannot read {place.uri}: {error}; run the task that wrote it again") from error
    gaps: dict[str, int] = {}
    found: dict[str, list[Any]] = {}
    uncounted: set[str] = set()
    unordered: set[str] = set()
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            name, counts = column.path_in_schema, column.statistics
            if counts is None or not counts.has_null_count:
                uncounted.add(name)
                continue
            gaps[name] = gaps.get(name, 0) + counts.null_count
            values = found.setdefault(name, [])
            if counts.has_min_max:
                values += [counts.min, counts.max]
            elif counts.null_count < column.num_values:
                unordered.add(name)
    known = {name: comparable for name, values in found.items() if (comparable := _extremes(values))}
    return StoredFacts(
        metadata.schema.to_arrow_schema(),
        metadata.num_rows,
        {name: missing for name, missing in gaps.items() if name not in uncounted},
        {name: pair for name, pair in known.items() if name not in uncounted | unordered},
    )


def _extremes(values: list[Any]) -> Extremes | None:
    plain = [_plain(value) for value in values]
    return (min(plain), max(plain)) if plain and None not in plain else None


def _plain(value: Any) -> Any:
    """Return a number or a time in UTC without a zone, or None for what is neither."""
    if isinstance(value, dt.datetime):
        return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time.min)
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return value if is_number and value == value else None


def check_same(
    stored: StoredFacts, rows: int, present: Mapping[str, int], extremes: Mapping[str, Extremes], where: str
) -> None:
    """Raise DataRejected when the rows in the database are others than those that ingest has read.

    :param rows: how many there are in the database.
    :param present: how many values each column has there.
    :param extremes: smallest and largest value of columns there.

    No value is quoted.
    """
    changed, again = (
        f"{where}: the table changed between ingest and validate",
        "run ingest again, then validate",
    )
    if rows != stored.rows:
        raise DataRejected(f"{changed}: {stored.rows:,} rows then, {rows:,} now; {again}")
    for name, count in present.items():
        then, now = stored.gaps.get(name), rows - count
        if then is not None and then != now:
            raise DataRejected(
                f"{changed}: the column {cut(name)!r} had {then:,} rows without a value then, {now:,} now; "
                f"{again}"
            )
    for name, pair in extremes.items():
        known, found = stored.extremes.get(name), _extremes(list(pair))
        if known is not None and found is not None and known != found:
            raise DataRejected(
                f"{changed}: the smallest or largest value of the column {cut(name)!r} is another one now; "
                f"{again}"
            )
