"""Values of a time column, of whatever type, as UTC.

A local time of an hour that occurs twice (clocks go back) is its second occurrence: no row counts as earlier
than it was. A local time that the clocks skip (they go forward) does not exist and cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import compress
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.models import EventTime
from airflow_mlops.core.time_format import EPOCHS, ISO, digits_of
from airflow_mlops.data.core.time_signs import ISO_TEXT

_OFFSET: Final = r"(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_MICROS: Final = 1_000_000
_EXACT: Final = {2: 2**11, 4: 2**24}
"""The largest whole number that a short float holds exactly, by its bytes: larger times have lost digits."""
_FIRST, _LAST = (
    int(np.datetime64(text, "us").astype(np.int64)) for text in ("0001-01-01", "9999-12-31T23:59:59.999999")
)
_BOUND: Final = float(max(-_FIRST, _LAST))

Flags = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class ReadTimes:
    """What a column says: ``at`` in UTC, missing where it cannot be read.

    ``empty`` and ``skipped`` are flags of shape (rows,): rows without a value, and local times that the
    clocks skip. ``ambiguous`` counts local times of an hour that occurs twice. ``typed``: the column holds
    timestamps or dates, so that it is a time whatever its name.
    """

    at: pd.Series
    empty: Flags
    skipped: Flags
    ambiguous: int
    typed: bool


class _Reader:
    """Fills in the times of the rows of one column, kind by kind of value."""

    def __init__(self, rows: int, declared: EventTime) -> None:
        self.format = declared.format
        self.zone = declared.timezone or "UTC"
        self.micros = np.full(rows, np.iinfo(np.int64).min)  # int64's least value is not a time
        self.skipped = np.zeros(rows, dtype=bool)
        self.ambiguous = 0

    def put(self, where: Flags, times: pd.Series) -> None:
        """Keep times, aware or local to the zone, of the rows at the positions ``where``."""
        if times.dt.tz is None:
            times = self._in_utc(where, times)
        known = times.notna().to_numpy(dtype=bool)
        micros = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").view("int64")
        self._keep(where[known], micros[known])

    def put_numbers(self, where: Flags, numbers: Any) -> None:
        """Keep counts since 1970 of the rows at the positions ``where``."""
        units = EPOCHS[str(self.format)]
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.abs(np.asarray(numbers, dtype="float64")) * (_MICROS / units) <= _BOUND
        where, numbers = where[near], np.asarray(numbers)[near]
        if numbers.dtype.kind in "iu":
            whole = numbers.astype("int64")
            micros = whole * (_MICROS // units) if units <= _MICROS else whole // (units // _MICROS)
        else:
            micros = np.rint(numbers.astype("float64") * (_MICROS / units)).astype("int64")
        self._keep(where, micros)

    def _keep(self, where: Flags, micros: Flags) -> None:
        inside = (micros >= _FIRST) & (micros <= _LAST)
        self.micros[where[inside]] = micros[inside]

    def _in_utc(self, where: Flags, local: pd.Series) -> pd.Series:
        second: pd.Series
        first: pd.Series
        if self.zone == "UTC":
            second = local.dt.tz_localize("UTC")
            return second
        second, first = (
            local.dt.tz_localize(self.zone, ambiguous=np.full(len(local), earlier), nonexistent="NaT")
            for earlier in (False, True)
        )
        self.ambiguous += int((second.notna() & (second != first)).sum())
        self.skipped[where[(local.notna() & second.isna()).to_numpy(dtype=bool)]] = True
        return second

    @property
    def at(self) -> pd.Series:
        """The times in UTC."""
        times: pd.Series = pd.Series(self.micros.view("datetime64[us]")).dt.tz_localize("UTC")
        return times


def read_times(values: pd.Series, declared: EventTime) -> ReadTimes:
    """Return the times of a column; nothing is refused here."""
    rows = len(values)
    values = values.reset_index(drop=True)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    reader = _Reader(rows, declared)
    empty = values.isna().to_numpy(dtype=bool, copy=True)
    kinds = _kinds(values, empty)
    for kind, where in kinds.items():
        _READERS[kind](reader, where, values.iloc[where])
    if "text" in kinds:
        blank = values.iloc[kinds["text"]].astype("str").str.strip().eq("").to_numpy(dtype=bool)
        empty[kinds["text"][blank]] = True
    at = reader.at
    typed = pd.api.types.is_datetime64_any_dtype(values.dtype) or set(kinds) == {"moment"}
    return ReadTimes(at, empty, reader.skipped, reader.ambiguous, typed)


def _kinds(values: pd.Series, empty: Flags) -> dict[str, Flags]:
    """Return the positions of the values of each kind; those that are none of them cannot be read."""
    known, types = np.flatnonzero(~empty), pd.api.types
    if types.is_datetime64_any_dtype(values.dtype):
        return {"timestamp": known}
    if types.is_bool_dtype(values.dtype):
        return {}
    if types.is_numeric_dtype(values.dtype):
        return {"number": known}
    if types.is_string_dtype(values.dtype) and values.dtype != object:
        return {"text": known} if known.size else {}
    cells = values.to_numpy(dtype=object)
    kinds = np.array([_kind(cells[position]) for position in known], dtype=object)
    return {kind: known[kinds == kind] for kind in _READERS if (kinds == kind).any()}


def _kind(cell: Any) -> str:
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, date | np.datetime64):  # a datetime is a date
        return "moment"
    is_number = isinstance(cell, int | float | Decimal | np.integer | np.floating)
    return "number" if is_number and not isinstance(cell, bool | np.bool_) else ""


def _read_timestamps(reader: _Reader, where: Flags, values: pd.Series) -> None:
    if isinstance(values.dtype, pd.ArrowDtype):
        if str(values.dtype).startswith("date"):
            _read_moments(reader, where, values.astype(object))
            return
        dtype: Any = f"datetime64[{values.dt.unit}{f', {values.dt.tz}' if values.dt.tz else ''}]"
        values = values.astype(dtype)
    if values.dt.unit in ("s", "ms"):  # beyond what microseconds hold
        limits = [np.datetime64(text, values.dt.unit) for text in ("0001-01-01", "9999-12-31T23:59:59")]
        raw = (values.dt.tz_convert(None) if values.dt.tz is not None else values).to_numpy()
        inside = (raw >= limits[0]) & (raw <= limits[1])
        where, values = where[inside], values[inside]
    reader.put(where, values.dt.as_unit("us"))


def _read_moments(reader: _Reader, where: Flags, values: pd.Series) -> None:
    """Read objects of Python, numpy and pandas, with zones or without."""
    moments = [_as_moment(cell) for cell in values]
    where = where[[at is not None for at in moments]]
    cells = [at for at in moments if at is not None]
    aware = np.array([at.tzinfo is not None for at in cells], dtype=bool)
    local = ~aware
    if aware.any():
        found = pd.to_datetime(list(compress(cells, aware)), utc=True, errors="coerce")
        reader.put(where[aware], pd.Series(found).dt.as_unit("us"))
    if local.any():
        reader.put(where[local], pd.Series(np.array(list(compress(cells, local)), dtype="datetime64[us]")))


def _as_moment(cell: Any) -> datetime | None:
    """Return a date or time as Python's, whole microseconds, or None when Python has no such year."""
    try:
        if isinstance(cell, np.datetime64):
            cell = pd.Timestamp(cell)
        if isinstance(cell, pd.Timestamp):
            return cell.to_pydatetime(warn=False)
        return cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)
    except (ValueError, OverflowError):
        return None


def largest_exact(values: pd.Series) -> int | None:
    """Return the largest whole number that a column of short floats holds exactly, None for other columns."""
    return _EXACT.get(getattr(values.dtype, "itemsize", 0)) if values.dtype.kind == "f" else None


def _read_numbers(reader: _Reader, where: Flags, values: pd.Series) -> None:
    if largest := largest_exact(values):
        exact = (values.abs() <= largest).to_numpy(dtype=bool)
        where, values = where[exact], values[exact]
    if reader.format in EPOCHS:
        if values.dtype == object:
            numbers: Any = np.array([_number(cell) for cell in values], dtype=object)
            whole = np.array([isinstance(cell, int) for cell in numbers], dtype=bool)
            reader.put_numbers(where[whole], numbers[whole].astype("int64"))
            reader.put_numbers(where[~whole], numbers[~whole].astype("float64"))
        elif pd.api.types.is_integer_dtype(values.dtype):
            unsigned = pd.api.types.is_unsigned_integer_dtype(values.dtype)
            reader.put_numbers(where, values.to_numpy(dtype="uint64" if unsigned else "int64"))
        else:
            reader.put_numbers(where, values.to_numpy(dtype="float64"))
    elif reader.format not in (None, ISO):
        texts = pd.Series([_digits(cell, digits_of(str(reader.format))) for cell in values], dtype="str")
        _read_written(reader, where, texts)


def _number(cell: Any) -> int | float:
    """Return a number as Python's; an integer beyond 64 bits is not a time, as infinity is not."""
    if isinstance(cell, int | np.integer):
        return int(cell) if abs(int(cell)) < 2**63 else float("inf")
    return float(cell)


def _digits(cell: Any, width: int | None) -> str:
    """Return a whole number as text, with the leading zeros that it has lost."""
    try:
        text = str(int(cell)) if int(cell) == cell else str(cell)
    except (ValueError, OverflowError):
        return str(cell)
    return text.zfill(width) if width else text


def _read_text(reader: _Reader, where: Flags, values: pd.Series) -> None:
    texts = values.astype("str").str.strip().reset_index(drop=True)
    if reader.format in EPOCHS:
        numbers = texts.str.fullmatch(r"-?\d{1,18}").to_numpy(dtype=bool)
        decimals = texts.str.fullmatch(r"-?\d{1,18}\.\d*").to_numpy(dtype=bool)
        reader.put_numbers(where[numbers], texts[numbers].astype("int64").to_numpy())
        reader.put_numbers(where[decimals], texts[decimals].astype("float64").to_numpy())
    elif reader.format in (None, ISO):
        _read_iso(reader, where, texts)
    else:
        _read_written(reader, where, texts)


def _read_iso(reader: _Reader, where: Flags, texts: pd.Series) -> None:
    good = texts.str.fullmatch(ISO_TEXT).to_numpy(dtype=bool)
    where, texts = where[good], texts[good]
    texts = texts.str.replace(r"(\.\d{6})\d+", r"\1", regex=True).str.replace(r"\s?UTC$", "Z", regex=True)
    aware = texts.str.slice(10).str.contains(_OFFSET).to_numpy(dtype=bool)
    for flags, utc in ((aware, True), (~aware, False)):
        if flags.any():
            found = pd.to_datetime(texts[flags], format="ISO8601", utc=utc, errors="coerce")
            reader.put(where[flags], found.dt.as_unit("us"))


def _read_written(reader: _Reader, where: Flags, texts: pd.Series) -> None:
    """Read text by the declared directives of strptime."""
    form = str(reader.format)
    width = digits_of(form)
    if width is not None:
        good = texts.str.len().eq(width).to_numpy(dtype=bool)
    else:  # pandas reads the words "now" and "today" by any format, as the time of the run
        good = texts.str.contains(r"\d").to_numpy(dtype=bool)
    where, texts = where[good], texts[good]
    if len(texts):
        found = pd.to_datetime(texts, format=form, utc="%z" in form, errors="coerce")
        reader.put(where, found.dt.as_unit("us"))


_READERS: Final = {
    "timestamp": _read_timestamps,
    "moment": _read_moments,
    "number": _read_numbers,
    "text": _read_text,
}
