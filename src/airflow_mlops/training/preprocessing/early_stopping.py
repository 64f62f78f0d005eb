"""How many rounds of boosting are best: found on rows that the booster does not learn from."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np

from airflow_mlops.core.errors import ConfigError

PATIENCE: Final = 20


@dataclass(frozen=True)
class Booster:
    """A family of boosters: names of the number of rounds, how the best is found, parameters after that."""

    module: str
    rounds: Sequence[str]
    find: Callable[[Any, int, Any, Any, Any, Any, Any], int]
    final: Mapping[str, Any]


def booster_of(estimator: Any) -> Booster:
    """Return the family of an estimator; raises ConfigError for one that has no early stopping here."""
    modules = [cls.__module__ for cls in type(estimator).__mro__]
    for booster in _BOOSTERS:
        if any(module.startswith(booster.module) for module in modules):
            return booster
    raise ConfigError(
        f"train.early_stopping needs XGBoost, LightGBM, CatBoost or HistGradientBoosting, got "
        f"{type(estimator).__name__}: remove the key or use one of these"
    )


def best_rounds(
    estimator: Any, patience: int, learn: tuple[Any, Any], watch: tuple[Any, Any], weights: Any = None
) -> int:
    """Return after how many rounds the loss on ``watch`` was smallest.

    ``learn`` and ``watch`` are features and target; the search ends ``patience`` rounds after the smallest
    loss, or with the estimator's own number of rounds. The estimator itself stays as it is.
    """
    booster = booster_of(estimator)
    return max(1, booster.find(deepcopy(estimator), patience, *learn, *watch, weights))


def with_rounds(estimator: Any, rounds: int) -> Any:
    """Return a copy that fits that many rounds and watches nothing."""
    booster = booster_of(estimator)
    given = estimator.get_params()
    name = next((name for name in booster.rounds if given.get(name) is not None), booster.rounds[0])
    return deepcopy(estimator).set_params(**{name: rounds}, **booster.final)


def _histogram(
    estimator: Any, patience: int, rows: Any, target: Any, seen: Any, truth: Any, weights: Any
) -> int:
    estimator.set_params(early_stopping=True, n_iter_no_change=patience, scoring="loss")
    estimator.fit(rows, target, weights, X_val=seen, y_val=truth)
    return int(np.argmax(estimator.validation_score_))  # the first is that of no round


def _xgboost(
    estimator: Any, patience: int, rows: Any, target: Any, seen: Any, truth: Any, weights: Any
) -> int:
    estimator.set_params(early_stopping_rounds=patience)
    estimator.fit(rows, target, sample_weight=weights, eval_set=[(seen, truth)], verbose=False)
    return int(estimator.best_iteration) + 1


def _lightgbm(
    estimator: Any, patience: int, rows: Any, target: Any, seen: Any, truth: Any, weights: Any
) -> int:
    stop = import_module("lightgbm").early_stopping(patience, verbose=False)
    watched = {"eval_set": [(seen, truth)]}
    if "eval_set" not in inspect.signature(estimator.fit).parameters:
        watched = {"eval_X": seen, "eval_y": truth}
    with warnings.catch_warnings():  # 4.7 deprecates eval_set, and does not number the labels of eval_y
        warnings.filterwarnings("ignore", "The argument 'eval_set'")
        estimator.fit(rows, target, sample_weight=weights, callbacks=[stop], **watched)
    return int(estimator.best_iteration_)


def _catboost(
    estimator: Any, patience: int, rows: Any, target: Any, seen: Any, truth: Any, weights: Any
) -> int:
    estimator.fit(
        rows,
        target,
        sample_weight=weights,
        eval_set=(seen, truth),
        early_stopping_rounds=patience,
        verbose=False,
    )
    return int(estimator.get_best_iteration()) + 1


_BOOSTERS: Final = (
    Booster(
        "sklearn.ensemble._hist_gradient_boosting",
        ("max_iter",),
        _histogram,
        {"early_stopping": False},
    ),
    Booster("xgboost", ("n_estimators",), _xgboost, {"early_stopping_rounds": None}),
    Booster("lightgbm", ("n_estimators",), _lightgbm, {}),
    Booster("catboost", ("iterations", "n_estimators", "num_trees", "num_boost_round"), _catboost, {}),
)
