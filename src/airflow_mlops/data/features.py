"""The rows that have a label, and the user's feature function with its output checked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from airflow_mlops.config.models import Data
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data import feature_rows
from airflow_mlops.user_code.loading import call_user_function, load_object

_LOG = logging.getLogger(__name__)


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


def build(
    frame: pd.DataFrame,
    data: Data,
    path: str | None,
    base: Path,
    *,
    samples: bool = True,
    weights: str | None = None,
) -> pd.DataFrame:
    """Return the features of raw rows: what the function ``path`` makes of them, or all other columns.

    The function gets the rows without the target and without the column ``weights``. Raises ConfigError
    naming the function when it fails, returns no DataFrame, loses or reorders rows, returns the target, or
    makes a row's features depend on the other rows (which would differ between training and serving). With
    ``samples`` it quotes a row.
    """
    if weights and weights not in frame.columns:
        raise ConfigError(
            f"train.weights: the data has no column {weights!r}{did_you_mean(weights, list(frame.columns))}"
        )
    left_out = [data.target, *([weights] if weights else ())]
    raw = frame.drop(columns=left_out).reset_index(drop=True)
    if path is None:
        return raw.drop(columns=list(data.keys))
    function = load_object(path, base)

    def ask(rows: pd.DataFrame) -> Any:
        return call_user_function(function, path, rows)

    features = ask(raw.copy())
    if not isinstance(features, pd.DataFrame):
        raise ConfigError(f"{path} returned {type(features).__name__}, it must return a DataFrame")
    feature_rows.check_rows(features, raw, ask, path, samples=samples)
    features = _checked(features, data, path)
    feature_rows.check_alone(features, raw, ask, path, samples=samples)
    return features.reset_index(drop=True)


def _checked(features: pd.DataFrame, data: Data, path: str) -> pd.DataFrame:
    if data.target in features.columns:
        raise ConfigError(f"{path} returned the target {data.target!r} as a feature")
    if repeated := sorted({str(name) for name in features.columns[features.columns.duplicated()]}):
        raise ConfigError(f"{path} returned columns twice: {', '.join(repeated)}")
    if features.shape[1] == 0:
        raise ConfigError(f"{path} returned no column")
    return features.rename(columns=str)


def same_columns(train: pd.DataFrame, holdout: pd.DataFrame) -> None:
    """Raise ConfigError when the two sides did not get the same features in the same order."""
    if list(train.columns) != list(holdout.columns):
        odd = sorted(set(train.columns) ^ set(holdout.columns)) or ["their order"]
        raise ConfigError(
            f"train and hold-out got different features: {', '.join(odd[:8])}; name them all always"
        )
