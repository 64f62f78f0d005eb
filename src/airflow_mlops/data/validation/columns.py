"""The columns of a frame as they are compared with limits: times in UTC, decimals as numbers."""

from __future__ import annotations

import decimal
from contextlib import suppress
from datetime import UTC
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.expectations import as_time

TIME: Final = "time"
DECIMAL: Final = "decimal"
TEXT: Final = "text"
NUMBER: Final = "number"
OTHER: Final = "other"

_OF_OBJECTS: Final = {
    "date": TIME, "datetime": TIME, "datetime64": TIME, "decimal": DECIMAL, "string": TEXT,
    "integer": NUMBER, "floating": NUMBER, "mixed-integer-float": NUMBER,
}  # fmt: skip


class Columns:
    """A frame whose columns are asked for as what they can be compared with; each is converted once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self._kinds: dict[str, str] = {}
        self._times: dict[str, pd.Series] = {}
        self._numbers: dict[str, pd.Series] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""
        return tuple(str(name) for name in self.frame.columns)

    def kind(self, name: str) -> str:
        """Return what the cells of a column are: ``TIME``, ``DECIMAL``, ``TEXT``, ``NUMBER`` or ``OTHER``."""
        if name not in self._kinds:
            self._kinds[name] = _kind(self.frame[name])
        return self._kinds[name]

    def type_name(self, name: str) -> str:
        """Return a column's type as messages call it; ``object`` says nothing."""
        dtype = self.frame[name].dtype
        return (
            str(pd.api.types.infer_dtype(self.frame[name]))
            if pd.api.types.is_object_dtype(dtype)
            else str(dtype)
        )

    def numbers(self, name: str) -> pd.Series:
        """Return a column of decimals as floating-point numbers."""
        if name not in self._numbers:
            self._numbers[name] = self.frame[name].astype("float64")
        return self._numbers[name]

    def times(self, name: str) -> pd.Series:
        """Return a column of times, or of their ISO texts, in UTC without a zone; NaT where it is none."""
        if name not in self._times:
            self._times[name] = _times(self.frame[name])
        return self._times[name]

    def unreadable(self, name: str) -> np.ndarray[Any, Any]:
        """Return which cells of a column are there, but are not times."""
        lost = self.times(name).isna() & self.frame[name].notna()
        return lost.to_numpy(dtype=bool)


def stamp(value: Any) -> pd.Timestamp | None:
    """Return a limit as a time in UTC without a zone, or None when it is not a time."""
    moment = as_time(value)
    if moment is None:
        return None
    return pd.Timestamp(moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None))


def _kind(values: pd.Series) -> str:
    dtype = values.dtype
    types = pd.api.types
    if types.is_datetime64_any_dtype(dtype):
        return TIME
    if isinstance(dtype, pd.ArrowDtype):
        name = str(dtype.pyarrow_dtype)
        if name.startswith(("date", "decimal")):
            return TIME if name.startswith("date") else DECIMAL
    if types.is_object_dtype(dtype):
        return _OF_OBJECTS.get(types.infer_dtype(values, skipna=True), OTHER)
    if types.is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype):
        return OTHER
    if types.is_string_dtype(dtype):
        return TEXT
    return NUMBER if types.is_numeric_dtype(dtype) else OTHER


def _times(values: pd.Series) -> pd.Series:
    found: pd.Series
    if isinstance(values.dtype, pd.ArrowDtype):
        values = values.astype(object)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        found = pd.to_datetime(values, utc=True)
    else:
        found = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
        found = _distant(values, found)
    found = found.dt.tz_localize(None)
    with suppress(pd.errors.OutOfBoundsDatetime):
        # the only unit that Great Expectations compares a whole column of at once
        found = found.dt.as_unit("ns")
    return found


def _distant(values: pd.Series, found: pd.Series) -> pd.Series:
    """Read what pandas leaves out because nanoseconds do not reach it, such as the year 9999."""
    left = values[found.isna() & values.notna()]
    moments = {at: stamp(value) for at, value in left.items()}
    known = {at: moment for at, moment in moments.items() if moment is not None}
    if not known:
        return found
    patch = pd.Series(known).dt.tz_localize("UTC").dt.as_unit("us")
    whole: pd.Series = found.dt.as_unit("us").fillna(patch)
    return whole


def is_number(value: Any) -> bool:
    """Whether a limit is a number, also one written in quotes."""
    if isinstance(value, str):
        with suppress(ValueError):
            float(value)
            return True
        return False
    return isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool)
