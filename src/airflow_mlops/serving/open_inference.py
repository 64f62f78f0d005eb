"""The Open Inference Protocol, version 2, over JSON: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

from airflow_mlops.serving.payload import BadInputError, Payload, read_json

_NUMBERS: Final = frozenset({"FP16", "FP32", "FP64"})
_WHOLES: Final = frozenset({"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"})
_KNOWN: Final = _NUMBERS | _WHOLES | {"BOOL", "BYTES"}


def read_infer(body: bytes) -> Payload:
    """Read the body of an infer request: one tensor per column, or a single one of rows.

    Raises BadInputError naming the input.
    """
    data = read_json(body)
    inputs = data.get("inputs") if isinstance(data, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise BadInputError("expected a JSON object with inputs: a list of tensors")
    tensors = [_tensor(number, tensor) for number, tensor in enumerate(inputs)]
    if len(tensors) == 1 and len(tensors[0][1]) == 2 and tensors[0][1][1] > 1:
        _, (rows, width), flat = tensors[0]
        return Payload(rows, array=[flat[i * width : (i + 1) * width] for i in range(rows)])
    columns: dict[str, Sequence[Any]] = {}
    for name, shape, flat in tensors:
        if len(shape) > 1 and prod(shape[1:]) != 1:
            raise BadInputError(
                f"input {name!r}: a column has the shape [rows] or [rows, 1], got {list(shape)}"
            )
        columns[name] = flat
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise BadInputError(
            f"all inputs must have the same number of rows, at least 1; got {sorted(lengths)}"
        )
    return Payload(lengths.pop(), columns)


def _tensor(number: int, tensor: Any) -> tuple[str, tuple[int, ...], list[Any]]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise BadInputError(f"input {number} needs a name, a shape, a datatype and data")
    name, shape, kind = tensor["name"], tensor.get("shape"), tensor.get("datatype")
    if kind not in _KNOWN:
        raise BadInputError(f"input {name!r}: unknown datatype {kind!r}; known: {', '.join(sorted(_KNOWN))}")
    if not isinstance(shape, list) or not shape or not all(type(n) is int and n >= 0 for n in shape):
        raise BadInputError(f"input {name!r}: shape must be a list of whole numbers, got {shape!r}")
    flat = _flat(tensor.get("data"), len(shape))
    if len(flat) != prod(shape):
        raise BadInputError(f"input {name!r}: shape {shape} holds {prod(shape)} values, data has {len(flat)}")
    return name, tuple(shape), flat


def _flat(data: Any, depth: int) -> list[Any]:
    if not isinstance(data, list):
        raise BadInputError("data must be a list")
    for _ in range(depth - 1):
        if data and all(isinstance(item, list) for item in data):
            data = [value for item in data for value in item]
    return list(data)


def infer_answer(name: str, version: int | None, id_: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return the body of an infer response with one output, ``predictions``."""
    output = {"name": "predictions", "shape": [len(values)], "datatype": _datatype(values), "data": values}
    return {"model_name": name, "model_version": str(version), "id": id_, "outputs": [output]}


def _datatype(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    return (
        "BOOL"
        if kinds == {bool}
        else "INT64"
        if kinds == {int}
        else "FP64"
        if kinds <= {int, float}
        else "BYTES"
    )


def model_metadata(name: str, versions: Sequence[int], columns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the metadata of a model; ``columns`` are (name, MLflow type) pairs."""
    return {
        "name": name,
        "versions": [str(version) for version in versions],
        "platform": "mlflow",
        "inputs": [{"name": c, "datatype": _TYPES.get(kind, "BYTES"), "shape": [-1]} for c, kind in columns],
        "outputs": [{"name": "predictions", "datatype": "BYTES", "shape": [-1]}],
    }


_TYPES: Final = {
    "double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL",
}  # fmt: skip
