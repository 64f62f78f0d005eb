"""The JSON Schemas of what the model server takes and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from airflow_mlops.serving.payload import FORMATS

Schema = Mapping[str, Any]
TEXT: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
OBJECT: Final[Schema] = {"type": "object"}
TRUTH: Final[Schema] = {"type": "boolean"}
FREE: Final[Schema] = {"type": "object", "additionalProperties": True}


def ref(name: str) -> Schema:
    """Return a reference to one of ``SCHEMAS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(items: Schema, **more: Any) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, **more}


def object_of(required: Iterable[str] = (), **properties: Schema) -> Schema:
    """Return the schema of an object; all properties are required unless ``required`` names some."""
    needed = list(required) or list(properties)
    return {"type": "object", "properties": properties, "required": needed}


_TENSOR: Final = {
    "name": TEXT, "shape": list_of(COUNT, minItems=1), "parameters": FREE,
    "datatype": {"enum": [
        "BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16",
        "UINT32", "UINT64",
    ]},
    "data": {"type": "array"},
}  # fmt: skip
_DATA: Final = {"description": "a list of rows, or an object of columns"}
_METADATA_TENSOR: Final = object_of(
    name=TEXT, datatype=TEXT, shape=list_of({"type": "integer", "minimum": -1})
)
SCHEMAS: Final[Mapping[str, Schema]] = {
    "Error": object_of(error=TEXT),
    "Invocation": {
        "type": "object",
        "properties": {
            "dataframe_split": {
                "type": "object", "required": ["data"], "additionalProperties": False,
                "properties": {"columns": list_of({}), "index": list_of({}), "data": list_of({})},
            },
            "dataframe_records": list_of(OBJECT), "inputs": _DATA, "instances": _DATA, "params": FREE,
        },
        "oneOf": [{"required": [name]} for name in FORMATS],
    },
    "Predictions": {
        "type": "object", "required": ["predictions"],
        "properties": {"predictions": {"description": "one per row, unless the model answers otherwise"}},
    },
    "Label": {
        **object_of(request_id=TEXT, label={"description": "a value, or a list with one per row"}),
        "additionalProperties": False,
    },
    "Labelled": object_of(
        ["request_id", "version", "counted"],
        request_id=TEXT, version={"type": ["integer", "null"]}, counted=TRUTH, detail=TEXT,
    ),
    "InferRequest": object_of(
        ["inputs"], id=TEXT, parameters=FREE,
        inputs=list_of(object_of(["name", "shape", "datatype"], **_TENSOR), minItems=1),
        outputs=list_of(object_of(["name"], name=TEXT, parameters=FREE)),
    ),
    "InferResponse": object_of(
        model_name=TEXT, model_version=TEXT, id=TEXT,
        outputs=list_of(object_of(["name", "shape", "datatype"], **_TENSOR)),
    ),
    "Metadata": object_of(
        name=TEXT, versions=list_of(TEXT), platform=TEXT, inputs=list_of(_METADATA_TENSOR),
        outputs=list_of(_METADATA_TENSOR),
    ),
    "Ready": object_of(name=TEXT, ready=TRUTH),
    "Version": object_of(model_uri=TEXT, status=TEXT, detail=TEXT, digest=TEXT),
    "Lease": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 86_400},
    "Traffic": object_of(
        ["weights", "generation"],
        weights={
            "type": "object", "propertyNames": {"pattern": "^[0-9]+$"},
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 100},
        },
        generation=COUNT, champion={"type": ["integer", "null"]}, shadow={"type": ["integer", "null"]},
        lease_s=ref("Lease"), controller=ref("Controller"), place=ref("Controller"), takeover=TRUTH,
    ),
    "Controller": {"type": "string", "maxLength": 200},
    "State": {
        "type": "object", "additionalProperties": True,
        "required": ["name", "weights", "generation", "versions"],
        "properties": {"name": TEXT, "generation": COUNT, "weights": FREE, "versions": FREE},
    },
}  # fmt: skip
