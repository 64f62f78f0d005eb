"""The first step of every trained model: raw rows to the estimator's columns.

Pickled by value into the model, so that the model needs neither this package nor the user's module.
It must therefore import nothing but pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import pandas as pd


def to_features(
    frame: pd.DataFrame,
    *,
    dtypes: Mapping[str, str],
    optional: Collection[str] = (),
    build: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Give the columns ``dtypes`` their types of training and apply the user's function.

    Rows that arrive as JSON (text for times, objects for numbers with gaps) so come out as they were in
    training. A column of ``optional`` (it had gaps in training) may be missing. Raises KeyError for any
    other missing column, ValueError or TypeError for a value of a wrong type.
    """
    gap = pd.Series(None, index=frame.index, dtype=object)
    columns = {
        name: as_trained(gap if name in optional and name not in frame else frame[name], dtype)
        for name, dtype in dtypes.items()
    }
    rows = pd.DataFrame(columns, index=frame.index)
    return rows if build is None else build(rows)


def as_trained(values: pd.Series, dtype: Any) -> pd.Series:
    """Return ``values`` as ``dtype``; whole numbers with gaps stay floating."""
    if values.dtype == object:
        values = values.where(values.notna(), None)  # pandas.NA fits into no other type
    if str(values.dtype) == dtype:
        return values
    if dtype.startswith("datetime64"):
        times = pd.to_datetime(values, utc=True, format="ISO8601")  # pandas would guess day and month
        moments = times if "," in dtype else times.dt.tz_convert(None)
        given: pd.Series = moments.astype(dtype)
        return given
    if dtype.startswith(("int", "uint", "bool")) and values.isna().any():
        return values.astype("float64")
    cast: pd.Series = values.astype(dtype)
    return cast
