"""The weights of rows in a fit: checked, and handed to the estimator that learns, wherever it stands."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline

from airflow_mlops.core.errors import ConfigError, DataRejected

_WORD = "sample_weight"


def checked(weights: pd.Series) -> pd.Series:
    """Return weights as floats, shape (rows,).

    Raises DataRejected for those that are no numbers, missing, infinite or negative, and when all are 0.
    """
    name = str(weights.name)
    if not pd.api.types.is_numeric_dtype(weights.dtype) or pd.api.types.is_bool_dtype(weights.dtype):
        numbers = pd.to_numeric(weights.astype(object), errors="coerce")
    else:
        numbers = weights
    values = numbers.to_numpy(dtype=float, na_value=np.nan)
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        raise DataRejected(
            f"{int(wrong.sum()):,} of {len(values):,} rows have no weight in {name!r} that is a number from "
            "0 up: correct them, or choose another column for train.weights"
        )
    if not values.any():
        raise DataRejected(f"all {len(values):,} rows have the weight 0 in {name!r}: no row would be learned")
    return pd.Series(values, name=weights.name, index=weights.index)


def fit_arguments(estimator: Any, weights: pd.Series | None) -> dict[str, Any]:
    """Return the keywords by which ``estimator.fit`` gets the weights of the rows.

    In a scikit-learn Pipeline that is the last step's, in a search or another estimator around one that
    passes keywords on it is the inner one's. Raises ConfigError for an estimator that takes none, and for
    one that would not hand them to the estimator inside.
    """
    if weights is None:
        return {}
    keyword = _keyword(estimator)
    if keyword is None:
        raise ConfigError(
            f"train.weights: fit of {type(estimator).__name__} does not take {_WORD}; use another estimator, "
            "or leave train.weights out"
        )
    return {keyword: weights.to_numpy()}


def _keyword(estimator: Any) -> str | None:
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = _keyword(last)
        return inner and f"{name}__{inner}"
    parameters = inspect.signature(estimator.fit).parameters
    if isinstance(estimator, CalibratedClassifierCV):  # it would use them for the calibration alone
        inner = estimator.estimator
        if hasattr(inner, "fit") and _WORD not in inspect.signature(inner.fit).parameters:
            return None
    if _WORD in parameters:
        return _WORD
    if not any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters.values()):
        return None
    around = (getattr(estimator, name, None) for name in ("estimator", "regressor", "classifier"))
    inside = next((item for item in around if hasattr(item, "fit")), None)
    return _WORD if inside is None else _keyword(inside)
