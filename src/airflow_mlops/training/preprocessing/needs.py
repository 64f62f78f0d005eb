"""What an estimator needs of its columns, by its class, its tags and its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from airflow_mlops.training.core.preprocessing import Needs

_BOOSTERS: Final = ("xgboost", "lightgbm", "catboost")
_LIBRARIES: Final = ("sklearn", "imblearn", *_BOOSTERS)
_TREES: Final = ("sklearn.tree", "sklearn.ensemble")
_ENSEMBLES: Final = ("sklearn.ensemble",)  # their tags tell whether gaps get to the estimators inside
_UNSCALED: Final = ("sklearn.dummy", "sklearn.naive_bayes", "sklearn.isotonic")
_SCALERS: Final = ("sklearn.preprocessing",)
_ENCODERS: Final = ("ColumnTransformer", "FeatureUnion", "FunctionTransformer")
_BY_PLACE: Final = (
    "monotonic_cst",
    "interaction_cst",
    "monotone_constraints",
    "interaction_constraints",
    "feature_types",
    "feature_weights",
    "ignored_features",
)
"""Parameters that name columns by their place, which steps would move."""
_NATIVE: Final = ("categorical_features", "cat_features", "categorical_feature")
_MANY: Final = 10_000


def needs_of(estimator: Any) -> Needs:
    """Return what an estimator needs; one whose ``fit`` is not a known library's is left alone.

    >>> from sklearn.linear_model import LogisticRegression
    >>> needs_of(LogisticRegression()).scale
    'standard'
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> found = needs_of(HistGradientBoostingClassifier())
    >>> found.gaps, found.native_levels
    (True, 255)
    """
    if isinstance(estimator, Pipeline):
        return _of_pipeline(estimator)
    library = _library_of_fit(estimator)
    if library not in _LIBRARIES:
        return Needs(alone=f"{type(estimator).__name__} has a fit of its own, which may take any column")
    inner = list(_inside(estimator))
    return _together(estimator, [needs_of(one) for one in inner]) if inner else _of_one(estimator, library)


def _library_of_fit(estimator: Any) -> str:
    """Return the top-level module whose ``fit`` the estimator has."""
    line = type(estimator).__mro__
    owner = next((cls for cls in line if "fit" in vars(cls)), type(estimator))
    return owner.__module__.partition(".")[0]


def _of_one(estimator: Any, library: str) -> Needs:
    tags = get_tags(estimator).input_tags
    trees = library in _BOOSTERS or _from(estimator, _TREES)
    scale = "" if trees or _from(estimator, _UNSCALED) else "standard"
    params = estimator.get_params(deep=False)
    if placed := [name for name, value in params.items() if _is_by_place(name, value)]:
        return Needs(alone=f"its parameter {placed[0]} counts columns")
    return Needs(
        gaps=bool(tags.allow_nan) or library in _BOOSTERS,
        infinite=library == "lightgbm",
        text=bool(tags.string or tags.categorical) and library not in _BOOSTERS,
        categories=_takes_categories(params, library),
        native_levels=_native_levels(estimator, library),
        trees=trees,
        scale="unit" if tags.positive_only else scale,
        sparse=bool(tags.sparse) and library != "catboost",
        numeric_labels=library == "xgboost",
        answers_in_a_column=library == "catboost",
        own_columns=frozenset(name for key in _NATIVE for name in _named(params.get(key))),
        alone="it is given distances between rows" if tags.pairwise else "",
    )


def _from(estimator: Any, modules: tuple[str, ...]) -> bool:
    return any(cls.__module__.startswith(modules) for cls in type(estimator).__mro__)


def _is_histogram(estimator: Any) -> bool:
    return any(cls.__name__ == "BaseHistGradientBoosting" for cls in type(estimator).__mro__)


def _is_by_place(name: str, value: Any) -> bool:
    """Whether a parameter counts columns: a list of anything but their names; a mapping has names."""
    if value is None or isinstance(value, str | dict):
        return False
    if name in _NATIVE:
        return len(value) > len(_named(value))
    return name in _BY_PLACE


def _named(value: Any) -> list[str]:
    """Return the names of columns in a parameter."""
    return [] if value is None or isinstance(value, str) else [one for one in value if isinstance(one, str)]


def _native_levels(estimator: Any, library: str) -> int:
    """Return how many levels of a pandas category the estimator takes.

    CatBoost wants their names in a parameter with which scikit-learn cannot clone it: none.
    """
    if _is_histogram(estimator):
        return (
            int(getattr(estimator, "max_bins", 255)) if estimator.categorical_features == "from_dtype" else 0
        )
    return _MANY if library in ("xgboost", "lightgbm") else 0


def _takes_categories(params: dict[str, Any], library: str) -> bool:
    """Whether pandas categories are taken with these parameters."""
    if library == "xgboost":
        return bool(params.get("enable_categorical"))
    return library == "lightgbm" or params.get("categorical_features") == "from_dtype"


def _inside(estimator: Any) -> Iterator[Any]:
    """Yield the estimators that another one fits; none for a default that is not visible."""
    for name in ("estimator", "regressor", "base_estimator"):
        one = getattr(estimator, name, None)
        if hasattr(one, "fit"):
            yield one
            return
    several = getattr(estimator, "estimators", None)
    for item in several if isinstance(several, list | tuple) else ():
        one = item[1] if isinstance(item, tuple) else item
        if hasattr(one, "fit"):
            yield one


def _together(outer: Any, inner: list[Needs]) -> Needs:
    """Return what suits all of them; a wrapper may not hand on a DataFrame, so none gets categories."""
    if alone := next((one.alone for one in inner if one.alone), ""):
        return Needs(alone=alone)
    tags = get_tags(outer).input_tags
    return replace(
        inner[0],
        gaps=all(one.gaps for one in inner) and (tags.allow_nan or not _from(outer, _ENSEMBLES)),
        infinite=False,
        categories=False,
        native_levels=0,
        text=all(one.text for one in inner),
        trees=all(one.trees for one in inner),
        scale=next((one.scale for one in inner if one.scale), ""),
        sparse=bool(tags.sparse) and all(one.sparse for one in inner),
        numeric_labels=any(one.numeric_labels for one in inner),
        own_columns=frozenset.intersection(*(one.own_columns for one in inner)),
    )


def _of_pipeline(pipeline: Pipeline) -> Needs:
    """Return what a pipeline needs; one whose first steps encode columns is left alone."""
    steps = _steps_of(pipeline)
    if not steps:
        return Needs(alone="it is an empty Pipeline")
    *before, last = steps
    before = [part for step in before for part in _parts(step)]
    for step in before:
        tags = get_tags(step).input_tags
        foreign = _library_of_fit(step) not in _LIBRARIES
        encodes = any(cls.__name__ in _ENCODERS for cls in type(step).__mro__)
        inside = any(needs_of(one).alone for one in _inside(step))
        if foreign or encodes or inside or tags.string or tags.categorical:
            return Needs(alone=f"its step {type(step).__name__} encodes columns itself")
    final = needs_of(last)
    if not before:
        return final
    scaled = any(_from(step, _SCALERS) for step in before)
    return replace(
        final,
        gaps=_takes_gaps(before, final),
        infinite=False,
        categories=False,
        native_levels=0,
        scale="" if scaled else final.scale or ("standard" if not final.trees else ""),
        sparse=False,
        own_columns=frozenset(),
    )


def _parts(step: Any) -> list[Any]:
    """Return a step, or those of a pipeline that is one."""
    if not isinstance(step, Pipeline):
        return [step]
    return [part for one in _steps_of(step) for part in _parts(one)]


def _steps_of(pipeline: Pipeline) -> list[Any]:
    """Return the steps that do something."""
    return [step for _, step in pipeline.steps if step is not None and step != "passthrough"]


def _takes_gaps(before: list[Any], final: Needs) -> bool:
    """Whether gaps reach an imputer, or the end, through steps that let them pass."""
    for step in before:
        if not get_tags(step).input_tags.allow_nan:
            return False
        if "Imputer" in type(step).__name__:
            return True
    return final.gaps
