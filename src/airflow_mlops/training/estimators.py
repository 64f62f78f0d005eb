"""Estimators by dotted path: built, fitted, asked, and put behind the raw-row step of a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from airflow_mlops.config.models import Data, Evaluate
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.positive_class import (
    ATTRIBUTE,
    check_declared,
    class_in_question,
    place_in_model,
    positive_place,
)
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.sources.quoting import error_text
from airflow_mlops.training.column_names import renaming_hint
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.preprocessing import PREPROCESS
from airflow_mlops.training.weights import fit_arguments
from airflow_mlops.user_code.loading import load_object, users_line

_WITHOUT_TARGET: Final = ("clusterer", "outlier_detector", "density_estimator")
_NUMBERS: Final = frozenset(
    {"boolean", "decimal", "floating", "integer", "mixed-integer", "mixed-integer-float"}
)
"""What columns of objects may hold that comes as something else in the rows of a caller."""
_KILLED: Final = ("BrokenProcessPool", "TerminatedWorkerError")
"""What concurrent.futures and joblib raise when a process of theirs is gone."""


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
    kind = get_tags(estimator).estimator_type
    if kind in _WITHOUT_TARGET:
        raise ConfigError(
            f"train.estimator: {path} is a {kind.replace('_', ' ')}, which does not learn the target: "
            "choose a classifier or a regressor"
        )
    return estimator


def task_of(estimator: Any) -> str:
    """Return ``classification`` or ``regression``."""
    if is_classifier(estimator) or (not is_regressor(estimator) and hasattr(estimator, "predict_proba")):
        return metrics.CLASSIFICATION
    return metrics.REGRESSION


def check_metrics(evaluate: Evaluate, estimator: Any) -> tuple[str, ...]:
    """Return every metric that the section names, once each; raises ConfigError for one that does not fit."""
    names = named_metrics(evaluate)
    for name in names:
        row = metrics.facts(name, task_of(estimator))
        if row.needs_probability and not hasattr(estimator, "predict_proba"):
            raise ConfigError(
                f"metric {name} needs predict_proba, which {type(estimator).__name__} does not have: choose "
                "a metric of labels such as accuracy or f1, or a train.estimator with probabilities, such as "
                "sklearn.calibration.CalibratedClassifierCV around it"
            )
    return names


def named_metrics(evaluate: Evaluate) -> tuple[str, ...]:
    """Return every metric that the section names, once each, the first of ``metrics`` first."""
    parts = (*evaluate.slices.values(), *evaluate.slices_against_champion.values())
    sliced = (name for limits in parts for name in limits)
    named = (*evaluate.metrics, *evaluate.require, *evaluate.champion_limits, *sliced)
    return tuple(dict.fromkeys(named))


def check_target(target: pd.Series, estimator: Any, section: Data, names: Iterable[str]) -> list[Any]:
    """Return the classes of a target, none for a regressor; ``names`` are the metrics that are computed.

    Raises ConfigError when ``data.positive`` has to be declared, or does not fit the target, and when a
    regressor's target is no number.
    """
    if task_of(estimator) == metrics.REGRESSION:
        if section.positive is not None:
            raise ConfigError(
                "data.positive is for two classes, but the estimator does regression: remove it"
            )
        _check_numbers(target, estimator)
        return []
    classes = classes_in(target)
    matters = any(metrics.facts(name).of_a_class for name in names)
    check_declared(classes, section.positive, matters=matters)
    return classes


def _check_numbers(target: pd.Series, estimator: Any) -> None:
    """Refuse a target that scikit-learn would turn into numbers silently: text, times, spans of time."""
    if pd.api.types.is_numeric_dtype(target.dtype):
        return
    found = pd.api.types.infer_dtype(target.astype(object), skipna=True)
    if found not in _NUMBERS:
        raise ConfigError(
            f"{type(estimator).__name__} predicts numbers, but the target {target.name!r} is {found}: "
            "write it as numbers (of a time, say, the days since a fixed one), or use a classifier"
        )


def classes_in(target: pd.Series) -> list[Any]:
    """Return the labels of a target in order, as plain values."""
    labels = pd.unique(target.dropna()).tolist()
    try:
        return sorted(labels)
    except TypeError:  # text beside numbers
        return sorted(labels, key=str)


def fit(
    estimator: Any,
    features: pd.DataFrame,
    target: pd.Series,
    weights: pd.Series | None = None,
    *,
    samples: bool = True,
) -> Any:
    """Fit and return the estimator; raises ConfigError with the columns that may be the reason.

    Without ``samples`` the error does not have the estimator's own text, which may quote a cell.
    """
    arguments = fit_arguments(estimator, weights)
    try:
        return estimator.fit(features, target, **arguments)
    except Exception as error:  # an estimator is foreign code: anything may come
        first = (str(error).splitlines() or [""])[0]
        text = f"{type(error).__name__}: {first}" if samples else error_text(error, samples=False)
        prepared = isinstance(estimator, Pipeline) and estimator.steps[0][0] == PREPROCESS
        last = estimator[-1] if prepared else estimator
        name = type(getattr(last, "classifier", last)).__name__  # inside of NumberedClasses
        what = f"{name} cannot be fitted{users_line(error)}"
        hint = (
            _out_of_memory(error)
            or renaming_hint(error, features)
            or ("" if prepared else _suspects(features))
        )
        raise ConfigError(f"{what}: {text}{hint}") from error


def _out_of_memory(error: Exception) -> str:
    """Say what helps when memory ran out: in this process, or in one of its own that was then killed."""
    enough = "give the task more (train.resources.memory), or learn fewer rows (train.sample, train.window)"
    if isinstance(error, MemoryError):
        return f": the memory is not enough; {enough}"
    if type(error).__name__ in _KILLED and "un-serialize" not in str(error):
        return (
            "; a process that the estimator started was killed, most likely because the memory ran out: "
            f"start fewer (n_jobs), {enough}"
        )
    return ""


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
        "; encode text by a mapping in `train.preprocess`, in `features`, or let a Pipeline with a "
        "ColumnTransformer as train.estimator do it"
        if text
        else ""
    )
    return f" (features {'; '.join(notes)}{encode})" if notes else ""


def ask(
    model: Any,
    rows: pd.DataFrame,
    target: pd.Series | np.ndarray[Any, Any],
    scoring: metrics.Scoring = metrics.AS_THEY_ARE,
) -> metrics.Outcome:
    """Return truth and predictions of ``rows``, as ``scoring`` says.

    Raises DataRejected for labels that the model never saw, beyond the share that ``scoring`` allows, and for
    predictions and probabilities that are none.
    """
    predicted = np.asarray(model.predict(rows))
    if task_of(model) == metrics.REGRESSION:
        return metrics.regression(np.asarray(target), predicted, scoring)
    probabilities = np.asarray(model.predict_proba(rows)) if hasattr(model, "predict_proba") else None
    classes = getattr(model, "classes_", None)
    labels = np.unique(np.asarray(target)) if classes is None else classes
    return metrics.classification(np.asarray(target), predicted, labels, probabilities, scoring)


def answers(model: Any, rows: pd.DataFrame) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """Return the predictions of ``rows``, and what ``scores`` returns; a regressor predicts them once."""
    predicted = np.asarray(model.predict(rows))
    is_number = task_of(model) == metrics.REGRESSION
    return predicted, np.asarray(predicted, dtype=float) if is_number else scores(model, rows)


def scores(model: Any, rows: pd.DataFrame) -> np.ndarray[Any, Any] | None:
    """Return one number per row: the positive class's probability, or a regressor's prediction.

    None for a classifier without probabilities or with more than two classes. Monitoring uses the same.
    """
    if task_of(model) == metrics.REGRESSION:
        return np.asarray(model.predict(rows), dtype=float)
    if not hasattr(model, "predict_proba"):
        return None
    found = np.asarray(model.predict_proba(rows))
    return found[:, place_in_model(model)] if found.ndim == 2 and found.shape[1] == 2 else None


def mark_positive(estimator: Any, positive: Any) -> Any:
    """Keep the declared positive class with a fitted estimator, whose score is then that of this class."""
    if positive is not None:
        setattr(estimator, ATTRIBUTE, positive)
    return estimator


def known_classes(model: Any) -> list[Any] | None:
    """Return the labels that a classifier knows; None for a regressor, or one that does not say."""
    classes = None if task_of(model) == metrics.REGRESSION else getattr(model, "classes_", None)
    return None if classes is None else list(np.asarray(classes).tolist())


def positive_of(estimator: Any, positive: Any) -> str:
    """Return the class of two that a fitted estimator's score is about, unless it goes without saying."""
    classes = known_classes(estimator)
    if classes is None:
        return ""
    return class_in_question(classes, positive_place(classes, positive))


def _parameters(factory: Any) -> list[str] | None:
    """Return the parameter names, or None when anything is accepted."""
    try:
        found = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in found):
        return None
    return [item.name for item in found if item.kind is not inspect.Parameter.VAR_POSITIONAL]
