"""What a model returns, as values of an answer, in the form that MLflow's scoring server gives them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd


def plain_values(values: Any) -> list[Any]:
    """Return one value per row as a list; NaN and infinity become None, as JSON has neither."""
    found = values.tolist() if hasattr(values, "tolist") else [_item(value) for value in values]
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in found]


def answer_of(values: Any) -> tuple[Any, list[Any] | None]:
    """Return an answer as plain values, and its values without the name of their column if it has only one.

    A frame becomes a list of records, as MLflow writes it, and so does a series; an array becomes nested
    lists; a mapping, a text or a number stays what it is.

    >>> answer_of(pd.Series([1, 2], name="y"))
    ([{'y': 1}, {'y': 2}], [1, 2])
    >>> answer_of({"low": [1], "high": [2]})
    ({'low': [1], 'high': [2]}, None)
    """
    if isinstance(values, pd.Series):
        values = values.to_frame()
    if isinstance(values, pd.DataFrame):
        only = plain_values(values.iloc[:, 0]) if values.shape[1] == 1 else None
        return values.to_dict(orient="records"), only
    if hasattr(values, "toarray"):  # a sparse matrix
        values = values.toarray()
    if isinstance(values, list | tuple | range | np.ndarray | pd.Index | pd.api.extensions.ExtensionArray):
        if isinstance(values, np.ndarray) and values.ndim == 0:
            return values.item(), None
        return plain_values(values), None
    return _item(values), None


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value
