"""Columns of further sources, added to rows by key: of the only row there, or of the latest one at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Join
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.columns import choose
from airflow_mlops.data.sources.frames import LARGEST_EXACT
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.data.sources.report import ReadReport, named

_UNITS: Final = ("s", "ms", "us", "ns")


@dataclass(frozen=True, eq=False)
class Side:
    """The rows of one side of a join and their times in UTC, if there are any; messages call it ``where``.

    ``unread`` are columns of the source that are not in the frame.
    """

    frame: pd.DataFrame
    times: pd.Series | None
    where: str
    unread: Collection[str] = ()


def add_columns(left: Side, right: Side, join: Join, report: ReadReport, *, need: bool) -> pd.DataFrame:
    """Return the rows of ``left``, all and in their order, with the columns of ``right``.

    A row without a match has no value in them, which is reported. Raises ConfigError for columns that are not
    there or are there already, DataRejected for keys of different types or with several rows, and, if a match
    is needed, for rows of which none has one.
    """
    right, added = chosen_side(left, right, join)
    at = positions(left, right, join, samples=report.samples)
    tell_missing(left, right, join, report, missing=int((at < 0).sum()), rows=len(at), need=need)
    return pd.concat([left.frame, taken(added, at, left.frame.index)], axis="columns")


def chosen_side(left: Side, right: Side, join: Join) -> tuple[Side, pd.DataFrame]:
    """Return ``right`` with its chosen columns, and those of them that a join adds, under their new names.

    Raises ConfigError for a column that is not there, or would be there twice.
    """
    for side in (left, right):
        _check_keys(side, join)
    chosen = choose(
        right.frame,
        join.columns,
        join.columns_needed,
        right.where,
        "join.columns",
        unread=right.unread,
    )
    added = chosen.drop(columns=list(join.columns_needed))
    added = added.set_axis([f"{join.prefix}{name}" for name in added.columns], axis="columns")
    if twice := [name for name in added.columns if name in left.frame.columns or name in left.unread]:
        raise ConfigError(
            f"{right.where}: {named(twice)} would be there twice: give the join a `prefix`, or drop columns"
        )
    return replace(right, frame=chosen), added.reset_index(drop=True)


def tell_missing(
    left: Side, right: Side, join: Join, report: ReadReport, *, missing: int, rows: int, need: bool
) -> None:
    """Report rows without a match; raises DataRejected where none of them has one and one is needed."""
    if missing:
        text = f"{missing:,} of {rows:,} rows have no match in {right.where}"
        if need and missing == rows:
            shown = f": {_examples(left, right, join)}" if report.samples else ""
            raise DataRejected(f"{text} by {', '.join(join.by)}{shown}")
        report.note(f"{text}: its columns are empty for them")


def _check_keys(side: Side, join: Join) -> None:
    names = [str(name) for name in side.frame.columns]
    for name in join.by:
        if name not in names:
            raise ConfigError(f"{side.where}: no column {name!r} to join by{did_you_mean(name, names)}")
    if join.time and side.times is None:
        raise ConfigError(
            f"{side.where}: a join by time needs times on both sides, as timestamps or ISO 8601"
        )


def positions(left: Side, right: Side, join: Join, *, samples: bool = True) -> NDArray[np.int64]:
    """Return the row of ``right`` that belongs to each row of ``left``, -1 for none.

    Without ``samples`` no error quotes a cell.
    """
    codes, others = _codes(left, right, join.by)
    usable = others >= 0
    if right.times is not None and join.time:
        usable &= right.times.notna().to_numpy()
    rows = pd.DataFrame({"code": others, "row": np.arange(len(others))})[usable]
    if join.time is None:
        rows = _single(right, rows, ["code"], join, samples=samples)
        return (
            pd.Series(rows["row"].to_numpy(), index=rows["code"]).reindex(codes).fillna(-1).to_numpy(np.int64)
        )
    assert left.times is not None  # _check_keys has looked
    assert right.times is not None
    unit: Any = max(left.times.dt.unit, right.times.dt.unit, key=_UNITS.index)
    rows = rows.assign(at=_in_unit(right.times, unit, right.where, samples).to_numpy()[usable])
    rows = _single(right, rows, ["code", "at"], join, samples=samples)
    asked = pd.DataFrame(
        {
            "code": codes,
            "at": _in_unit(left.times, unit, left.where, samples).to_numpy(),
            "place": np.arange(len(codes)),
        }
    )
    asked = asked[(asked["code"] >= 0) & asked["at"].notna()].sort_values("at", kind="stable")
    found = pd.merge_asof(
        asked, rows.sort_values("at", kind="stable"), on="at", by="code", tolerance=_age(join.tolerance)
    )
    at = np.full(len(codes), -1, dtype=np.int64)
    at[found["place"]] = found["row"].fillna(-1)
    return at


def _age(tolerance: timedelta | None) -> pd.Timedelta | None:
    return None if tolerance is None else pd.Timedelta(tolerance)


def _in_unit(times: pd.Series, unit: Any, where: str, samples: bool) -> pd.Series:
    try:
        found: pd.Series = times.dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit(unit)
    except pd.errors.OutOfBoundsDatetime as error:
        text = error_text(error, samples=samples)
        raise DataRejected(f"{where}: a time is outside of the years 1678 to 2262: {text}") from error
    return found


def _codes(left: Side, right: Side, on: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a number for the key of each row on both sides, -1 where a part of the key is missing."""
    parts = []
    for name in on:
        one, other = left.frame[name], right.frame[name]
        if len(one) and len(other) and _kind(one) != _kind(other):
            raise DataRejected(
                f"{right.where}: {name!r} is {_kind(other)} and is {_kind(one)} in {left.where}: rows are "
                "joined by equal values, give both one type"
            )
        try:
            parts.append(pd.factorize(_together(one, other))[0])
        except TypeError as error:  # lists and mappings have no hash
            raise DataRejected(
                f"{right.where}: {name!r} has lists or mappings in its cells, which rows cannot be joined by"
            ) from error
    known = np.all([part >= 0 for part in parts], axis=0)
    numbers = pd.DataFrame(dict(enumerate(parts))).groupby(list(range(len(parts))), sort=False).ngroup()
    codes = np.where(known, numbers.to_numpy(), -1).astype(np.int64)
    return codes[: len(left.frame)], codes[len(left.frame) :]


def _together(one: pd.Series, other: pd.Series) -> pd.Series:
    """Return the values of both sides as objects that are equal when they mean the same.

    A decimal beside floats is the nearest one, and a time is in UTC.
    """
    sides = [one.astype("object"), other.astype("object")]
    kinds = {_kind(one), _kind(other)}
    if kinds == {"a time"}:
        sides = [pd.Series(pd.to_datetime(side, utc=True)).astype("object") for side in sides]
    elif kinds == {"a number"} and any(pd.api.types.is_float_dtype(side) for side in (one, other)):
        sides = [side.map(lambda cell: float(cell) if isinstance(cell, Decimal) else cell) for side in sides]
    return pd.concat(sides, ignore_index=True)


def _kind(values: pd.Series) -> str:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _kind(values.cat.categories.to_series())
    if pd.api.types.is_bool_dtype(values):
        return "boolean"
    if pd.api.types.is_numeric_dtype(values):
        return "a number"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "a time"
    found = pd.api.types.infer_dtype(values, skipna=True)
    return {"string": "text", "empty": "text", "decimal": "a number", "integer": "a number"}.get(found, found)


def _single(right: Side, rows: pd.DataFrame, by: list[str], join: Join, *, samples: bool) -> pd.DataFrame:
    """Return one row for each key (at one time); refuses a key with several that differ in a column."""
    again = rows.duplicated(by, keep=False)
    if not again.any():
        return rows
    same = rows.loc[again]
    others = [name for name in right.frame.columns if name not in join.columns_needed]
    written = right.frame[others].iloc[same["row"].to_numpy()].astype("str").reset_index(drop=True)
    # Equal keys and times may be written in several ways, so what they are counts, not their text.
    first = written.assign(**{f"by {name}": same[name].to_numpy() for name in by}).drop_duplicates()
    doubled = first[first.duplicated([f"by {name}" for name in by], keep=False)]
    if len(doubled):
        row = right.frame.iloc[int(same["row"].iloc[doubled.index[0]])]
        cells = ", ".join(f"{name} {row[name]!s:.80}" for name in join.by)
        key = cells if samples else f"a value of {', '.join(join.by)}"
        advice = (
            "one row per key and time is needed"
            if join.time
            else "one row is needed, or `time` for the latest"
        )
        raise DataRejected(f"{right.where}: {key} has several rows that differ: {advice}")
    return rows.drop_duplicates(by)


def taken(added: pd.DataFrame, at: NDArray[np.int64], index: pd.Index) -> pd.DataFrame:
    """Return the rows of ``added`` at these positions, empty for -1; large whole numbers stay exact."""
    if (at < 0).any():
        large = {
            name: {"i": "Int64", "u": "UInt64"}[added[name].dtype.kind]
            for name in added.columns
            if added[name].dtype.kind in "iu"
            and len(added)
            and max(int(added[name].max()), -int(added[name].min())) > LARGEST_EXACT
        }
        added = added.astype(large)
    return added.reindex(at).set_axis(index, axis="index")


def _examples(left: Side, right: Side, join: Join) -> str:
    one, other = (
        ", ".join(f"{side.frame[name].iloc[0]!r:.40}" for name in join.by) if len(side.frame) else "no row"
        for side in (left, right)
    )
    return f"a key here is {one}, and there {other}"
