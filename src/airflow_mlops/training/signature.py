"""The signature of a model, from the values that it was trained on.

MLflow's own check (``mlflow.models.validate_schema``, which ``pyfunc`` applies to every call) refuses some
frames that pandas makes every day: times with a zone, and whole numbers and flags with gaps, which have one
dtype with the gaps and another without. Such a column is signed as "any", and the metadata of the model say
what it holds, so that our model server still refuses a wrong value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

_INFERRED: Final[Mapping[str, str]] = {
    "boolean": "boolean",
    "integer": "long",
    "floating": "double",
    "mixed-integer-float": "double",
    "decimal": "double",
    "datetime": "datetime",
    "datetime64": "datetime",
    "date": "datetime",
    "string": "string",
    "categorical": "string",
    "empty": "string",
}
_LABELS: Final[Mapping[str, str]] = {"b": "boolean", "i": "long", "u": "long", "f": "double"}


def column_type(values: pd.Series) -> str:
    """Return MLflow's name of the type of ``values``, told by the values where the dtype is ``object``.

    Whole numbers are "long" only without gaps: with them, most frames hold them as floats. What MLflow has no
    name for (lists, numbers beside text, whole numbers beyond 64 bits with a sign) is "any".

    >>> column_type(pd.Series([True, None, False], dtype=object))
    'boolean'
    >>> column_type(pd.Series([1, 2])), column_type(pd.Series([1, None]))
    ('long', 'double')
    """
    found = _INFERRED.get(pd.api.types.infer_dtype(values, skipna=True), "any")
    if found != "long":
        return found
    known = values.dropna()
    if len(known) and int(known.max()) > np.iinfo("int64").max:
        return "any"
    return "double" if len(known) < len(values) else "long"


def inputs_and_types(raw: pd.DataFrame) -> tuple[Any, dict[str, str]]:
    """Return the schema of raw rows, and the types of those columns that it has to leave open.

    The schema accepts ``raw`` itself. A column that had gaps may be missing.
    """
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    gaps = raw.isna().any()
    types = {name: column_type(raw[name]) for name in raw.columns}

    def schema(names: Iterable[str], left_open: Collection[str] = ()) -> Any:
        return Schema([
            ColSpec(
                AnyType() if name in left_open or types[name] == "any" else types[name],
                str(name), required=not gaps[name],
            )
            for name in names
        ])  # fmt: skip

    left_open = [name for name in types if gaps[name] and _has_other_dtypes(types[name], raw[name])]
    if not _accepts(schema(types, left_open), raw):
        left_open += [name for name in types if not _accepts(schema([name], left_open), raw[[name]])]
    return schema(types, left_open), {str(name): types[name] for name in left_open}


def _has_other_dtypes(type_: str, values: pd.Series) -> bool:
    """Whether a column with gaps has another dtype in a frame without them, or read by another reader."""
    if type_ == "boolean":
        return True
    if type_ != "double" or values.dtype == object:  # object: decimals
        return False
    known = values.dropna().astype(float)
    return bool((known % 1 == 0).all())


def outputs(labels: np.ndarray[Any, Any]) -> Any:
    """Return the schema of predictions."""
    from mlflow.types import ColSpec, Schema

    return Schema([ColSpec(_LABELS.get(np.asarray(labels).dtype.kind, "string"))])


def _accepts(schema: Any, rows: pd.DataFrame) -> bool:
    from mlflow.exceptions import MlflowException
    from mlflow.models import validate_schema

    try:
        validate_schema(rows, schema)
    except (MlflowException, ValueError, TypeError):  # pandas' own refusals come through
        return False
    return True
