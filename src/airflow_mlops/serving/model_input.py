"""What a model takes, by its MLflow signature, and a request in that form."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from airflow_mlops.core.tags import COLUMN_TYPES
from airflow_mlops.serving.params import read_params
from airflow_mlops.serving.payload import BadInputError, Payload, Signature, Table
from airflow_mlops.serving.tensor_types import TensorInfo, tensors_of
from airflow_mlops.serving.tensors import TENSORS, read_tensors, specs_of


class ModelInput:
    """Turns requests into what one model takes, and refuses those that it does not.

    ``signature`` is there for a model of named plain columns. Other models get what MLflow's scoring server
    would hand them: arrays for tensors, frames without names, lists and objects in cells, anything.
    """

    def __init__(self, metadata: Any) -> None:
        self._schema = metadata.get_input_schema()
        self._outputs = metadata.get_output_schema()
        self._params = metadata.get_params_schema()
        self._typed = bool(getattr(metadata, "_is_signature_from_type_hint", lambda: False)())
        inputs = None if self._typed else self._schema
        is_tensor = inputs is not None and inputs.is_tensor_spec()
        self._tensors = specs_of(inputs) if is_tensor else None
        left_open = (metadata.metadata or {}).get(COLUMN_TYPES, {})
        columns = None if inputs is None or is_tensor else _compiled(inputs, left_open)
        named = inputs is not None and inputs.has_input_names()
        self.signature = columns if named else None
        self._unnamed = None if named else columns

    @property
    def inputs(self) -> list[TensorInfo]:
        """The tensors that the model takes, as the Open Inference Protocol describes them."""
        return tensors_of(self._schema, "input")

    @property
    def outputs(self) -> list[TensorInfo]:
        """The tensors that the signature promises; empty where it says nothing of the answers."""
        return tensors_of(self._outputs)

    def params(self, payload: Payload) -> dict[str, Any]:
        """Return the inference parameters of a request; raises BadInputError."""
        return read_params(self._params, payload.params)

    def data(self, payload: Payload) -> tuple[Any, int]:
        """Return what the model's ``predict`` takes, and the number of rows; raises BadInputError."""
        if self.signature is not None:
            return frame_of(self.signature.check(payload), self.signature, payload.index), payload.rows
        if self._tensors is not None:
            return read_tensors(payload, self._tensors)
        if self._unnamed is not None:
            return self._by_position(self._unnamed, payload), payload.rows
        return self._as_mlflow(payload), payload.rows

    def _by_position(self, columns: Signature, payload: Payload) -> pd.DataFrame:
        """Return a frame whose columns are held against the signature by their places."""
        given: Mapping[Any, Sequence[Any]] | None = payload.columns
        if given is None and payload.array is not None:
            rows = [row if isinstance(row, list) else [row] for row in payload.array]
            if len({len(row) for row in rows}) > 1:
                raise BadInputError("the rows must all have the same length")
            given = dict(enumerate(zip(*rows, strict=True)))
        if given is None:
            raise BadInputError(payload.fault)
        count = len(columns.columns)
        if len(given) < count:
            raise BadInputError(f"the request has {len(given)} columns, expected {count}")
        labels = list(given)[:count]
        rows = [list(row) for row in zip(*(given[label] for label in labels), strict=True)]
        places = Payload(payload.rows, table=Table([str(at) for at in range(count)], rows), sent=payload.sent)
        frame = frame_of(columns.check(places), columns, payload.index)
        return frame.set_axis(labels, axis=1)

    def _as_mlflow(self, payload: Payload) -> Any:
        """Return the data as MLflow's scoring server reads it, checked against the schema."""
        from mlflow.exceptions import MlflowException
        from mlflow.models import validate_schema
        from mlflow.pyfunc.scoring_server import infer_and_parse_data

        kind, value = payload.sent or ("", None)
        if self._typed and kind:
            if kind != "inputs":
                raise BadInputError(f"this model takes inputs, got {kind}")
            return value
        try:
            if kind == "text/csv":
                data = pd.read_csv(io.StringIO(value), float_precision="round_trip")
            elif kind in ("", TENSORS):
                data = _table(payload)
            else:
                data = infer_and_parse_data({kind: _exact(value, self._schema)}, self._schema)
            if self._schema is not None:
                validate_schema(data, self._schema)
        except BadInputError:
            raise
        except MlflowException as error:
            raise BadInputError(" ".join(str(error.message).split())[:300]) from error
        except Exception as error:  # MLflow's own checks fail in many ways
            raise BadInputError(f"the request does not fit the model's signature: {error}") from error
        return data


def _table(payload: Payload) -> Any:
    """Return a request of tensors, or rows without a format, as a frame or as arrays."""
    arrays = payload.sent[1] if payload.sent else {}
    if payload.columns is not None:
        return pd.DataFrame(
            {n: arrays[n]().reshape(-1) if n in arrays else v for n, v in payload.columns.items()}
        )
    if payload.array is not None:
        return next(iter(arrays.values()))() if arrays else np.asarray(payload.array)
    return {name: array() for name, array in arrays.items()}


def frame_of(
    columns: Mapping[str, Sequence[Any]], signature: Signature, index: list[Any] | None
) -> pd.DataFrame:
    """Return checked columns as the frame that a model takes."""
    types = {column.name: column.dtype for column in signature.columns}
    return pd.DataFrame({name: column_of(list(v), types[name]) for name, v in columns.items()}, index=index)


def column_of(values: list[Any], dtype: str) -> Any:
    """Return the values of one column as an array of a type of ``Signature``."""
    if dtype == "str":
        return pd.array(values, dtype="str")
    if None in values and dtype.startswith(("int", "bool")):  # NumPy has no gaps in these
        dtype = "object"
    if dtype != "object":
        return np.array(values, dtype=dtype)
    column = np.empty(len(values), dtype=object)
    column[:] = values  # np.array would make a table of lists
    return column


def _compiled(inputs: Any, left_open: Mapping[str, str]) -> Signature | None:
    """Compile a schema of columns; one that it leaves open has the type that our metadata name."""
    named = inputs.has_input_names()
    triples = []
    for place, column in enumerate(inputs.inputs):
        name = column.name if named else str(place)
        type_ = "any" if str(column.type) == "Any" else str(getattr(column.type, "name", column.type))
        triples.append((name, left_open.get(name, type_), column.required))
    return Signature.compile(triples)


def _exact(value: Any, schema: Any) -> Any:
    """Return a copy of a request's value with floats where the schema has floats inside of lists and objects.

    MLflow refuses ``[1, 2]`` for an array of doubles, and JSON does not tell 1 from 1.0.
    """
    if schema is None or not schema.has_input_names() or not isinstance(value, dict | list):
        return value
    types = schema.input_dict()

    def row(items: Mapping[str, Any]) -> dict[str, Any]:
        return {n: _as_type(v, types[n].type) if n in types else v for n, v in items.items()}

    if isinstance(value, list):
        return [row(item) if isinstance(item, dict) else item for item in value]
    if "data" in value and "columns" in value and isinstance(value["columns"], list):
        names = value["columns"]
        return {
            **value,
            "data": [list(row(dict(zip(names, r, strict=True))).values()) for r in value["data"]],
        }
    return row(value)


def _as_type(value: Any, type_: Any) -> Any:
    """Return a value with the numbers that its type declares, at any depth."""
    if isinstance(value, list):
        inner = type_.dtype if type(type_).__name__ == "Array" else type_
        return [_as_type(item, inner) for item in value]
    if isinstance(value, dict):
        if type(type_).__name__ == "Map":
            return {name: _as_type(item, type_.value_type) for name, item in value.items()}
        known = {p.name: p.dtype for p in getattr(type_, "properties", ())}
        return {name: _as_type(v, known[name]) if name in known else v for name, v in value.items()}
    name = getattr(type_, "name", "")
    if type(value) is int and name in ("double", "float") and abs(value) < 2**1000:
        return float(value)
    if type(value) is float and name in ("long", "integer") and value.is_integer():
        return int(value)
    return value
