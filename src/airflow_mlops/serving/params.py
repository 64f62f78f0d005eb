"""Inference parameters: what a request sets, checked against the model's MLflow ParamSchema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_mlops.serving.payload import BadInputError

_INT64: Final = 2**63


def read_params(schema: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parameters that a request sets, of the types that the model declares.

    ``schema`` is an MLflow ParamSchema, or None for a model that declares no parameters. Raises BadInputError
    for a name that it does not declare (MLflow would answer with the default) and for a wrong type.
    """
    if not given:
        return {}
    specs = {spec.name: spec for spec in schema.params} if schema is not None else {}
    for name in given:
        if name not in specs:
            known = f"it takes {', '.join(map(repr, specs))}" if specs else "it takes none"
            raise BadInputError(f"params: this model has no parameter {name!r}: {known}")
    return {name: _checked(specs[name], value) for name, value in given.items()}


def _checked(spec: Any, value: Any) -> Any:
    from mlflow.exceptions import MlflowException

    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."
    kind = getattr(spec.dtype, "name", str(spec.dtype))
    expected = f"params: {spec.name!r} must be {'a list of ' if spec.shape else ''}{kind}, got {shown}"
    try:
        found = spec.validate_param_spec(value, spec)
    except (MlflowException, ValueError, TypeError, OverflowError) as error:
        raise BadInputError(expected) from error
    if type(found) is int and not -_INT64 <= found < _INT64:
        raise BadInputError(expected)
    return found
