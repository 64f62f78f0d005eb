"""What can be wrong with a training and shows in seconds: looked at before its MLflow run is opened."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import clone

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import FeatureSet
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.first_rows import read_first
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.training import estimators

_READ: Final = 5_000
_TRIED: Final = 100
"""Rows that a first trial is fitted to."""


def look(call: StageCall, found: FeatureSet, estimator: Any) -> None:
    """Raise ConfigError for a column that is not there, or one that the estimator cannot take.

    Where a feature is not a number or has a gap, the estimator is fitted to a few rows. Should that fail, it
    is fitted to all of them before anything is written, because few rows may fail for a reason of their own.
    """
    _check_slices(call, found)
    features = read_first(found.train_features, _READ, call.storage)
    if not _doubtful(features):
        return
    target = read_first(found.train, _READ, call.storage)[call.pipeline.data.target]
    chosen = _few(target)
    try:
        clone(estimator).fit(features.iloc[chosen], target.iloc[chosen])
    except Exception:  # noqa: BLE001 - an estimator is foreign code: anything may come
        labels = call.read(found.train, [call.pipeline.data.target])[call.pipeline.data.target]
        estimators.fit(clone(estimator), call.read(found.train_features), labels, samples=call.quotes_cells)


def _check_slices(call: StageCall, found: FeatureSet) -> None:
    for column in call.pipeline.evaluate.slices:
        if column not in found.holdout.columns or column == call.pipeline.data.target:
            hint = did_you_mean(column, list(found.holdout.columns))
            raise ConfigError(f"evaluate.slices: the hold-out has no column {column!r}{hint}")


def _doubtful(features: pd.DataFrame) -> bool:
    """Whether some estimators stumble over these columns."""
    numbers = all(pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes)
    return not numbers or bool(features.isna().to_numpy().any())


def _few(target: pd.Series) -> list[int]:
    """Return positions of rows, spread over the labels in their order so that each class has some."""
    order = np.argsort(target.astype(str).to_numpy(), kind="stable")
    return sorted(
        {int(order[at]) for at in np.linspace(0, len(order) - 1, min(_TRIED, len(order))).astype(int)}
    )
