"""The OpenAPI 3.1 document of the model server, made from its routes and what is said of each here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.routing import Route

from airflow_mlops.core.version import VERSION
from airflow_mlops.serving.openapi_schemas import (
    COUNT,
    FREE,
    OBJECT,
    SCHEMAS,
    TEXT,
    TRUTH,
    Schema,
    list_of,
    object_of,
    ref,
)


@dataclass(frozen=True)
class Operation:
    """What is said of one route.

    ``body`` and ``answer`` are schemas by media type, ``statuses`` those that have this answer, ``open`` is
    for a route that asks for no token.
    """

    summary: str
    tag: str
    answer: Mapping[str, Schema]
    body: Mapping[str, Schema] = field(default_factory=dict)
    statuses: tuple[int, ...] = (200,)
    query: Mapping[str, Schema] = field(default_factory=dict)
    header: Mapping[str, Schema] = field(default_factory=dict)
    open: bool = False


def _json(schema: Schema) -> Mapping[str, Schema]:
    return {"application/json": schema}


_PARAMETER: Final = re.compile(r"\{(\w+)(:\w+)?\}")
_READY: Final = (200, 503)
_PREDICT, _OPEN_INFERENCE, _STATE, _ADMIN = "predictions", "open inference", "state", "administration"
_IN_STATE: Final = _json(ref("State"))


def _infer(summary: str) -> Operation:
    return Operation(
        summary,
        _OPEN_INFERENCE,
        {**_json(ref("InferResponse")), "application/octet-stream": {}},
        {**_json(ref("InferRequest")), "application/octet-stream": {}},
        header={"Inference-Header-Content-Length": {"type": "string", "pattern": "^[0-9]{1,9}$"}},
    )


OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("POST", "/invocations"): Operation(
        "Predict, in MLflow's scoring protocol", _PREDICT, _json(ref("Predictions")),
        {**_json(ref("Invocation")), "text/csv": TEXT},
        header={"X-Request-Id": {"type": "string", "pattern": "^[!-~]{1,128}$"}},
    ),
    ("POST", "/labels"): Operation(
        "Report the truth for an answered request", _PREDICT, _json(ref("Labelled")), _json(ref("Label")),
    ),
    ("GET", "/version"): Operation("MLflow's version", _STATE, {"text/plain": TEXT}),
    ("GET", "/openapi.json"): Operation("This document", _STATE, _json(OBJECT)),
    ("GET", "/ping"): Operation("Whether the server is alive", _STATE, {"text/plain": TEXT}, open=True),
    ("GET", "/health"): Operation(
        "The versions that can answer", _STATE, _json(object_of(ready=list_of(COUNT))),
        statuses=_READY,
    ),
    ("GET", "/health/champion"): Operation(
        "Whether there is a champion", _STATE, _json(object_of(champion=TRUTH)),
        statuses=_READY, open=True,
    ),
    ("GET", "/health/traffic"): Operation(
        "Whether callers may be sent here", _STATE, _json(object_of(traffic=TRUTH)),
        statuses=_READY, open=True,
    ),
    ("GET", "/metrics"): Operation("Figures in Prometheus' text format", _STATE, {"text/plain": TEXT}),
    ("GET", "/v2"): Operation("Metadata of the server", _OPEN_INFERENCE, _json(FREE)),
    ("GET", "/v2/health/live"): Operation(
        "Whether the server is alive", _OPEN_INFERENCE, _json(object_of(live=TRUTH)),
        open=True,
    ),
    ("GET", "/v2/health/ready"): Operation(
        "Whether a request is answered", _OPEN_INFERENCE, _json(object_of(ready=TRUTH)),
        statuses=_READY, open=True,
    ),
    ("GET", "/v2/models/{name}"): Operation(
        "Metadata of the model", _OPEN_INFERENCE, _json(ref("Metadata")),
    ),
    ("GET", "/v2/models/{name}/ready"): Operation(
        "Whether the model answers", _OPEN_INFERENCE, _json(ref("Ready")), statuses=_READY,
    ),
    ("POST", "/v2/models/{name}/infer"): _infer("Predict"),
    ("GET", "/v2/models/{name}/versions/{version}"): Operation(
        "Metadata of a version", _OPEN_INFERENCE, _json(ref("Metadata")),
    ),
    ("GET", "/v2/models/{name}/versions/{version}/ready"): Operation(
        "Whether a version answers", _OPEN_INFERENCE, _json(ref("Ready")),
    ),
    ("POST", "/v2/models/{name}/versions/{version}/infer"): _infer(
        "Predict with one version, without counting it",
    ),
    ("PUT", "/admin/versions/{version}"): Operation(
        "Load a version", _ADMIN, _json(ref("Version")),
        _json(object_of(["model_uri"], model_uri={"type": "string", "minLength": 1}, reload=TRUTH,
            digest={"type": "string", "maxLength": 500}, controller=ref("Controller"))),
        statuses=(200, 202),
    ),
    ("DELETE", "/admin/versions/{version}"): Operation("Unload a version", _ADMIN, _json(OBJECT)),
    ("PUT", "/admin/traffic"): Operation(
        "Set the traffic split", _ADMIN, _IN_STATE, _json(ref("Traffic")),
    ),
    ("POST", "/admin/lease"): Operation(
        "Renew the lease of the traffic split", _ADMIN, _IN_STATE,
        _json(object_of(lease_s=ref("Lease"), controller=ref("Controller"))),
    ),
    ("GET", "/admin/state"): Operation("Versions, traffic and lease", _ADMIN, _IN_STATE),
    ("GET", "/admin/counts"): Operation(
        "What was counted in each traffic split", _ADMIN,
        _json(object_of(epoch=COUNT, epochs=list_of(FREE))), query={"since_epoch": COUNT},
    ),
}  # fmt: skip
_ERROR: Final = {
    "description": "refused or failed; the sentence says why",
    "content": {"application/json": {"schema": ref("Error")}},
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of some routes; raises KeyError for one that nothing is said of."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = path_of(route)
        for method in methods_of(route):
            operation = OPERATIONS[method, path]
            paths.setdefault(path, {})[method.lower()] = _operation(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "airflow-mlops model server", "version": VERSION},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "the token as password"},
            },
        },
        "security": [{"bearer": []}, {"basic": []}],
    }


def path_of(route: Route) -> str:
    """Return the path of a route as OpenAPI writes it.

    >>> path_of(Route("/admin/versions/{version:int}", print))
    '/admin/versions/{version}'
    """
    return _PARAMETER.sub(r"{\1}", route.path)


def methods_of(route: Route) -> list[str]:
    """Return the methods of a route; HEAD goes without saying."""
    return sorted((route.methods or set()) - {"HEAD"})


def _operation(method: str, path: str, said: Operation) -> dict[str, Any]:
    words = path.replace("{", "").replace("}", "").strip("/").split("/")
    found: dict[str, Any] = {
        "operationId": "_".join([method.lower(), *words]),
        "summary": said.summary,
        "tags": [said.tag],
        "responses": {
            **{
                str(status): {
                    "description": "done" if status < 300 else "not ready",
                    "content": {kind: {"schema": schema} for kind, schema in said.answer.items()},
                }
                for status in said.statuses
            },
            "default": _ERROR,
        },
    }
    named = _PARAMETER.findall(path)
    parameters = [{"name": n, "in": "path", "required": True, "schema": _of_path(n, path)} for n, _ in named]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in said.query.items()]
    parameters += [{"name": name, "in": "header", "schema": schema} for name, schema in said.header.items()]
    if parameters:
        found["parameters"] = parameters
    if said.body:
        content = {kind: {"schema": schema} for kind, schema in said.body.items()}
        found["requestBody"] = {"required": True, "content": content}
    if said.open:
        found["security"] = []
    return found


def _of_path(name: str, path: str) -> Schema:
    whole = path.startswith("/admin/")
    return COUNT if name == "version" and whole else {"type": "string", "minLength": 1}
