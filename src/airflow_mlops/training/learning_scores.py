"""How a model scores on the rows that it has learned, and, where that is cheap, in cross-validation.

The distance between the two, and to the hold-out, shows what was learned by heart.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from airflow_mlops.core.errors import MlopsError
from airflow_mlops.training import estimators
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.row_choice import spread

_LOG: Final = logging.getLogger(__name__)
_ROWS: Final = 10_000
"""Learned rows that are scored, spread evenly; as many give a figure to about a hundredth."""
_FOLDS: Final = 3
CHEAP_S: Final = 0.1
"""Processor seconds of a fit up to which it is repeated for cross-validation."""


def learned_scores(
    estimator: Any,
    features: pd.DataFrame,
    target: pd.Series,
    names: Sequence[str],
    scoring: metrics.Scoring = metrics.AS_THEY_ARE,
) -> dict[str, float]:
    """Return the metrics on rows that the fitted estimator has learned, as ``train.NAME``."""
    some = spread(len(features), _ROWS)
    found = _scored(estimator, features.iloc[some], target.iloc[some], names, scoring)
    return {f"train.{name}": value for name, value in found.items()}


def cross_validated(
    estimator: Any,
    features: pd.DataFrame,
    target: pd.Series,
    names: Sequence[str],
    groups: pd.Series | None = None,
    scoring: metrics.Scoring = metrics.AS_THEY_ARE,
) -> dict[str, float]:
    """Return mean and standard deviation of the metrics over three folds, as ``cv.NAME`` and ``cv.NAME.std``.

    Rows of one group are in one fold; a row without a group is one of its own. Not for rows in time: a fold
    would be judged by what came after it. Empty when a fold cannot be fitted or scored.
    """
    each: list[dict[str, float]] = []
    for learn, judge in _folds(estimator, features, target, groups):
        try:
            fitted = clone(estimator).fit(features.iloc[learn], target.iloc[learn])
        except Exception as error:  # noqa: BLE001 - an estimator is foreign code: anything may come
            _LOG.info("no cross-validation: a fold cannot be fitted: %s: %s", type(error).__name__, error)
            return {}
        each.append(_scored(fitted, features.iloc[judge], target.iloc[judge], names, scoring))
    whole = [name for name in names if each and all(name in scores for scores in each)]
    values = {name: np.array([scores[name] for scores in each]) for name in whole}
    means = {f"cv.{name}": float(found.mean()) for name, found in values.items()}
    return means | {f"cv.{name}.std": float(found.std(ddof=1)) for name, found in values.items()}


def _folds(
    estimator: Any, features: pd.DataFrame, target: pd.Series, groups: pd.Series | None
) -> Iterator[tuple[Any, Any]]:
    if len(features) < 10 * _FOLDS:
        return
    if groups is not None:
        codes, names = pd.factorize(groups)
        alone = codes < 0
        codes[alone] = len(names) + np.arange(alone.sum())
        if len(names) + alone.sum() < _FOLDS:
            return
        yield from GroupKFold(_FOLDS).split(features, target, codes)
    elif estimators.task_of(estimator) == metrics.CLASSIFICATION:
        if target.value_counts().min() >= _FOLDS:
            yield from StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(features, target)
    else:
        yield from KFold(_FOLDS, shuffle=True, random_state=0).split(features)


def _scored(
    estimator: Any, features: pd.DataFrame, target: pd.Series, names: Sequence[str], scoring: metrics.Scoring
) -> dict[str, float]:
    """Return the metrics that these rows define."""
    try:
        outcome = estimators.ask(estimator, features, target, scoring)
        return {key: value for key, value in metrics.compute(names, outcome).items() if np.isfinite(value)}
    except MlopsError as error:  # a class of which these rows have none, for example
        _LOG.info("not scored: %s", error)
        return {}
