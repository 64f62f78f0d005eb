"""Answers as JSON: what models return that JSON does not know, in the form that MLflow writes it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

CHUNK: Final = 20_000
"""Predictions that are encoded at once: about a millisecond, as other threads wait that long."""


def _plain(value: Any) -> Any:
    """Return a plain value for one that msgspec does not know; TypeError for what has no JSON form."""
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        return _known(value.item())
    if isinstance(value, np.ndarray | pd.Series | pd.Index):
        return value.tolist()
    if isinstance(value, pd.DataFrame):
        return value.to_dict(orient="records")
    if isinstance(value, datetime | date):  # pandas' Timestamp is one
        return value.isoformat()
    if isinstance(value, range):
        return list(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _known(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | bytes | datetime | list | Decimal) or value is None:
        return value
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")


def encode(values: Any) -> bytes:
    """Return values as JSON; NaN and infinities become null.

    Numbers, arrays and times of NumPy and pandas are taken. Raises TypeError or ValueError for what has no
    form in JSON, such as complex numbers or objects of a model's own classes.

    >>> encode([np.float32(0.5), pd.NaT, np.array([1, 2]), float("nan")])
    b'[0.5,null,[1,2],null]'
    """
    try:
        if not isinstance(values, list) or len(values) <= CHUNK:
            return _ENCODER.encode(values)
        parts = (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
        return b"[" + b",".join(_ENCODER.encode(part)[1:-1] for part in parts) + b"]"
    except RecursionError as error:
        raise ValueError("the answer is nested too deeply, or holds itself") from error


__all__ = ["encode"]
