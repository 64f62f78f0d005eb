"""Metrics, validation criteria and register: the gate before registration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from airflow_mlops.cli.migrate.entry import Entry, carried, changed, left
from airflow_mlops.cli.migrate.part import Part, Subject, number
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
_CUSTOM: Final = (
    "metrics of one's own are not read from a file: choose one of the table in docs/guides/evaluate.md"
)


def gate(subject: Subject) -> Part:
    """Return the ``evaluate`` section: the metrics of the recipe and a limit for each criterion."""
    first, told = _primary(subject)
    require: dict[str, str] = {}
    for index, item in enumerate(_listed(subject.at(*_CRITERIA))):
        told += _criterion(subject, (*_CRITERIA, index), item, require)
    metrics = list(dict.fromkeys((first, *require)))
    evaluate: dict[str, Any] = {"metrics": metrics}
    if require:
        evaluate["require"] = require
    return Part({"evaluate": evaluate}, (*told, *_custom(subject), *_positive(subject), *_register(subject)))


def _primary(subject: Subject) -> tuple[str, list[Entry]]:
    """Return our name of the metric that steers, and what became of the recipe's."""
    for path in (("primary_metric",), ("metrics", "primary")):
        name = subject.at(*path)
        if name is None:
            continue
        ours = _METRICS[subject.recipe.kind].get(str(name))
        default = _DEFAULT[subject.recipe.kind]
        if ours is None:
            return default, [left(path, f"no metric {str(name)[:60]!r} here, {default} stands in: {_CUSTOM}")]
        near = _NEAR.get(str(name))
        text = "evaluate.metrics, the first one"
        return ours, [changed(path, f"{text}: {near}") if near else carried(path, text)]
    return _DEFAULT[subject.recipe.kind], []


def _criterion(subject: Subject, path: KeyPath, item: Any, require: dict[str, str]) -> list[Entry]:
    name = str(item.get("metric")) if isinstance(item, Mapping) else ""
    ours = _METRICS[subject.recipe.kind].get(name)
    threshold = item.get("threshold") if isinstance(item, Mapping) else None
    known = [(*path, key) for key in ("metric", "threshold") if isinstance(item, Mapping) and key in item]
    limit = None if ours is None else _limit(name, ours, threshold)
    if ours is None or limit is None:
        todo = _CUSTOM if ours is None else f"no limit that a metric can have: write evaluate.require.{ours}"
        return [left(place, todo) for place in known]
    if ours in require and require[ours] != limit:
        return [
            left(place, f"evaluate.require.{ours} is {require[ours]} already: keep one") for place in known
        ]
    require[ours] = limit
    where = f"evaluate.require.{ours}: {limit}"
    near = _NEAR.get(name)
    return [changed(place, f"{where} ({near})") if near else carried(place, where) for place in known]


def _limit(name: str, ours: str, threshold: Any) -> str | None:
    value = number(threshold)
    if value is None or (name == _SQUARED and value <= 0):
        return None
    value = math.sqrt(value) if name == _SQUARED else value
    return f"{'>=' if facts(ours).larger_is_better else '<='} {value:.6g}"


def _custom(subject: Subject) -> list[Entry]:
    return [
        left(path, _CUSTOM)
        for path in (("custom_metrics",), ("metrics", "custom"))
        if subject.at(*path) is not None
    ]


def _positive(subject: Subject) -> list[Entry]:
    if subject.at("positive_class") is None:
        return []
    text = "the label that sorts last is the positive one: see that this one does, or rename the labels"
    return [changed(("positive_class",), text)]


def _register(subject: Subject) -> list[Entry]:
    path = ("steps", "register", "allow_non_validated_model")
    found = subject.at(*path)
    if found is None:
        return []
    if found is False:
        return [carried(path, "always so: a version that fails evaluate.require is never registered")]
    todo = "a version that fails is never registered: remove evaluate.require to register every one"
    return [left(path, todo)]


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
