"""The expectation ``type``: a family such as ``int``, or one pandas type by its exact name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd

from airflow_mlops.config.expectations import Expectation
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Failure
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.validation.columns import DECIMAL, TIME, Columns
from airflow_mlops.data.validation.outcome import Outcome, cut


def _is_number(values: Any) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


_FAMILIES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "int": pd.api.types.is_integer_dtype,
    "float": pd.api.types.is_float_dtype,
    "number": _is_number,
    "str": pd.api.types.is_string_dtype,
    "bool": pd.api.types.is_bool_dtype,
    "datetime": pd.api.types.is_datetime64_any_dtype,
}
_OBJECTS: Final = {"number": DECIMAL, "datetime": TIME}
"""Families that cells of Python's own types belong to: decimals, dates and datetimes."""


def check_type(columns: Columns, item: Expectation) -> Outcome:
    """Compare a column's type with a family or with one pandas type.

    Not left to Great Expectations: version 1.24 does not recognise the text and time types of pandas 3.
    Raises ConfigError for an unknown type.
    """
    column, wanted = str(item.arguments["column"]), str(item.arguments["type"])
    values = columns.frame[column]
    family = _FAMILIES.get(wanted)
    if family is None:
        try:
            exact = pd.api.types.pandas_dtype(wanted)
        except TypeError as error:
            hint = did_you_mean(wanted, _FAMILIES)
            known = ", ".join(_FAMILIES)
            raise ConfigError(f"validate.expect: unknown type {wanted!r}{hint}; known: {known}") from error
        fits = values.dtype == exact
    else:
        fits = family(values) or (wanted in _OBJECTS and columns.kind(column) == _OBJECTS[wanted])
    seen, column = f"observed {cut(columns.type_name(column))}", cut(column)
    if fits:
        return Outcome(item, observed=seen, limits=wanted)
    failure = Failure(item.name, column, f"{seen} (expected {wanted})", severity=item.severity)
    return Outcome(item, failure, seen, wanted)
