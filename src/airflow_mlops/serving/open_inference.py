"""The Open Inference Protocol, version 2, over HTTP: tensors in, tensors out, as JSON or in binary form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from airflow_mlops.serving.payload import BadInputError, Payload, read_json
from airflow_mlops.serving.tensor_types import NUMPY, Output, TensorInfo, packed, unpacked_texts
from airflow_mlops.serving.tensors import tensor

LENGTH_HEADER: Final = "Inference-Header-Content-Length"
_EXPECTED: Final = "the body must have inputs, a list of tensors with name, shape, datatype and data"
_OF_PROTOCOL: Final = frozenset({
    "binary_data_output", "sequence_id", "sequence_start", "sequence_end", "priority", "timeout",
})  # fmt: skip
"""Parameters of the protocol and its extensions; any other is one of the model."""
Parameters = dict[str, Any]


class _Tensor(msgspec.Struct):
    name: str
    shape: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)]
    datatype: Literal[
        "BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16",
        "UINT32", "UINT64",
    ]  # fmt: skip
    data: list[Any] | None = None
    parameters: Parameters = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data is None:
            return
        for _ in self.shape[1:]:  # as nested lists or flat already
            if self.data and all(isinstance(item, list) for item in self.data):
                self.data = [value for item in self.data for value in item]
        if len(self.data) != prod(self.shape):
            raise ValueError(f"shape {self.shape} holds {prod(self.shape)} values, data has {len(self.data)}")

    @property
    def is_column(self) -> bool:
        return prod(self.shape[1:]) == 1 and len(self.shape) <= 2

    def array(self) -> Any:
        """The values in their shape, of their datatype; raises BadInputError."""
        dtype = np.dtype(NUMPY.get(self.datatype, "str"))
        return tensor(self.data, dtype, (-1,), self.name).reshape(self.shape)


class _Wanted(msgspec.Struct):
    name: str
    parameters: Parameters = msgspec.field(default_factory=dict)


class _Infer(msgspec.Struct):
    inputs: Annotated[list[_Tensor], Meta(min_length=1)]
    id: str = ""
    parameters: Parameters = msgspec.field(default_factory=dict)
    outputs: list[_Wanted] | None = None


@dataclass
class InferRequest:
    """An infer request while it is answered; what the answer depends on is there once ``read`` has returned.

    ``header_length`` is how many bytes of the body are JSON, the others being binary tensors; None: all.
    """

    header_length: int | None = None
    id: str = ""
    binary: bool = False
    outputs: dict[str, bool] = field(default_factory=dict)

    def read(self, body: bytes) -> Payload:
        """Read the body: one tensor per column, or tensors as the model declares them.

        Raises BadInputError naming the input.
        """
        head, tail = body, b""
        if self.header_length is not None:
            if self.header_length > len(body):
                raise BadInputError(
                    f"{LENGTH_HEADER} is {self.header_length}, but the whole body has {len(body)} bytes: "
                    "it must be the length of the JSON before the binary data"
                )
            head, tail = body[: self.header_length], body[self.header_length :]
        try:
            request = msgspec.convert(read_json(head), _Infer)
        except msgspec.ValidationError as error:
            raise BadInputError(f"{_EXPECTED}: {error}") from error
        self.id = request.id
        self.binary = request.parameters.get("binary_data_output") is True
        self.outputs = {
            wanted.name: bool(wanted.parameters.get("binary_data", self.binary))
            for wanted in request.outputs or ()
        }
        if any("classification" in wanted.parameters for wanted in request.outputs or ()):
            raise BadInputError(
                "the classification extension is not supported: read the predictions as they are"
            )
        _fill(request.inputs, tail)
        params = {name: value for name, value in request.parameters.items() if name not in _OF_PROTOCOL}
        return _payload(request.inputs, params or None)

    def chosen(self, outputs: Sequence[Output]) -> list[tuple[Output, bool]]:
        """Return the outputs that the request asks for, each with whether it is sent in binary form.

        Raises BadInputError for one that the model does not have.
        """
        if not self.outputs:
            return [(output, self.binary) for output in outputs]
        by_name = {output.info.name: output for output in outputs}
        for name in self.outputs:
            if name not in by_name:
                raise BadInputError(
                    f"output {name!r} is unknown: this model has {', '.join(map(repr, by_name))}"
                )
        return [(by_name[name], binary) for name, binary in self.outputs.items()]


def read_infer(body: bytes) -> Payload:
    """Read the body of an infer request in JSON; raises BadInputError naming the input."""
    return InferRequest().read(body)


def infer_answer(
    name: str, version: int, id_: str, outputs: Sequence[tuple[Output, bool]]
) -> tuple[bytes, int | None]:
    """Return the body of an infer response, and the length of its JSON when binary tensors follow it."""
    described, tail = [], []
    for output, binary in outputs:
        one: dict[str, Any] = {
            "name": output.info.name, "shape": output.info.shape, "datatype": output.info.datatype,
        }  # fmt: skip
        if binary:
            tail.append(packed(output))
            one["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            one["data"] = output.data
        described.append(one)
    head = msgspec.json.encode(
        {"model_name": name, "model_version": str(version), "id": id_, "outputs": described}
    )
    return head + b"".join(tail), len(head) if tail else None


def model_metadata(
    name: str, versions: Sequence[int], inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> dict[str, Any]:
    """Return the metadata of a model."""
    return {
        "name": name,
        "versions": [str(version) for version in versions],
        "platform": "mlflow",
        "inputs": [_described(info) for info in inputs],
        "outputs": [_described(info) for info in outputs],
    }


def _described(info: TensorInfo) -> dict[str, Any]:
    return {"name": info.name, "datatype": info.datatype, "shape": list(info.shape)}


def _fill(tensors: Sequence[_Tensor], tail: bytes) -> None:
    """Read the data of the tensors in binary form, which lie one after another."""
    at = 0
    for one in tensors:
        size = one.parameters.get("binary_data_size")
        if "shared_memory_region" in one.parameters:
            raise BadInputError(f"input {one.name!r}: shared memory is not supported, send the data")
        if one.data is not None and size is None:
            continue
        if type(size) is not int or one.data is not None or not 0 <= size <= len(tail) - at:
            raise BadInputError(
                f"input {one.name!r} must have data, or the parameter binary_data_size and as many bytes of "
                f"binary data after the JSON, whose length is in {LENGTH_HEADER}"
            )
        one.data = _binary(one, tail[at : at + size])
        at += size
    if at != len(tail):
        raise BadInputError(f"{len(tail) - at} bytes of binary data belong to no input")


def _binary(one: _Tensor, data: bytes) -> list[Any]:
    try:
        if one.datatype == "BYTES":
            found: list[Any] = unpacked_texts(data)
        elif one.datatype == "BOOL":
            found = np.frombuffer(data, "u1").astype(bool).tolist()
        else:
            found = np.frombuffer(data, NUMPY[one.datatype]).tolist()
    except ValueError as error:
        raise BadInputError(f"input {one.name!r}: its binary data is not {one.datatype}: {error}") from error
    if len(found) != prod(one.shape):
        raise BadInputError(
            f"input {one.name!r}: shape {one.shape} holds {prod(one.shape)} values, "
            f"its binary data has {len(found)}"
        )
    return found


def _payload(tensors: Sequence[_Tensor], params: Parameters | None) -> Payload:
    lengths = {one.shape[0] for one in tensors}
    if len(lengths) > 1 or 0 in lengths:
        raise BadInputError(
            f"all inputs must have the same number of rows, at least 1; got {sorted(lengths)}"
        )
    (rows,) = lengths
    names = [one.name for one in tensors]
    if len(set(names)) < len(names):
        raise BadInputError(f"each input must have a name of its own, got {', '.join(map(repr, names))}")
    sent = ("tensors", {one.name: one.array for one in tensors})
    if all(one.is_column for one in tensors):
        return Payload(rows, {one.name: one.data or [] for one in tensors}, params=params, sent=sent)
    other = next(one for one in tensors if not one.is_column)
    if len(tensors) == 1:
        return Payload(rows, array=other.array().tolist(), params=params, sent=sent)
    fault = f"input {other.name!r}: a column has the shape [rows] or [rows, 1], got {other.shape}"
    return Payload(rows, params=params, sent=sent, fault=fault)
