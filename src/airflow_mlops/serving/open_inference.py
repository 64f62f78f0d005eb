"""The Open Inference Protocol, version 2, over JSON: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from airflow_mlops.serving.payload import BadInputError, Payload, read_json

_EXPECTED: Final = "the body must have inputs, a list of tensors with name, shape, datatype and data"


class _Tensor(msgspec.Struct):
    name: str
    shape: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)]
    datatype: Literal[
        "BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16",
        "UINT32", "UINT64",
    ]  # fmt: skip
    data: list[Any]

    def __post_init__(self) -> None:
        for _ in self.shape[1:]:  # as nested lists or flat already
            if self.data and all(isinstance(item, list) for item in self.data):
                self.data = [value for item in self.data for value in item]
        if len(self.data) != prod(self.shape):
            raise ValueError(f"shape {self.shape} holds {prod(self.shape)} values, data has {len(self.data)}")


class _Infer(msgspec.Struct):
    inputs: Annotated[list[_Tensor], Meta(min_length=1)]


def read_infer(body: bytes) -> Payload:
    """Read the body of an infer request: one tensor per column, or a single one of rows.

    Raises BadInputError naming the input.
    """
    try:
        tensors = msgspec.convert(read_json(body), _Infer).inputs
    except msgspec.ValidationError as error:
        raise BadInputError(f"{_EXPECTED}: {error}") from error
    lengths = {tensor.shape[0] for tensor in tensors}
    if len(lengths) > 1 or 0 in lengths:
        raise BadInputError(
            f"all inputs must have the same number of rows, at least 1; got {sorted(lengths)}"
        )
    rows, *width = tensors[0].shape
    if len(tensors) == 1 and len(width) == 1 and width[0] > 1:
        flat, step = tensors[0].data, width[0]
        return Payload(rows, array=[flat[at : at + step] for at in range(0, len(flat), step)])
    for tensor in tensors:
        if len(tensor.data) != rows:
            raise BadInputError(
                f"input {tensor.name!r}: a column has the shape [rows] or [rows, 1], got {tensor.shape}"
            )
    return Payload(rows, {tensor.name: tensor.data for tensor in tensors})


def infer_answer(name: str, version: int | None, id_: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return the body of an infer response with one output, ``predictions``."""
    output = {"name": "predictions", "shape": [len(values)], "datatype": _datatype(values), "data": values}
    return {"model_name": name, "model_version": str(version), "id": id_, "outputs": [output]}


def _datatype(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds in ({bool}, {int}):
        return "BOOL" if kinds == {bool} else "INT64"
    return "FP64" if kinds <= {int, float} else "BYTES"


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
