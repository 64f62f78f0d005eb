"""The units of a hold-out's rows: what belongs together and is therefore resampled together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Data
from airflow_mlops.training.core.units import Units


def units_of(rows: pd.DataFrame, data: Data, *, timed: bool) -> Units:
    """Return the unit of each row.

    The rows of one entity (equal ``data.keys`` without the event time) are a unit, and without entities rows
    that are equal in every column: a row that is there twice is no second witness. Where a key is missing, a
    row is a unit of its own. ``timed`` says whether the last key, or ``data.time``, is an event time;
    ``rows`` are without the target.
    """
    entity = [name for name in data.keys if name in rows and not (timed and name == data.time_column)]
    if not entity:
        found = Units(_codes(rows, list(map(str, rows.columns))), "distinct rows")
    else:
        found = Units(_alone(_codes(rows, entity), rows[entity]), f"entities ({', '.join(entity)})")
    return Units(np.arange(len(rows)), "rows") if found.are_rows else found


def _codes(rows: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return a number from 0 that rows with equal values in the named columns share."""
    if len(names) == 1:
        return pd.factorize(rows[names[0]], use_na_sentinel=False)[0]
    plain = rows[names].copy()
    for name in names:
        if plain[name].dtype == object:  # cells of lists and the like have no hash
            plain[name] = plain[name].map(repr)
    return pd.factorize(pd.util.hash_pandas_object(plain, index=False))[0]


def _alone(codes: np.ndarray, keys: pd.DataFrame) -> np.ndarray:
    """Return the codes with one of its own for each row where a key is missing."""
    gaps = keys.isna().any(axis="columns").to_numpy(dtype=bool)
    if not gaps.any():
        return codes
    apart = codes.astype(np.int64)
    apart[gaps] = codes.max() + 1 + np.arange(gaps.sum())
    found: np.ndarray = np.unique(apart, return_inverse=True)[1]
    return found
