"""Arguments of ``pandas.read_csv`` that mean the same for a part of a file as for all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

_ARGUMENTS: Final = {
    "sep", "delimiter", "decimal", "dtype", "na_values", "encoding", "quotechar", "quoting", "doublequote",
    "escapechar", "skipinitialspace", "on_bad_lines", "usecols", "float_precision",
}  # fmt: skip


def unfit_argument(load_args: Mapping[str, Any]) -> str | None:
    """Return an argument that only a whole file can be read with, or None when there is none."""
    for name, value in load_args.items():
        if name not in _ARGUMENTS or not _fits(name, value):
            return str(name)
    return None


def _fits(name: str, value: Any) -> bool:
    if name in ("sep", "delimiter"):
        return isinstance(value, str) and len(value) == 1
    if name == "on_bad_lines":
        return isinstance(value, str)
    if name == "usecols":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name != "dtype":
        return True
    return all(map(_has_one_type, value.values() if isinstance(value, dict) else [value]))


def _has_one_type(dtype: Any) -> bool:
    """Whether a type is the same in each batch; those of categories and times are not.

    Floats with gaps of their own (``Float64``) have the type in pandas only, not in batches of Arrow.
    """
    try:
        found = pd.api.types.pandas_dtype(dtype)
    except TypeError:
        return False
    if isinstance(found, np.dtype):
        return found.kind in "iuf"
    masked = found.kind in "iub" and not isinstance(found, pd.ArrowDtype)
    return found == pd.StringDtype(na_value=np.nan) or masked
