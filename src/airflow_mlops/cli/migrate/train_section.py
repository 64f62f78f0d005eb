"""The steps transform and train become the section ``train``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from airflow_mlops.cli.migrate.conversion import Conversion, GlueFunction, number

_TRANSFORM: Final = ("steps", "transform")
_TRAIN: Final = ("steps", "train")
_TUNING: Final = (*_TRAIN, "tuning")
_ESTIMATORS: Final = {
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
    "classification": "sklearn.ensemble.HistGradientBoostingClassifier",
}
_TODO: Final = {
    "time_budget_secs": "there is no AutoML: set train.tune.n_trials",
    "flaml_params": "there is no AutoML: write train.tune.space",
    "predict_scores_for_all_classes": "an answer holds the prediction: let predict return the scores",
    "predict_prefix": "an answer holds the prediction, without names",
    "calibrate_proba": "return sklearn.calibration.CalibratedClassifierCV from estimator_method",
    "rebalance_training_data": "weigh the classes: train.params with class_weight: balanced",
}
_AUTOML: Final = "there is no AutoML: the estimator is a gradient boosting of scikit-learn; add train.tune"
_SAMPLERS: Final = {"hyperopt.rand.suggest": "random", "hyperopt.tpe.suggest": "tpe"}
_LIMITS: Final = {"max_trials": ("n_trials", 10_000), "parallelism": ("workers", 64)}
_LARGEST_EXPONENT: Final = 700
_FORMS: Final = "ranges are [low, high], [low, high, log] or a list of choices: write it by hand"


def convert_training(conversion: Conversion) -> None:
    """Write the section ``train``: estimator, parameters and search."""
    transformer = _transformer(conversion)
    tune = _tune(conversion)
    for key, todo in _TODO.items():
        conversion.left_if_set((*_TRAIN, key), todo)
    params, path = conversion.value(*_TRAIN, "estimator_params"), (*_TRAIN, "estimator_params")
    if isinstance(params, Mapping):
        conversion.carried(path, "train.params")
    else:
        conversion.left_if_set(path, "a mapping of names to values is expected: write train.params")
        params = {}
    by_name = bool(params or tune)
    train: dict[str, Any] = {"estimator": _estimator(conversion, transformer, by_name=by_name)}
    if params:
        train["params"] = {str(key): value for key, value in params.items()}
    if tune:
        train["tune"] = tune
    conversion.config["train"] = train


def _transformer(conversion: Conversion) -> str | None:
    """Return the name of the recipe's transformer function."""
    method, path = conversion.function(*_TRANSFORM, "transformer_method"), (*_TRANSFORM, "transformer_method")
    if method is not None:
        text = f"{conversion.glue_path('estimator')}: fitted with the model, the first step of a Pipeline"
        conversion.carried(path, text + conversion.steps.missing("transform", method))
    else:
        conversion.left_if_set(path, "not the name of a function: write `features` by hand")
    if conversion.value(*_TRANSFORM, "using") is not None:
        text = "train.estimator" if method else "no transformer is named, so none is used"
        conversion.carried((*_TRANSFORM, "using"), text)
    return method


def _estimator(conversion: Conversion, transformer: str | None, *, by_name: bool) -> str:
    """Return the path of the estimator; a glue function where a transformer or parameters are needed."""
    using, method = conversion.value(*_TRAIN, "using"), conversion.function(*_TRAIN, "estimator_method")
    automl = isinstance(using, str) and using.startswith("automl")
    if method is None:
        conversion.left_if_set((*_TRAIN, "using"), _AUTOML if automl else "name train.estimator by hand")
        todo = "not the name of a function: name train.estimator"
        conversion.left_if_set((*_TRAIN, "estimator_method"), todo)
        path = _ESTIMATORS[conversion.recipe.kind]
        module, _, name = path.rpartition(".")
        call = f"{name}(**params)"
    else:
        if automl:
            conversion.changed((*_TRAIN, "using"), "estimator_method is trained; there is no AutoML here")
        elif using is not None:
            conversion.carried((*_TRAIN, "using"), "train.estimator")
        path, module, name = f"steps.train:{method}", "steps.train", method
        call = f"{method}()" if conversion.steps.parameters("train", method) == 0 else f"{method}(params)"
    glue = transformer is not None or (by_name and method is not None)
    if method is not None:
        shown = f"{conversion.glue_path('estimator')}, which calls {path}" if glue else path
        text = f"train.estimator: {shown}{conversion.steps.missing('train', method)}"
        conversion.carried((*_TRAIN, "estimator_method"), text)
    if not glue:
        return path
    _add_estimator_function(conversion, call, f"from {module} import {name}", transformer)
    return conversion.glue_path("estimator")


def _add_estimator_function(
    conversion: Conversion, call: str, imported: str, transformer: str | None
) -> None:
    imports = [imported]
    if transformer is not None:
        imports += ["from sklearn.pipeline import Pipeline", f"from steps.transform import {transformer}"]
        call = f'Pipeline([("transformer", {transformer}()), ("model", {call})])'
    text = 'def {name}(**params):\n    """Return what the recipe trains."""\n' + f"    return {call}\n"
    conversion.add_glue(GlueFunction("estimator", tuple(imports), text))


def _tune(conversion: Conversion) -> dict[str, Any] | None:
    """Return ``train.tune``, or None when nothing is searched."""
    given = conversion.value(*_TUNING)
    if not isinstance(given, Mapping):
        return None
    first = len(conversion.lines)
    tune: dict[str, Any] = {"space": _space(conversion)}
    wanted = given.get("enabled", True) not in (False, None) and bool(tune["space"])
    tune |= _search_settings(conversion, given)
    if not wanted:
        paths = [line.path for line in conversion.lines[first:]]
        del conversion.lines[first:]
        for path in paths:
            conversion.left(path, "the search is off in the recipe: add train.tune to turn it on")
    if "enabled" in given:
        text = "train.tune" if wanted else "train.tune is left out: the search is off, or has no parameter"
        conversion.carried((*_TUNING, "enabled"), text)
    return tune if wanted else None


def _search_settings(conversion: Conversion, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the number of trials and workers, and the sampler."""
    found: dict[str, Any] = {}
    for key, (ours, most) in _LIMITS.items():
        if key in given:
            value, path = given[key], (*_TUNING, key)
            if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
                found[ours] = value
                conversion.carried(path, f"train.tune.{ours}")
            else:
                conversion.left(path, f"set train.tune.{ours}, 1 to {most:,}")
    if "algorithm" in given:
        path = (*_TUNING, "algorithm")
        if sampler := _SAMPLERS.get(str(given["algorithm"])):
            found["sampler"] = sampler
            conversion.carried(path, "train.tune.sampler")
        else:
            conversion.left(path, "samplers are tpe (the default) and random: set train.tune.sampler")
    if "early_stop_fn" in given:
        todo = "a search ends after train.tune.n_trials: choose that number"
        conversion.left((*_TUNING, "early_stop_fn"), todo)
    return found


def _space(conversion: Conversion) -> dict[str, Any]:
    given = conversion.value(*_TUNING, "parameters")
    space: dict[str, Any] = {}
    for name, details in given.items() if isinstance(given, Mapping) else ():
        path, where = (*_TUNING, "parameters", str(name)), f"train.tune.space.{name}"
        form, remark = _form(details)
        if form is None:
            conversion.left(path, remark)
            continue
        space[str(name)] = form
        if remark:
            conversion.changed(path, f"{where}: {remark}")
        else:
            conversion.carried(path, where)
    return space


def _form(details: Any) -> tuple[list[Any] | None, str]:
    """Return our form of a parameter's search space, and how it differs, or None and what to do."""
    if not isinstance(details, Mapping):
        return None, _FORMS
    values = details.get("values")
    if isinstance(values, list) and values and set(details) == {"values"}:
        return _choices(values)
    if set(details) != {"distribution", "low", "high"}:
        return None, _FORMS
    return _range(details["distribution"], number(details["low"]), number(details["high"]))


def _range(distribution: Any, low: float | None, high: float | None) -> tuple[list[Any] | None, str]:
    if low is None or high is None or not low < high:
        return None, _FORMS
    if distribution == "uniform":
        return [low, high], ""
    if distribution == "loguniform" and max(-low, high) < _LARGEST_EXPONENT:
        first, last = (float(f"{math.exp(exponent):.6g}") for exponent in (low, high))
        return ([first, last, "log"], "from exp(low) to exp(high)") if first < last else (None, _FORMS)
    return None, _FORMS


def _choices(values: list[Any]) -> tuple[list[Any] | None, str]:
    if any(isinstance(value, Mapping | list) for value in values):
        return None, "choices must be plain values: write them by hand"
    if len(values) == 2 and all(number(value) is not None for value in values):
        if values[0] == values[1]:
            return None, "both choices are equal: set the value in train.params"
        return sorted(values), "two numbers are a range here, so values between them are tried too"
    if len(values) == 3 and values[2] == "log":
        return None, "these choices would be read as a range on a log scale: write other choices"
    return values, ""
