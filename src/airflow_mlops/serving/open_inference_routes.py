"""The routes of the Open Inference Protocol, version 2."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_mlops.serving.app_state import AppState, server_of
from airflow_mlops.serving.batching import Batcher
from airflow_mlops.serving.big_requests import PART_BYTES
from airflow_mlops.serving.front import headers_of, request_id_of
from airflow_mlops.serving.model import Model, Predictions, Prepared
from airflow_mlops.serving.open_inference import LENGTH_HEADER, InferRequest, infer_answer, model_metadata
from airflow_mlops.serving.outcome import run_version
from airflow_mlops.serving.prediction_request import Answer
from airflow_mlops.serving.request_body import body_of
from airflow_mlops.serving.tensor_types import outputs_of


class _Call:
    """One infer request: how it is read, and how its answer is written."""

    def __init__(self, request: Request) -> None:
        self.server = server_of(request)
        self.request_id = request_id_of(request.headers.get("x-request-id", "").encode("latin-1"))
        length = request.headers.get(LENGTH_HEADER)
        if length is not None and not length.isdecimal():
            raise HTTPException(400, f"{LENGTH_HEADER} must be a number of bytes, got {length!r}")
        self.asked = InferRequest(None if length is None else int(length))
        self._heads: dict[bytes, int] = {}

    def write(self, number: int, _values: Any, encoded: bytes) -> bytes:
        """Return the body of the answer of a version; raises BadInputError for outputs that it lacks."""
        batcher = self.server.fleet.ready.get(number)
        declared = [] if batcher is None else batcher.model.outputs
        outputs = outputs_of(msgspec.json.decode(encoded), declared)
        if batcher is not None and not declared:
            batcher.model.outputs = [output.info.of_any_rows for output in outputs]
        id_ = self.asked.id or self.request_id
        body, head = infer_answer(self.server.settings.name, number, id_, self.asked.chosen(outputs))
        if head is not None:
            self._heads[body] = head
        return body

    def response(self, answer: Answer) -> Response:
        """Return an answer with its headers."""
        headers = {name.decode(): value.decode() for name, value in headers_of(answer, self.request_id)}
        head = self._heads.get(answer.body)
        if head is None:
            return Response(answer.body, answer.status, headers, "application/json")
        headers[LENGTH_HEADER] = str(head)
        return Response(answer.body, answer.status, headers, "application/octet-stream")


async def _infer(request: Request) -> Response:
    _known_model(request)
    call = _Call(request)
    answer = await call.server.invocations.answer(
        await body_of(request),
        call.request_id,
        request.headers,
        read=call.asked.read,
        write=call.write,
        splits=False,
    )
    return call.response(answer)


async def _infer_version(request: Request) -> Response:
    """Answer by one version, whatever its share: neither counted nor logged, as nobody drew it."""
    batcher = _known_version(request)
    call = _Call(request)
    body = await body_of(request)
    big = len(body) > PART_BYTES

    def prepared() -> Prepared:
        return batcher.model.prepare(call.asked.read(body))

    async def ask(asked: Batcher) -> Predictions:
        return await asked.predict(await asyncio.to_thread(prepared) if big else prepared())

    limit = call.server.settings.timeout_s
    deadline = asyncio.get_running_loop().time() + limit
    outcome = await run_version(batcher, ask, call.write, deadline, limit, at_once=not big)
    number = batcher.model.version
    if outcome.failed:
        return call.response(Answer.error(outcome.status, outcome.detail, number))
    return call.response(Answer(200, outcome.body, number))


async def _live(_request: Request) -> Response:
    return JSONResponse({"live": True})


async def _ready(request: Request) -> Response:
    ready = server_of(request).fleet.answers
    return JSONResponse({"ready": ready}, 200 if ready else 503)


async def _server_metadata(_request: Request) -> Response:
    extensions = ["binary_tensor_data", "model_versions"]
    return JSONResponse(
        {"name": "airflow-mlops", "version": version("airflow-mlops"), "extensions": extensions}
    )


async def _model_metadata(request: Request) -> Response:
    name, server = _known_model(request), server_of(request)
    champion = server.fleet.ready.get(server.fleet.traffic.champion or 0)
    return JSONResponse(await _described(server, name, champion))


async def _version_metadata(request: Request) -> Response:
    batcher = _known_version(request)
    return JSONResponse(await _described(server_of(request), request.path_params["name"], batcher))


async def _described(server: AppState, name: str, batcher: Batcher | None) -> dict[str, Any]:
    if batcher is None:
        return model_metadata(name, sorted(server.fleet.ready), [], [])
    await _learn_outputs(batcher, server.settings.timeout_s)
    model = batcher.model
    return model_metadata(name, sorted(server.fleet.ready), model.inputs, model.outputs)


async def _learn_outputs(batcher: Batcher, limit: float) -> None:
    """Learn from a made-up row what a model answers whose signature does not say it; in vain if it fails."""
    model: Model = batcher.model
    row = None if model.outputs else model.made_up()
    if row is None:
        return

    async def ask(asked: Batcher) -> Predictions:
        return await asked.predict(row)

    deadline = asyncio.get_running_loop().time() + limit
    outcome = await run_version(batcher, ask, lambda *_: b"", deadline, limit)
    if not outcome.failed:
        outputs = outputs_of(msgspec.json.decode(outcome.encoded), [])
        model.outputs = [output.info.of_any_rows for output in outputs]


async def _model_ready(request: Request) -> Response:
    name = _known_model(request)
    ready = server_of(request).fleet.answers
    return JSONResponse({"name": name, "ready": ready}, 200 if ready else 503)


async def _version_ready(request: Request) -> Response:
    batcher = _known_version(request)
    return JSONResponse({"name": request.path_params["name"], "ready": batcher is not None})


def _known_model(request: Request) -> str:
    name, known = request.path_params["name"], server_of(request).settings.name
    if name != known:
        raise HTTPException(404, f"model {name!r} is not served here: this server serves {known!r}")
    return known


def _known_version(request: Request) -> Batcher:
    """Return a version that is in memory; raises HTTPException 404 for another one."""
    _known_model(request)
    text, ready = request.path_params["version"], server_of(request).fleet.ready
    batcher = ready.get(int(text)) if text.isdecimal() and len(text) < 20 else None
    if batcher is None:
        loaded = ", ".join(map(str, sorted(ready))) or "none"
        raise HTTPException(404, f"version {text!r} is not loaded here; loaded versions: {loaded}")
    return batcher


SERVER_ROUTES: Final = [
    Route("/v2/health/live", _live),
    Route("/v2/health/ready", _ready),
    Route("/v2", _server_metadata),
]
ROUTES: Final = [
    Route("/v2/models/{name}/infer", _infer, methods=["POST"]),
    Route("/v2/models/{name}/ready", _model_ready),
    Route("/v2/models/{name}", _model_metadata),
    Route("/v2/models/{name}/versions/{version}/infer", _infer_version, methods=["POST"]),
    Route("/v2/models/{name}/versions/{version}/ready", _version_ready),
    Route("/v2/models/{name}/versions/{version}", _version_metadata),
    *SERVER_ROUTES,
]
