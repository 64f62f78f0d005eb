"""The first step of every trained model: raw rows to the estimator's columns.

It imports nothing but NumPy and pandas: a cloudpickle packs it by value, so that the model needs neither this
package nor the user's module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

CATEGORIES = "categories"
"""The key of a type of categories in plain values, which every format of models can hold."""


def to_features(
    frame: pd.DataFrame,
    *,
    dtypes: Mapping[str, Any],
    optional: Collection[str] = (),
    kinds: Mapping[str, str] | None = None,
    build: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Give the columns ``dtypes`` their types of training and apply the user's function.

    Rows that arrive as JSON (text for times, objects for numbers with gaps) so come out as they were in
    training. A column of ``optional`` (it had gaps in training) may be missing. ``kinds`` says what columns
    of objects held: "boolean" or "date". Raises KeyError for any other missing column, ValueError with the
    column and the value for one that has no equal in the type of training or in a wider one.
    """
    gap = pd.Series(None, index=frame.index, dtype=object)
    columns = {
        name: as_trained(
            gap if name in optional and name not in frame else frame[name], dtype, (kinds or {}).get(name, "")
        )
        for name, dtype in dtypes.items()
    }
    rows = pd.DataFrame(columns, index=frame.index)
    return rows if build is None else build(rows)


def as_trained(values: pd.Series, dtype: Any, kind: str = "") -> pd.Series:
    """Return ``values`` as ``dtype``, the name of a type or a type of categories, without changing any.

    Categories may be given as plain values: ``categories``, their ``dtype``, and whether ``ordered``.

    Numbers that do not fit keep a wider type (316 for int8, 2.7 for whole numbers), whole numbers with gaps
    are floating, and categories that training did not have are added behind those it had. ``kind`` says what
    a column of objects holds. Raises ValueError for a value that would become another one.
    """
    if values.dtype == object:
        values = values.where(values.notna(), None)  # pandas.NA fits into no other type
    if isinstance(dtype, dict):
        known = pd.Index(dtype[CATEGORIES], dtype=dtype["dtype"])
        dtype = pd.CategoricalDtype(known, ordered=dtype["ordered"])
    if str(values.dtype) == dtype and not kind:
        return values
    name = str(dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(values, dtype)
    if name.startswith(("datetime64", "timedelta64")):
        return _moments(values, name) if name.startswith("datetime64") else _spans(values, name)
    if name == "bool" or kind == "boolean":
        return _flags(values, name)
    if name.startswith(("int", "uint", "float")) and "[" not in name:  # pyarrow's have brackets
        return _numbers(values, name)
    if kind == "date":
        return _dates(values)
    if name == "str":
        _refuse(values, [isinstance(value, str | int) for value in values], "is not text")
    cast: pd.Series = values.astype(dtype)
    return cast


def _refuse(values: pd.Series, fine: Any, why: str) -> None:
    """Raise ValueError with the first value that is neither fine nor missing."""
    odd = ~pd.Series(list(fine), index=values.index, dtype=bool) & values.notna()
    if odd.any():
        value = values[odd].iloc[0]
        shown = repr(value.item() if hasattr(value, "item") else value)
        raise ValueError(f"column {values.name!r}: {shown[:80]} {why}")


def _numbers(values: pd.Series, dtype: Any) -> pd.Series:
    """Return numbers as ``dtype`` where none changes, else in the type that holds them as they came."""
    given = pd.to_numeric(values, errors="coerce") if not _is_number(values) else values
    _refuse(values, given.notna(), "is not a number")
    if given.dtype == object:  # whole numbers beyond 64 bits
        given = given.astype("float64")
    if not dtype.startswith("float") and given.isna().any():
        _refuse(
            values, [not _is_rounded(value) for value in _objects(values)], "beside gaps would be rounded"
        )
        return given.astype("float64")
    if _survives(given.dropna(), dtype):
        exact: pd.Series = given.astype(dtype)
        return exact
    wide: pd.Series = given.astype("float64") if str(given.dtype).startswith("Float") else given
    return wide


def _survives(given: pd.Series, dtype: Any) -> bool:
    """Whether no number changes as ``dtype``, but for what float32 rounds: JSON has more digits."""
    try:
        with np.errstate(all="ignore"):
            cast = given.astype(dtype)
            if dtype.startswith("float") and not pd.api.types.is_integer_dtype(given.dtype):
                wide, kept = given.astype("float64"), cast.astype("float64")
                return bool(((wide == kept) | ((wide - kept).abs() <= 1e-6 * wide.abs())).all())
            return bool((cast == given).all())
    except (ValueError, TypeError, OverflowError):  # infinity as a whole number
        return False


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def _is_rounded(value: Any) -> bool:
    """Whether a whole number is another one as a float."""
    return isinstance(value, int) and int(float(value)) != value


def _objects(values: pd.Series) -> pd.Series:
    """Return plain Python values with None for gaps."""
    return values.astype(object).where(values.notna(), None)


def _flags(values: pd.Series, dtype: Any) -> pd.Series:
    """Return true and false, also where they came as 1 and 0; with gaps as floats, or in objects as None."""
    plain = _objects(values)
    _refuse(
        values, [not isinstance(value, str) and value in (0, 1) for value in plain], "is not true or false"
    )
    if dtype == "bool":
        if values.isna().any():
            return values.astype("float64")
        return values.astype("bool")
    return _objects(plain.map(bool, na_action="ignore"))


def _moments(values: pd.Series, dtype: Any) -> pd.Series:
    """Return times in the unit of training, or in their own where that is finer."""
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        _refuse(values, [not isinstance(value, int | float) for value in values], "is not a time")
        _refuse(values, [value not in ("now", "today") for value in values], "is not a time")
    try:
        times = pd.to_datetime(values, utc=True, format="ISO8601")  # pandas would guess day and month
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {values.name!r}: {str(error).partition('. ')[0]}") from error
    moments = times if "," in dtype else times.dt.tz_convert(None)
    cast: pd.Series = moments.astype(dtype)
    if (cast == moments)[moments.notna()].all():
        return cast
    return moments.dt.tz_convert(cast.dt.tz) if "," in dtype else moments


def _spans(values: pd.Series, dtype: Any) -> pd.Series:
    """Return spans of time in the unit of training, or in their own where that is finer."""
    plain = values
    if not pd.api.types.is_timedelta64_dtype(values.dtype):
        plain = _objects(values)  # MLflow hands a row whose cell is missing on as a time
        _refuse(values, [not isinstance(value, int | float) for value in plain], "is not a span of time")
        _refuse(values, [not str(value).strip().isdigit() for value in plain], "is not a span of time")
    try:
        spans = pd.to_timedelta(plain)
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {values.name!r}: {error}") from error
    cast: pd.Series = spans.astype(dtype)
    return cast if (cast == spans)[spans.notna()].all() else spans


def _dates(values: pd.Series) -> pd.Series:
    """Return days as training had them, as objects."""
    times = _moments(values, "datetime64[us]")
    _refuse(values, times == times.dt.normalize(), "is not a day")
    return _objects(times.dt.date)


def _categories(values: pd.Series, dtype: Any) -> pd.Series:
    """Return the categories of training, with their codes, and after them those that it did not have."""
    known = dtype.categories
    plain = _objects(values)
    more = plain[plain.notna() & ~plain.isin(known)].unique().tolist()
    return plain.astype(pd.CategoricalDtype([*known, *more], ordered=dtype.ordered) if more else dtype)
