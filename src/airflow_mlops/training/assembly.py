"""The model that is logged: the step from raw rows to features, and a fitted estimator behind it."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from airflow_mlops.core.positive_class import ATTRIBUTE
from airflow_mlops.model_steps.raw_rows import CATEGORIES, to_features
from airflow_mlops.training.estimators import mark_positive

_KINDS: Final = ("boolean", "date")


def assemble(raw: pd.DataFrame, build: Any, estimator: Any) -> Pipeline:
    """Return the model: raw rows in, prediction out. ``estimator`` is fitted already."""
    model = Pipeline([("features", raw_step(raw, build)), ("model", estimator)])
    return mark_positive(model, getattr(estimator, ATTRIBUTE, None))


def raw_step(raw: pd.DataFrame, build: Any) -> FunctionTransformer:
    """Return the step from raw rows to features that remembers the types of training."""
    arguments = {
        "dtypes": {
            str(name): _categories(dtype) if isinstance(dtype, pd.CategoricalDtype) else str(dtype)
            for name, dtype in raw.dtypes.items()
        },
        "optional": tuple(str(name) for name in raw.columns if raw[name].isna().any()),
        "kinds": {
            str(name): kind
            for name, dtype in raw.dtypes.items()
            if pd.api.types.is_object_dtype(dtype)
            and (kind := pd.api.types.infer_dtype(raw[name], skipna=True)) in _KINDS
        },
        "build": build,
    }
    return FunctionTransformer(to_features, kw_args=arguments).fit(raw)


def _categories(dtype: pd.CategoricalDtype) -> Any:
    """Return a type of categories in plain values; as it is where a category is no plain value."""
    known = dtype.categories
    values = known.tolist()
    if not all(isinstance(value, str | int | float) for value in values):
        return dtype
    return {CATEGORIES: values, "dtype": str(known.dtype), "ordered": bool(dtype.ordered)}
