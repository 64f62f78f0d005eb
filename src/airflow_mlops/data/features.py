"""The rows that have a label, and the user's feature function with its output checked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.user_code.loading import call_user_function, load_object

_LOG = logging.getLogger(__name__)
_PROBE_ROWS: Final = 50


def labelled(frame: pd.DataFrame, target: str, where: str = "") -> pd.DataFrame:
    """Return the rows that have a label; raises DataRejected when none has. ``where`` names them."""
    known, of = frame[target].notna(), f" of {where}" if where else ""
    if not known.any():
        raise DataRejected(f"none of the {len(frame):,} rows{of} has a value in the target {target!r}")
    if not known.all():
        _LOG.warning(
            "%s of %s rows%s have no %s and are left out",
            f"{(~known).sum():,}",
            f"{len(frame):,}",
            of,
            target,
        )
    return frame if known.all() else frame[known].reset_index(drop=True)


def build(frame: pd.DataFrame, data: Data, path: str | None, base: Path) -> pd.DataFrame:
    """Return the features of raw rows: what the function ``path`` makes of them, or all other columns.

    The function gets the rows without the target. Raises ConfigError naming the function when it fails,
    returns no DataFrame, loses or reorders rows, returns the target, or makes a row's features depend on
    the other rows (which would differ between training and serving).
    """
    raw = frame.drop(columns=data.target).reset_index(drop=True)
    if path is None:
        return raw.drop(columns=list(data.keys))
    function = load_object(path, base)
    features = _checked(call_user_function(function, path, raw.copy()), raw, data, path)
    probe = raw.head(_PROBE_ROWS)
    alone = call_user_function(function, path, probe.copy())
    if isinstance(alone, pd.DataFrame):
        _same_rows(features.head(len(probe)), alone, path)
    return features.reset_index(drop=True)


def _checked(features: Any, raw: pd.DataFrame, data: Data, path: str) -> pd.DataFrame:
    if not isinstance(features, pd.DataFrame):
        raise ConfigError(f"{path} returned {type(features).__name__}, it must return a DataFrame")
    if len(features) != len(raw):
        raise ConfigError(
            f"{path} got {len(raw):,} rows and returned {len(features):,}: it must keep every row"
        )
    if not features.index.equals(raw.index):
        raise ConfigError(
            f"{path} returned the rows in another order or with another index: keep the frame's index"
        )
    if data.target in features.columns:
        raise ConfigError(f"{path} returned the target {data.target!r} as a feature")
    if repeated := sorted({str(name) for name in features.columns[features.columns.duplicated()]}):
        raise ConfigError(f"{path} returned columns twice: {', '.join(repeated)}")
    if features.shape[1] == 0:
        raise ConfigError(f"{path} returned no column")
    return features.rename(columns=str)


def _same_rows(together: pd.DataFrame, alone: pd.DataFrame, path: str) -> None:
    """Compare the first rows computed with all others and on their own."""
    alone = alone.rename(columns=str).reset_index(drop=True)
    if list(alone.columns) != list(together.columns):
        odd = sorted(set(alone.columns) ^ set(together.columns))
        raise ConfigError(
            f"{path} returns other columns for few rows than for all: {', '.join(odd[:5]) or 'order'}; "
            "name the categories yourself (pandas.Categorical(values, categories=[...]) before get_dummies), "
            "or let a Pipeline with a OneHotEncoder as train.estimator learn them"
        )
    for name in together.columns:
        if not _equal(together[name], alone[name]):
            raise ConfigError(
                f"{path}: feature {name!r} of a row depends on the other rows (the first {len(alone)} rows "
                "alone give other values): use fixed mappings and constants, a served request has one row"
            )


def _equal(first: pd.Series, second: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(first) and pd.api.types.is_numeric_dtype(second):
        left, right = (values.astype("float64").to_numpy() for values in (first, second))
        return bool(np.allclose(left, right, rtol=1e-6, atol=1e-9, equal_nan=True))
    return bool((first.astype(object).fillna("").map(str) == second.astype(object).fillna("").map(str)).all())


def same_columns(train: pd.DataFrame, holdout: pd.DataFrame) -> None:
    """Raise ConfigError when the two sides did not get the same features in the same order."""
    if list(train.columns) != list(holdout.columns):
        odd = sorted(set(train.columns) ^ set(holdout.columns)) or ["their order"]
        raise ConfigError(
            f"train and hold-out got different features: {', '.join(odd[:8])}; name them all always"
        )
