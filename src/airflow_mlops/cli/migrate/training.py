"""The steps transform and train: the estimator and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_mlops.cli.migrate.entry import Entry, carried, changed, left
from airflow_mlops.cli.migrate.part import Code, Part, Subject
from airflow_mlops.cli.migrate.tuning import tuning

_TRANSFORM: Final = ("steps", "transform")
_TRAIN: Final = ("steps", "train")
_PLAIN: Final = {
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
    "classification": "sklearn.ensemble.HistGradientBoostingClassifier",
}
_OTHERS: Final = {
    "time_budget_secs": "there is no AutoML: set train.tune.n_trials",
    "flaml_params": "there is no AutoML: write train.tune.space",
    "predict_scores_for_all_classes": "an answer holds the prediction: let predict return the scores",
    "predict_prefix": "an answer holds the prediction, without names",
    "calibrate_proba": "return sklearn.calibration.CalibratedClassifierCV from estimator_method",
    "rebalance_training_data": "weigh the classes: train.params with class_weight: balanced",
}
_AUTOML: Final = "there is no AutoML: the estimator is a gradient boosting of scikit-learn; add train.tune"


def training(subject: Subject) -> Part:
    """Return the ``train`` section."""
    transform, transform_told = _transformer(subject)
    tune, tune_told = tuning(subject)
    given = subject.at(*_TRAIN, "estimator_params")
    params = {str(key): value for key, value in given.items()} if isinstance(given, Mapping) else {}
    told = [*transform_told, *tune_told]
    told += [
        left((*_TRAIN, key), todo) for key, todo in _OTHERS.items() if subject.at(*_TRAIN, key) is not None
    ]
    if given is not None:
        told.append(
            carried((*_TRAIN, "estimator_params"), "train.params")
            if isinstance(given, Mapping)
            else left((*_TRAIN, "estimator_params"), "no mapping of names to values: write train.params")
        )
    estimator, more, code = _estimator(subject, transform, by_name=bool(params or tune))
    train: dict[str, Any] = {"estimator": estimator}
    if params:
        train["params"] = params
    if tune:
        train["tune"] = tune
    return Part({"train": train}, (*more, *told), code)


def _estimator(
    subject: Subject, transform: str | None, *, by_name: bool
) -> tuple[str, list[Entry], tuple[Code, ...]]:
    """Return the dotted path of the estimator, and glue where a transformer or parameters come in between."""
    using, method = subject.at(*_TRAIN, "using"), subject.function(*_TRAIN, "estimator_method")
    told: list[Entry] = []
    if method is None:
        if using is not None:
            told.append(
                left((*_TRAIN, "using"), _AUTOML if _is_automl(using) else "name train.estimator by hand")
            )
        if subject.at(*_TRAIN, "estimator_method") is not None:
            told.append(left((*_TRAIN, "estimator_method"), "no function's name: name train.estimator"))
        path, call, imports = _PLAIN[subject.recipe.kind], "", []
        module, _, name = path.rpartition(".")
        call, imports = f"{name}(**params)", [f"from {module} import {name}"]
    else:
        told.append(_used(using))
        path = f"steps.train:{method}"
        takes = subject.steps.parameters("train", method)
        call = f"{method}()" if takes == 0 else f"{method}(params)"
        imports = [f"from steps.train import {method}"]
    glue = transform is not None or (by_name and method is not None)
    shown = f"{subject.glue('estimator')}, which calls {path}" if glue else path
    if method is not None:
        remark = subject.steps.missing("train", method)
        told.append(carried((*_TRAIN, "estimator_method"), f"train.estimator: {shown}{remark}"))
    told = [entry for entry in told if subject.at(*map(str, entry.path)) is not None]
    if not glue:
        return path, told, ()
    return subject.glue("estimator"), told, (_glue(call, imports, transform),)


def _glue(call: str, imports: list[str], transform: str | None) -> Code:
    made = call
    if transform is not None:
        imports = [
            *imports,
            "from sklearn.pipeline import Pipeline",
            f"from steps.transform import {transform}",
        ]
        made = f'Pipeline([("transformer", {transform}()), ("model", {call})])'
    text = 'def {name}(**params):\n    """Return what the recipe trains."""\n' + f"    return {made}\n"
    return Code("estimator", tuple(imports), text)


def _used(using: Any) -> Entry:
    if _is_automl(using):
        return changed((*_TRAIN, "using"), "estimator_method is trained; there is no AutoML here")
    return carried((*_TRAIN, "using"), "train.estimator")


def _is_automl(using: Any) -> bool:
    return isinstance(using, str) and using.startswith("automl")


def _transformer(subject: Subject) -> tuple[str | None, list[Entry]]:
    method = subject.function(*_TRANSFORM, "transformer_method")
    told: list[Entry] = []
    using = subject.at(*_TRANSFORM, "using")
    if method is not None:
        remark = subject.steps.missing("transform", method)
        text = f"{subject.glue('estimator')}: fitted with the model, the first step of a Pipeline"
        told.append(carried((*_TRANSFORM, "transformer_method"), text + remark))
    elif subject.at(*_TRANSFORM, "transformer_method") is not None:
        told.append(left((*_TRANSFORM, "transformer_method"), "no function's name: write `features` by hand"))
    if using is not None:
        text = "train.estimator" if method else "no transformer is named, so none is used"
        told.append(carried((*_TRANSFORM, "using"), text))
    return method, told
