"""The steps transform and train become the section ``train``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from airflow_mlops.cli.migrate.conversion import Conversion, number
from airflow_mlops.cli.migrate.report import Outcome

_TRANSFORMER: Final = ("steps", "transform", "transformer_method")
_TRAIN: Final = ("steps", "train")
_USING: Final = (*_TRAIN, "using")
_METHOD: Final = (*_TRAIN, "estimator_method")
_TUNING: Final = (*_TRAIN, "tuning")
_ESTIMATORS: Final = {
    "regression": ("sklearn.ensemble", "HistGradientBoostingRegressor"),
    "classification": ("sklearn.ensemble", "HistGradientBoostingClassifier"),
}
_AUTOML: Final = "there is no AutoML: the estimator is a gradient boosting of scikit-learn; add train.tune"
_SAMPLERS: Final = {"hyperopt.rand.suggest": "random", "hyperopt.tpe.suggest": "tpe"}
_LIMITS: Final = {"max_trials": ("n_trials", 10_000), "parallelism": ("workers", 64)}
_LARGEST_EXPONENT: Final = 700
_FORMS: Final = "ranges are [low, high], [low, high, log] or a list of choices: write it by hand"


def convert_training(conversion: Conversion) -> None:
    """Write the section ``train``: estimator, parameters and search."""
    tune = _tune(conversion)
    path = (*_TRAIN, "estimator_params")
    params = conversion.value(*path)
    if isinstance(params, Mapping):
        conversion.carried(path, "train.params")
    else:
        conversion.left(path, "a mapping of names to values is expected: write train.params")
        params = {}
    train: dict[str, Any] = {"estimator": _estimator(conversion, by_name=bool(params or tune))}
    if params:
        train["params"] = {str(key): value for key, value in params.items()}
    if tune:
        train["tune"] = tune
    conversion.config["train"] = train


def _estimator(conversion: Conversion, *, by_name: bool) -> str:
    """Return the path of the estimator; a glue function where a transformer or parameters are needed."""
    method, transformer = conversion.function(*_METHOD), conversion.function(*_TRANSFORMER)
    if method is None:
        module, name = _ESTIMATORS[conversion.recipe.kind]
        path, arguments = f"{module}.{name}", "**params"
    else:
        module, name = "steps.train", method
        path = f"{module}:{name}"
        arguments = "" if conversion.steps.parameters("train", method) == 0 else "params"
    shown = path
    if transformer is not None or (by_name and method is not None):
        imports, call = [f"from {module} import {name}"], f"{name}({arguments})"
        path = _add_estimator(conversion, imports, call, transformer)
        shown = f"{path}, which calls {shown}"
    _report_estimator(conversion, method, shown)
    _report_transformer(conversion, transformer, path)
    return path


def _add_estimator(conversion: Conversion, imports: list[str], call: str, transformer: str | None) -> str:
    """Add the glue function that returns the estimator; returns its path."""
    if transformer is not None:
        imports += ["from sklearn.pipeline import Pipeline", f"from steps.transform import {transformer}"]
        call = f'Pipeline([("transformer", {transformer}()), ("model", {call})])'
    text = 'def {name}(**params):\n    """Return what the recipe trains."""\n' + f"    return {call}\n"
    return conversion.add_glue("estimator", imports, text)


def _report_estimator(conversion: Conversion, method: str | None, shown: str) -> None:
    automl = str(conversion.value(*_USING)).startswith("automl")
    if method is None:
        conversion.left(_USING, _AUTOML if automl else "name train.estimator by hand")
        conversion.left(_METHOD, "not the name of a function: name train.estimator")
        return
    if automl:
        conversion.changed(_USING, "estimator_method is trained; there is no AutoML here")
    else:
        conversion.carried(_USING, "train.estimator")
    conversion.carried(_METHOD, f"train.estimator: {shown}{conversion.steps.missing('train', method)}")


def _report_transformer(conversion: Conversion, transformer: str | None, path: str) -> None:
    using = ("steps", "transform", "using")
    if transformer is None:
        conversion.left(_TRANSFORMER, "not the name of a function: write `features` by hand")
        conversion.carried(using, "no transformer is named, so none is used")
        return
    text = f"{path}: fitted with the model, the first step of a Pipeline"
    conversion.carried(_TRANSFORMER, text + conversion.steps.missing("transform", transformer))
    conversion.carried(using, "train.estimator")


def _tune(conversion: Conversion) -> dict[str, Any] | None:
    """Return ``train.tune``, or None when nothing is searched."""
    given = conversion.value(*_TUNING)
    if not isinstance(given, Mapping):
        return None
    first = len(conversion.lines)
    space = _space(conversion, given.get("parameters"))
    tune = {"space": space, **_limits(conversion), **_sampler(conversion)}
    conversion.left(
        (*_TUNING, "early_stop_fn"), "a search ends after train.tune.n_trials: choose that number"
    )
    wanted = given.get("enabled", True) not in (False, None) and bool(space)
    if not wanted:
        text = "the search is off in the recipe: add train.tune to turn it on"
        lines = conversion.lines[first:]
        conversion.lines[first:] = [replace(line, outcome=Outcome.LEFT, text=text) for line in lines]
    text = "train.tune" if wanted else "train.tune is left out: the search is off, or has no parameter"
    conversion.carried((*_TUNING, "enabled"), text)
    return tune if wanted else None


def _limits(conversion: Conversion) -> dict[str, int]:
    """Return the number of trials and workers."""
    found = {}
    for key, (ours, most) in _LIMITS.items():
        path = (*_TUNING, key)
        value = conversion.value(*path)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
            found[ours] = value
            conversion.carried(path, f"train.tune.{ours}")
        else:
            conversion.left(path, f"set train.tune.{ours}, 1 to {most:,}")
    return found


def _sampler(conversion: Conversion) -> dict[str, str]:
    path = (*_TUNING, "algorithm")
    if sampler := _SAMPLERS.get(str(conversion.value(*path))):
        conversion.carried(path, "train.tune.sampler")
        return {"sampler": sampler}
    conversion.left(path, "samplers are tpe (the default) and random: set train.tune.sampler")
    return {}


def _space(conversion: Conversion, given: Any) -> dict[str, Any]:
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
