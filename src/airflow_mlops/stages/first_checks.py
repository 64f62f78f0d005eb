"""What can be wrong with a training and shows in seconds: looked at before its MLflow run is opened."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import FeatureSet
from airflow_mlops.core.records.model_format import SKOPS
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.datasets import read_first
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.training import assembly
from airflow_mlops.training.core.row_choice import spread
from airflow_mlops.training.model_format import format_of, is_proven
from airflow_mlops.training.preprocessing.early_stopping import booster_of
from airflow_mlops.training.preprocessing.learning import Learner
from airflow_mlops.training.preprocessing.needs import needs_of
from airflow_mlops.training.safe_format import trusted_types
from airflow_mlops.training.threads import shared_cores

_READ: Final = 5_000
_TRIED: Final = 100
"""Rows that a first trial is fitted to."""


def look(call: StageCall, found: FeatureSet, estimator: Any) -> None:
    """Raise ConfigError for a column that is not there, or one that the estimator cannot take.

    Where a feature is not a number, or has a gap that the estimator does not take, it is fitted to a few
    rows. Should that fail, it is fitted to all of them before anything is written, because few rows may fail
    for a reason of their own. An estimator of a package that skops is not known to hold is fitted to a few
    rows as well, where its model has that format.
    """
    _check_slices(call, found)
    if call.pipeline.train.early_stopping:
        booster_of(estimator)
    features = read_first(found.train_features, _READ, call.storage)
    doubtful, held = _doubtful(features, estimator), _is_held_by_skops(call)
    if held and not doubtful:
        return
    rows = read_first(found.train, _READ, call.storage)
    chosen = _few(rows[call.pipeline.data.target])
    few = features.iloc[chosen]
    with shared_cores():
        try:
            fitted = _try(call, estimator, few, rows.iloc[chosen])
        except Exception:  # noqa: BLE001 - an estimator is foreign code: anything may come
            if not doubtful:
                return
            every = call.read(found.train_features)
            fitted = _try(call, estimator, every, call.read(found.train))
    if not held:
        trusted_types(assembly.assemble(few, None, fitted))


def _is_held_by_skops(call: StageCall) -> bool:
    """Whether nobody has to try if skops holds the model: it has another format, or it is known to."""
    form = format_of(call.pipeline, call.base)
    return form.name != SKOPS or is_proven(call.pipeline.train.estimator)


def _try(call: StageCall, estimator: Any, features: pd.DataFrame, rows: pd.DataFrame) -> Any:
    """Fit and return a copy with its steps; one round, where early stopping would search for them."""
    train, target = call.pipeline.train, call.pipeline.data.target
    learned = Learner(
        pipeline=call.pipeline,
        features=features,
        target=rows[target],
        rows=lambda: rows.drop(columns=target),
        samples=call.quotes_cells,
        rounds=1 if train.early_stopping else None,
    ).fit(deepcopy(estimator))
    return learned.estimator


def _check_slices(call: StageCall, found: FeatureSet) -> None:
    section = call.pipeline.evaluate
    slices = (("slices", section.slices), ("slices_against_champion", section.slices_against_champion))
    for key, columns in (*slices, ("groups", section.groups)):
        for column in columns:
            if column not in found.holdout.columns or column == call.pipeline.data.target:
                hint = did_you_mean(column, list(found.holdout.columns))
                raise ConfigError(f"evaluate.{key}: the hold-out has no column {column!r}{hint}")


def _doubtful(features: pd.DataFrame, estimator: Any) -> bool:
    """Whether the estimator may stumble over these columns."""
    if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes):
        return True
    return bool(features.isna().to_numpy().any()) and not needs_of(estimator).gaps


def _few(target: pd.Series) -> list[int]:
    """Return positions of rows, spread over the labels in their order so that each class has some."""
    order = np.argsort(target.astype(str).to_numpy(), kind="stable")
    return sorted(order[spread(len(order), _TRIED)].tolist())
