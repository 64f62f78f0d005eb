"""Rows without their gaps, to learn whether a model failed because of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

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


def _is_gap(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
