"""Metrics, validation criteria and the step register become the section ``evaluate``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from airflow_mlops.cli.migrate.conversion import Conversion, number
from airflow_mlops.cli.migrate.no_match import METRIC
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.training.core.metric_facts import facts

_CRITERIA: Final = ("steps", "evaluate", "validation_criteria")
_DEFAULT: Final = {"regression": "rmse", "classification": "f1"}
_METRICS: Final = {
    "regression": {
        "root_mean_squared_error": "rmse",
        "mean_squared_error": "rmse",
        "mean_absolute_error": "mae",
        "mean_absolute_percentage_error": "mape",
        "r2_score": "r2",
    },
    "classification": {
        "accuracy_score": "accuracy",
        "f1_score": "f1",
        "log_loss": "log_loss",
        "precision_score": "precision",
        "recall_score": "recall",
        "roc_auc": "roc_auc",
        "precision_recall_auc": "average_precision",
    },
}
_SQUARED: Final = "mean_squared_error"
_NEAR: Final = {
    _SQUARED: "the square root: rmse",
    "precision_recall_auc": "average_precision, another estimate of the same area",
}


def convert_evaluation(conversion: Conversion) -> None:
    """Write the section ``evaluate``: the metrics of the recipe and a limit for each criterion."""
    first = _primary(conversion)
    require: dict[str, str] = {}
    criteria = conversion.value(*_CRITERIA)
    for index, item in enumerate(criteria if isinstance(criteria, list) else ()):
        if isinstance(item, Mapping):
            _criterion(conversion, (*_CRITERIA, index), item, require)
    evaluate: dict[str, Any] = {"metrics": list(dict.fromkeys((first, *require)))}
    conversion.config["evaluate"] = {**evaluate, **({"require": require} if require else {})}
    path = ("steps", "register", "allow_non_validated_model")
    if conversion.value(*path) is False:
        conversion.carried(path, "always so: a version that fails evaluate.require is never registered")
    else:
        advice = "a version that fails is never registered: remove evaluate.require to register every one"
        conversion.left(path, advice)


def _primary(conversion: Conversion) -> str:
    """Return our name of the recipe's primary metric."""
    kind = conversion.recipe.kind
    paths = (("primary_metric",), ("metrics", "primary"))
    path = next((path for path in paths if conversion.value(*path) is not None), None)
    if path is None:
        return _DEFAULT[kind]
    name = str(conversion.value(*path))
    if ours := _METRICS[kind].get(name):
        _carried(conversion, path, "evaluate.metrics, the first one", ": {}", name)
        return ours
    advice = f"metric {name[:60]!r} does not exist here, {_DEFAULT[kind]} is used instead: {METRIC}"
    conversion.left(path, advice)
    return _DEFAULT[kind]


def _criterion(
    conversion: Conversion, path: KeyPath, item: Mapping[str, Any], require: dict[str, str]
) -> None:
    """Add the limit of one criterion to ``require``."""
    name = str(item.get("metric"))
    ours = _METRICS[conversion.recipe.kind].get(name)
    limit = None if ours is None else _limit(name, ours, item.get("threshold"))
    for place in ((*path, "metric"), (*path, "threshold")):
        if ours is None:
            conversion.left(place, METRIC)
        elif limit is None:
            conversion.left(place, f"not a limit that a metric can have: write evaluate.require.{ours}")
        elif require.get(ours, limit) != limit:
            conversion.left(place, f"evaluate.require.{ours} is {require[ours]} already: keep one")
        else:
            _carried(conversion, place, f"evaluate.require.{ours}: {limit}", " ({})", name)
    if ours is not None and limit is not None:
        require.setdefault(ours, limit)


def _carried(conversion: Conversion, path: KeyPath, text: str, remark: str, metric: str) -> None:
    """Report a metric as carried over, or as changed when ours is only near to it."""
    if near := _NEAR.get(metric):
        conversion.changed(path, text + remark.format(near))
    else:
        conversion.carried(path, text)


def _limit(name: str, ours: str, threshold: Any) -> str | None:
    value = number(threshold)
    if value is None or (name == _SQUARED and value <= 0):
        return None
    value = math.sqrt(value) if name == _SQUARED else value
    return f"{'>=' if facts(ours).larger_is_better else '<='} {value:.6g}"
