"""Which format a model is logged in: chosen by what the pipeline file names, never by its data."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.records.model_format import CLOUDPICKLE, SKOPS, ModelFormat
from airflow_mlops.user_code.loading import is_installed

PROVEN: Final = ("catboost", "lightgbm", "sklearn", "xgboost")
"""Packages whose estimators skops is known to hold."""
_WRITTEN: Final = "written in train.serialization"


def format_of(pipeline: Pipeline, base: Path) -> ModelFormat:
    """Return the format of a pipeline's models; relative paths start from ``base``.

    A file that names code of its own agrees that loading its models runs code: skops cannot hold it. Any
    other file has the format of skops, unless it writes another one.
    """
    wanted = pipeline.train.serialization
    if wanted != "auto":
        return ModelFormat(wanted, _WRITTEN)
    if pipeline.features:
        return ModelFormat(CLOUDPICKLE, f"features names code of your own: {pipeline.features}")
    if is_own(pipeline.train.estimator, base):
        return ModelFormat(CLOUDPICKLE, f"train.estimator names code of your own: {pipeline.train.estimator}")
    return ModelFormat(SKOPS, "the file names no code of your own")


def is_proven(path: str) -> bool:
    """Return whether a test fits and loads models of the package that a dotted path leads to."""
    return path.partition(":")[0].partition(".")[0] in PROVEN


def is_own(path: str, base: Path) -> bool:
    """Return whether a dotted path leads to code of the user, beside the file or on the path.

    >>> is_own("sklearn.tree.DecisionTreeClassifier", Path())
    False
    """
    module = path.partition(":")[0] if ":" in path else path.rpartition(".")[0]
    top = module.partition(".")[0]
    if (base / f"{top}.py").exists() or (base / top / "__init__.py").exists():
        return True
    try:
        spec = find_spec(top) if top else None
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return True
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
    return not all(place is not None and is_installed(place) for place in places)
