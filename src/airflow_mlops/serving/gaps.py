"""Rows without their gaps, to learn whether a model failed because of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

_FILLERS: Final[Mapping[str, Any]] = {"str": "", "bool": False, "datetime64[ns]": datetime(1970, 1, 1)}
"""What takes the place of a gap, by the type of its column; a number where none is named."""


def without_gaps(
    columns: Mapping[str, Sequence[Any]], dtypes: Mapping[str, str]
) -> tuple[dict[str, list[Any]], list[str]]:
    """Return columns with a plain value for each null, NaN and infinity, and the names of those that had one.

    >>> without_gaps({"a": [None, 1.5], "b": ["x", "y"]}, {"a": "float64", "b": "str"})
    ({'a': [0, 1.5], 'b': ['x', 'y']}, ['a'])
    """
    found, names = {}, []
    for name, values in columns.items():
        filler = _FILLERS.get(dtypes.get(name, ""), 0)
        found[name] = [filler if _is_gap(value) else value for value in values]
        if any(map(_is_gap, values)):
            names.append(name)
    return found, names


def data_without_gaps(data: Any) -> tuple[Any, list[str]]:
    """Return a frame, an array or a mapping of arrays without gaps, and the names of what had one.

    An array without a name has the empty one.

    >>> data_without_gaps(np.array([[1.0, np.nan]]))
    (array([[1., 0.]]), [''])
    """
    if isinstance(data, pd.DataFrame):
        lists = {
            str(name): data[name].tolist() for name in data.columns if not data.columns.duplicated().any()
        }
        found, names = without_gaps(lists, {str(name): str(data[name].dtype) for name in data.columns})
        return pd.DataFrame(found, index=data.index).set_axis(data.columns[: len(found)], axis=1), names
    if isinstance(data, Mapping):
        parts = {str(name): data_without_gaps(part) for name, part in data.items()}
        return {name: part for name, (part, _) in parts.items()}, [
            n for n, (_, gaps) in parts.items() if gaps
        ]
    if isinstance(data, np.ndarray) and data.dtype.kind == "f" and not np.isfinite(data).all():
        return np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0), [""]
    return data, []


def _is_gap(value: Any) -> bool:
    return value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value))
