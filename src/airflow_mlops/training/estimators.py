"""Estimators by dotted path: built, fitted, asked, and put behind the raw-row step of a model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from airflow_mlops.config.models import Evaluate
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.training.core import metrics
from airflow_mlops.training.raw_rows import to_features
from airflow_mlops.training.weights import fit_arguments
from airflow_mlops.user_code.loading import load_object, users_line

_KINDS: Final = ("boolean", "date")
"""What columns of objects may hold that comes as something else in the rows of a caller."""


def make_estimator(path: str, params: Mapping[str, Any], base: Path) -> Any:
    """Build the estimator ``path`` with ``params``; an open ``random_state`` becomes 0.

    Raises ConfigError for a path that does not import, a class without fit and predict, or a parameter
    that it does not have.
    """
    factory = load_object(path, base)
    if inspect.isclass(factory) and not (hasattr(factory, "fit") and hasattr(factory, "predict")):
        raise ConfigError(f"train.estimator: {path} has no fit and predict")
    known = _parameters(factory)
    for name in params:
        if known is not None and name not in known:
            hint = did_you_mean(name, known)
            raise ConfigError(f"train.params: {path} has no parameter {name!r}{hint}")
    fixed = {"random_state": 0} if known and "random_state" in known else {}
    given = {key: value for key, value in params.items() if value is not None or key != "random_state"}
    try:
        estimator = factory(**{**fixed, **given})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"train.params: {path} does not accept {dict(params)}: {error}") from error
    if not hasattr(estimator, "__sklearn_tags__"):  # scikit-learn's Pipeline would fail on it later
        raise ConfigError(
            f"train.estimator: derive {path} from sklearn.base.BaseEstimator, "
            "with ClassifierMixin or RegressorMixin before it"
        )
    return estimator


def task_of(estimator: Any) -> str:
    """Return ``classification`` or ``regression``."""
    if is_classifier(estimator) or (not is_regressor(estimator) and hasattr(estimator, "predict_proba")):
        return metrics.CLASSIFICATION
    return metrics.REGRESSION


def check_metrics(evaluate: Evaluate, estimator: Any) -> tuple[str, ...]:
    """Return every metric that the section names, once each; raises ConfigError for one that does not fit."""
    sliced = (name for limits in evaluate.slices.values() for name in limits)
    named = (*evaluate.metrics, *evaluate.require, *evaluate.against_champion, *sliced)
    names = tuple(dict.fromkeys(named))
    for name in names:
        row = metrics.facts(name, task_of(estimator))
        if row.needs_probability and not hasattr(estimator, "predict_proba"):
            raise ConfigError(
                f"metric {name} needs predict_proba, which {type(estimator).__name__} does not have"
            )
    return names


def fit(estimator: Any, features: pd.DataFrame, target: pd.Series, weights: pd.Series | None = None) -> Any:
    """Fit and return the estimator; raises ConfigError with the columns that may be the reason."""
    arguments = fit_arguments(estimator, weights)
    try:
        return estimator.fit(features, target, **arguments)
    except Exception as error:  # an estimator is foreign code: anything may come
        first = (str(error).splitlines() or [""])[0]
        what = f"{type(estimator).__name__} cannot be fitted{users_line(error)}: {type(error).__name__}"
        raise ConfigError(f"{what}: {first}{_suspects(features)}") from error


def _suspects(features: pd.DataFrame) -> str:
    """Name the columns that an estimator usually stumbles over."""
    text = [str(name) for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    gaps = [str(name) for name in features if features[name].isna().any()]
    notes = [
        f"{label}: {', '.join(some[:8])}"
        for label, some in (("not numeric", text), ("with gaps", gaps))
        if some
    ]
    encode = (
        "; encode text in `features`, or let a Pipeline with a ColumnTransformer as train.estimator do it"
        if text
        else ""
    )
    return f" (features {'; '.join(notes)}{encode})" if notes else ""


def ask(model: Any, rows: pd.DataFrame, target: pd.Series | np.ndarray[Any, Any]) -> metrics.Outcome:
    """Return truth and predictions of ``rows``; raises DataRejected for labels that the model never saw."""
    predicted = np.asarray(model.predict(rows))
    if task_of(model) == metrics.REGRESSION:
        return metrics.regression(np.asarray(target), predicted)
    probabilities = np.asarray(model.predict_proba(rows)) if hasattr(model, "predict_proba") else None
    classes = getattr(model, "classes_", None)
    labels = np.unique(np.asarray(target)) if classes is None else classes
    return metrics.classification(np.asarray(target), predicted, labels, probabilities)


def scores(model: Any, rows: pd.DataFrame) -> np.ndarray[Any, Any] | None:
    """Return one number per row: the positive class's probability, or a regressor's prediction.

    None for a classifier without probabilities or with more than two classes. Monitoring uses the same.
    """
    if task_of(model) == metrics.REGRESSION:
        return np.asarray(model.predict(rows), dtype=float)
    if not hasattr(model, "predict_proba"):
        return None
    found = np.asarray(model.predict_proba(rows))
    return found[:, 1] if found.ndim == 2 and found.shape[1] == 2 else None


def raw_step(raw: pd.DataFrame, build: Any) -> FunctionTransformer:
    """Return the step from raw rows to features that remembers the types of training."""
    arguments = {
        "dtypes": {
            str(name): dtype if isinstance(dtype, pd.CategoricalDtype) else str(dtype)
            for name, dtype in raw.dtypes.items()
        },
        "optional": tuple(str(name) for name in raw.columns if raw[name].isna().any()),
        "kinds": {
            str(name): kind
            for name, dtype in raw.dtypes.items()
            if pd.api.types.is_object_dtype(dtype)
            and (kind := pd.api.types.infer_dtype(raw[name], skipna=True)) in _KINDS
        },
        "build": build,
    }
    return FunctionTransformer(to_features, kw_args=arguments).fit(raw)


def assemble(raw: pd.DataFrame, build: Any, estimator: Any) -> Pipeline:
    """Return the model: raw rows in, prediction out. ``estimator`` is fitted already."""
    return Pipeline([("features", raw_step(raw, build)), ("model", estimator)])


def _parameters(factory: Any) -> list[str] | None:
    """Return the parameter names, or None when anything is accepted."""
    try:
        found = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in found):
        return None
    return [item.name for item in found if item.kind is not inspect.Parameter.VAR_POSITIONAL]
