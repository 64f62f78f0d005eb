"""The routes of the Open Inference Protocol, version 2."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_mlops.serving.app_state import server_of
from airflow_mlops.serving.encoding import encode
from airflow_mlops.serving.front import headers_of, request_id_of
from airflow_mlops.serving.open_inference import infer_answer, model_metadata, read_infer
from airflow_mlops.serving.request_body import body_of


async def _infer(request: Request) -> Response:
    server = server_of(request)
    request_id = request_id_of(request.headers.get("x-request-id", "").encode("latin-1"))
    _known_model(request)

    def write(version: int, values: Sequence[Any], _encoded: bytes) -> bytes:
        return encode(infer_answer(server.settings.name, version, request_id, values))

    answer = await server.invocations.answer(
        await body_of(request), request_id, request.headers, read=read_infer, write=write
    )
    headers = {name.decode(): value.decode() for name, value in headers_of(answer, request_id)}
    return Response(answer.body, answer.status, headers, "application/json")


async def _live(_request: Request) -> Response:
    return JSONResponse({"live": True})


async def _ready(request: Request) -> Response:
    ready = server_of(request).fleet.answers
    return JSONResponse({"ready": ready}, 200 if ready else 503)


async def _server_metadata(_request: Request) -> Response:
    return JSONResponse({"name": "airflow-mlops", "version": version("airflow-mlops"), "extensions": []})


async def _model_metadata(request: Request) -> Response:
    name, fleet = _known_model(request), server_of(request).fleet
    champion = fleet.ready.get(fleet.traffic.champion or 0)
    columns = champion.model.columns if champion else ()
    return JSONResponse(model_metadata(name, sorted(fleet.ready), columns))


async def _model_ready(request: Request) -> Response:
    _known_model(request)
    return await _ready(request)


def _known_model(request: Request) -> str:
    name, known = request.path_params["name"], server_of(request).settings.name
    if name != known:
        raise HTTPException(404, f"model {name!r} is not served here: this server serves {known!r}")
    return known


ROUTES: Final = [
    Route("/v2/models/{name}/infer", _infer, methods=["POST"]),
    Route("/v2/models/{name}/ready", _model_ready),
    Route("/v2/models/{name}", _model_metadata),
    Route("/v2/health/live", _live),
    Route("/v2/health/ready", _ready),
    Route("/v2", _server_metadata),
]
