"""Rows as estimators and model signatures take them: exact and nullable types become plain numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

_NESTED: Final = (list, tuple, dict, set, np.ndarray, bytes)


def for_learning(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with decimals as float64 and nullable types as NumPy's.

    A nullable column of whole numbers with gaps is float64, one of booleans with gaps has None there. Columns
    of other types are as they were.

    >>> rows = pd.DataFrame({"price": [Decimal("0.10"), None], "n": pd.array([1, None], dtype="Int64")})
    >>> for_learning(rows)["price"].tolist(), str(for_learning(rows)["n"].dtype)
    ([0.1, nan], 'float64')
    """
    changed = {str(name): new for name in frame.columns if (new := _plain(frame[name])) is not None}
    return frame.assign(**changed) if changed else frame


def _plain(values: pd.Series) -> pd.Series | None:
    """Return a column in plain types, or None when it has one."""
    dtype: Any = values.dtype
    if isinstance(dtype, np.dtype):
        return values.astype("float64") if isinstance(_first(values), Decimal) else None
    if isinstance(dtype, pd.BooleanDtype):
        return (
            values.astype("object").where(values.notna(), None) if values.hasnans else values.astype("bool")
        )
    if pd.api.types.is_any_real_numeric_dtype(dtype) and hasattr(dtype, "numpy_dtype"):
        return values.astype("float64") if values.hasnans else values.astype(dtype.numpy_dtype)
    return None


def nested_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns whose cells are lists, mappings or bytes, which no estimator takes.

    >>> nested_columns(pd.DataFrame({"basket": [[1, 2], None], "word": ["a", "b"]}))
    ['basket']
    """
    return [str(name) for name in frame.columns if isinstance(_first(frame[name]), _NESTED)]


def _first(values: pd.Series) -> Any:
    """Return the first value of a column of objects, or None."""
    at = values.first_valid_index() if values.dtype == object else None
    return None if at is None else values.loc[at]
