"""The datatypes of the Open Inference Protocol, and the outputs of a model in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final

import msgspec
import numpy as np

NUMPY: Final = {
    "BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4",
    "INT64": "<i8", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
}  # fmt: skip
"""NumPy's type, little-endian, of each datatype but BYTES."""
_OF_COLUMN: Final = {
    "double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL",
}  # fmt: skip
PREDICTIONS: Final = "predictions"


@dataclass(frozen=True)
class TensorInfo:
    """Name, datatype and shape of a tensor, as metadata name them; -1 is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...] = (-1,)

    @property
    def of_any_rows(self) -> TensorInfo:
        """The same tensor with any number of rows."""
        return replace(self, shape=(-1, *self.shape[1:]))


@dataclass(frozen=True)
class Output:
    """One tensor of an answer; ``data`` is flat, in row-major order."""

    info: TensorInfo
    data: list[Any]


def tensors_of(schema: Any, default: str = PREDICTIONS) -> list[TensorInfo]:
    """Return the tensors that an MLflow schema declares; ``default`` is the name of one without a name."""
    found = []
    for place, spec in enumerate(schema.inputs if schema is not None else ()):
        name = spec.name or (default if len(schema.inputs) == 1 else f"{default}_{place}")
        if schema.is_tensor_spec():
            found.append(TensorInfo(name, datatype_of(np.dtype(spec.type)), tuple(map(int, spec.shape))))
        else:
            found.append(TensorInfo(name, _OF_COLUMN.get(getattr(spec.type, "name", ""), "BYTES")))
    return found


def datatype_of(dtype: Any) -> str:
    """Return the datatype of a NumPy type; BYTES for text and whatever else there is.

    >>> datatype_of(np.dtype("float32")), datatype_of(np.dtype("datetime64[ns]"))
    ('FP32', 'BYTES')
    """
    return next((name for name, code in NUMPY.items() if np.dtype(code) == dtype), "BYTES")


def outputs_of(values: Any, declared: Sequence[TensorInfo]) -> list[Output]:
    """Return an answer, plain JSON values, as tensors: as ``declared``, or of the types that it has.

    An answer of several columns becomes as many tensors.

    >>> [(o.info.name, o.info.datatype, o.data) for o in outputs_of([{"low": 1, "high": 2.5}], [])]
    [('low', 'INT64', [1]), ('high', 'FP64', [2.5])]
    """
    columns = _columns(values)
    known = {info.name: info for info in declared}
    if columns is not None and len(known) != 1:
        return [_output(name, column, known.get(name)) for name, column in columns.items()]
    if columns is not None and len(columns) == 1:
        values = next(iter(columns.values()))
    info = replace(declared[0], name=PREDICTIONS) if len(declared) == 1 else None
    return [_output(PREDICTIONS, values if isinstance(values, list) else [values], info)]


def packed(output: Output) -> bytes:
    """Return the data of a tensor in the binary form of the protocol's extension."""
    if output.info.datatype == "BYTES":
        texts = [value.encode() for value in output.data]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.array(output.data, dtype=NUMPY[output.info.datatype]).tobytes()


def unpacked_texts(data: bytes) -> list[str]:
    """Return the texts of a binary tensor of BYTES; raises ValueError when the lengths do not fit."""
    found, at = [], 0
    while at < len(data):
        if at + 4 > len(data):
            raise ValueError("the last length of a BYTES tensor is cut off")
        (length,) = struct.unpack_from("<I", data, at)
        if at + 4 + length > len(data):
            raise ValueError(f"an element of {length} bytes is cut off")
        found.append(data[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return found


def _columns(values: Any) -> dict[str, list[Any]] | None:
    """Return the columns of an answer that has some."""
    if isinstance(values, dict) and values and all(isinstance(column, list) for column in values.values()):
        return values
    if isinstance(values, list) and values and all(isinstance(row, dict) for row in values):
        names = list(values[0])
        if names and all(list(row) == names for row in values):
            return {name: [row[name] for row in values] for name in names}
    return None


def _output(name: str, values: list[Any], declared: TensorInfo | None) -> Output:
    shape = _shape(values)
    flat = values
    for _ in shape[1:]:
        flat = [item for part in flat for item in part]
    if declared is not None:
        fitting = _as_datatype(flat, declared.datatype)
        if fitting is not None:
            return Output(TensorInfo(name, declared.datatype, shape), fitting)
    datatype = _datatype(flat)
    return Output(TensorInfo(name, datatype, shape), _as_datatype(flat, datatype) or [])


def _shape(values: list[Any]) -> tuple[int, ...]:
    """Return the shape of nested lists, down to where they are ragged."""
    shape, level = [len(values)], values
    while level and all(isinstance(item, list) for item in level) and len({len(item) for item in level}) == 1:
        shape.append(len(level[0]))
        level = [item for part in level for item in part]
    return tuple(shape) if prod(shape) else (shape[0],) if not shape[0] else tuple(shape)


def _datatype(flat: Sequence[Any]) -> str:
    kinds = {type(value) for value in flat}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in flat):
        return "INT64"
    # NaN comes as null.
    return "FP64" if kinds <= {int, float, type(None)} and kinds != {type(None)} and kinds else "BYTES"


def _as_datatype(flat: Sequence[Any], datatype: str) -> list[Any] | None:
    """Return values as they are written in a datatype, None where they are of another."""
    if datatype == "BYTES":
        return [value if isinstance(value, str) else msgspec.json.encode(value).decode() for value in flat]
    if datatype == "BOOL":
        return list(flat) if all(type(value) is bool for value in flat) else None
    if datatype.startswith("FP"):
        numbers = all(value is None or type(value) in (int, float) for value in flat)
        return [value if value is None else float(value) for value in flat] if numbers else None
    limits = np.iinfo(NUMPY[datatype])
    whole = all(type(v) is int or (type(v) is float and v.is_integer()) for v in flat)
    if not whole or not all(limits.min <= value <= limits.max for value in flat):
        return None
    return [int(value) for value in flat]
