"""The steps transform and train become the section ``train``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from airflow_mlops.cli.migrate.conversion import Conversion
from airflow_mlops.cli.migrate.report import Outcome, ReportLine
from airflow_mlops.cli.migrate.search_space import space_form

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
_BALANCE: Final = (
    "with two classes and more than 5,000 training rows Recipes leave out rows of the larger class, and "
    "weigh the classes; here every row is learned: weigh them with class_weight: balanced in train.params"
)
_LIMITS: Final = {"max_trials": ("n_trials", 10_000), "parallelism": ("workers", 64)}


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
    if conversion.recipe.kind == "classification":
        _report_classes(conversion)


def _report_classes(conversion: Conversion) -> None:
    """Report what Recipes do with the classes of every training, and a pipeline does not."""
    path = (*_TRAIN, "rebalance_training_data")
    if conversion.value(*path) is False:
        conversion.carried(path, "no rows are left out here either")
    elif conversion.value("positive_class") is not None:
        conversion.left(path, _BALANCE)
        conversion.default(path, Outcome.LEFT, f"the default is true: {_BALANCE}")
    else:
        conversion.left(path, "only a recipe with a positive_class is rebalanced: nothing to do")
    labels = "Recipes number the classes 0, 1, … for the estimator, here it gets the labels themselves"
    conversion.default((*_TRAIN, "(labels)"), Outcome.CHANGED, labels)
    answer = "Recipes answer with the label and the scores, the model here with the label"
    conversion.default((*_TRAIN, "predict_scores_for_all_classes"), Outcome.CHANGED, answer)


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
        line, called = conversion.imported(module, name)
        imports, call = [line], f"{called}({arguments})"
        path = _add_estimator(conversion, imports, call, transformer)
        shown = f"{path}, which calls {shown}"
    _report_estimator(conversion, method, shown)
    _report_transformer(conversion, transformer, path)
    return path


def _add_estimator(conversion: Conversion, imports: list[str], call: str, transformer: str | None) -> str:
    """Add the glue function that returns the estimator; returns its path."""
    if transformer is not None:
        line, called = conversion.imported("steps.transform", transformer)
        imports += ["from sklearn.pipeline import Pipeline", line]
        call = f'Pipeline([("transformer", {called}()), ("model", {call})])'
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
    conversion.left(
        (*_TUNING, "sample_fraction"),
        "a search uses all training rows: set fewer trials, or sample in data.source",
    )
    wanted = given.get("enabled", True) not in (False, None) and bool(space)
    if not wanted:
        conversion.lines[first:] = _without_search(conversion, first, given)
    text = "train.tune" if wanted else "train.tune is left out: the search is off, or has no parameter"
    conversion.carried((*_TUNING, "enabled"), text)
    return tune if wanted else None


def _without_search(conversion: Conversion, first: int, given: Mapping[str, Any]) -> list[ReportLine]:
    """Return the lines of a search that is left out, each with the reason."""
    off = given.get("enabled", True) in (False, None)
    text = (
        "the search is off in the recipe: add train.tune to turn it on"
        if off
        else "train.tune is left out: it has no parameter to search"
    )
    return [
        line if line.outcome is Outcome.LEFT and not off else replace(line, outcome=Outcome.LEFT, text=text)
        for line in conversion.lines[first:]
        if conversion.has(line.path)
    ]


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
    if not conversion.has(path):
        text = "Recipes draw at random, here the default is tpe: train.tune.sampler: random"
        conversion.default(path, Outcome.CHANGED, text)
        return {"sampler": "random"}
    if sampler := _SAMPLERS.get(str(conversion.value(*path))):
        conversion.carried(path, "train.tune.sampler")
        return {"sampler": sampler}
    conversion.left(path, "samplers are tpe (the default) and random: set train.tune.sampler")
    return {}


def _space(conversion: Conversion, given: Any) -> dict[str, Any]:
    space: dict[str, Any] = {}
    for name, details in given.items() if isinstance(given, Mapping) else ():
        path, where = (*_TUNING, "parameters", str(name)), f"train.tune.space.{name}"
        form, remark = space_form(details)
        if form is None:
            conversion.left(path, remark)
            continue
        space[str(name)] = form
        if remark:
            conversion.changed(path, f"{where}: {remark}")
        else:
            conversion.carried(path, where)
    return space
