"""The HTTP side of the model server: routes, who may call them, what goes wrong in words."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.guards import BOTH
from airflow_mlops.serving.invocation import Invocations
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.metrics import exposition
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.traffic import Change, lease_seconds

log = logging.getLogger(__name__)
FLUSH_S: Final = 0.2
OPEN_PATHS: Final = frozenset({"/ping"})
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")


def create_app(settings: Settings) -> Starlette:
    """Return the model server as an ASGI application; its state opens and closes with the lifespan."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        database = await asyncio.to_thread(Database, settings.database, settings.log_rows)
        fleet, ledger = Fleet(settings, database), Ledger(database)
        app.state.server = _Server(settings, database, fleet, ledger)
        await fleet.open()
        keeper = asyncio.create_task(_keep(fleet, ledger))
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await app.state.server.invocations.close()
            await fleet.close()
            await ledger.flush()
            await asyncio.to_thread(database.close)

    app = Starlette(routes=_ROUTES, lifespan=lifespan, exception_handlers=_HANDLERS)
    app.add_middleware(_Bearer, token=settings.token)
    return app


class _Server:
    """What the routes work with."""

    def __init__(self, settings: Settings, database: Database, fleet: Fleet, ledger: Ledger) -> None:
        self.settings = settings
        self.database = database
        self.fleet = fleet
        self.ledger = ledger
        self.invocations = Invocations(fleet, ledger, settings.timeout_s)


async def _keep(fleet: Fleet, ledger: Ledger) -> None:
    """Write down answers, and notice a lease that runs out while nobody calls."""
    while True:
        await asyncio.sleep(FLUSH_S)
        try:
            _ = fleet.traffic
            await fleet.save()
            await ledger.flush()
        except Exception:
            log.exception("the server's state could not be written; next try in %s s", FLUSH_S)


class _Bearer:
    """Refuses every path but the open ones to a caller without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                refusal = JSONResponse(
                    {"error": "send the server's token: Authorization: Bearer …"},
                    401,
                    {"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _BodyTooLargeError(Exception):
    pass


def _server(request: Request) -> _Server:
    return cast(_Server, request.app.state.server)


async def _body(request: Request) -> bytes:
    limit = _server(request).settings.max_body
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _BodyTooLargeError(f"the body is larger than {limit} bytes: send fewer rows")
        chunks.append(chunk)
    return b"".join(chunks)


async def _json(request: Request) -> Any:
    try:
        return json.loads(await _body(request) or b"{}")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the body is not JSON: {error}") from error


async def _invocations(request: Request) -> Response:
    given = request.headers.get("x-request-id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    answer = await _server(request).invocations.answer(await _body(request), request_id)
    headers = {"x-request-id": request_id}
    if answer.version is not None:
        headers["x-model-version"] = str(answer.version)
    if answer.fallback:
        headers["x-fallback"] = "1"
    if answer.status == 503:
        headers["retry-after"] = "1"
    return JSONResponse(answer.body, answer.status, headers)


async def _labels(request: Request) -> Response:
    body = await _json(request)
    if not isinstance(body, dict) or not isinstance(body.get("request_id"), str) or "label" not in body:
        raise ConfigError('expected {"request_id": "…", "label": …}')
    request_id = body["request_id"]
    if await _server(request).ledger.label(request_id, body["label"], time.time()):
        return JSONResponse({"request_id": request_id})
    return JSONResponse({"error": f"no request {request_id!r} in the request log"}, 404)


async def _ping(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _health(request: Request) -> Response:
    ready = sorted(_server(request).fleet.ready)
    return JSONResponse({"ready": ready}, 200 if ready else 503)


async def _metrics(request: Request) -> Response:
    server = _server(request)
    text = exposition(server.fleet, server.ledger.tally)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _put_version(request: Request) -> Response:
    body = await _json(request)
    uri = body.get("model_uri") if isinstance(body, dict) else None
    if not isinstance(uri, str) or not uri:
        raise ConfigError('expected {"model_uri": "models:/name/version"}')
    slot = await _server(request).fleet.put(request.path_params["version"], uri)
    return JSONResponse(slot.describe(), 202 if slot.status == "loading" else 200)


async def _delete_version(request: Request) -> Response:
    await _server(request).fleet.drop(request.path_params["version"])
    return JSONResponse({})


async def _put_traffic(request: Request) -> Response:
    change = Change.from_json(await _json(request))
    server = _server(request)
    await server.fleet.set_traffic(change)
    return JSONResponse(_state_of(server))


async def _renew(request: Request) -> Response:
    body = await _json(request)
    server = _server(request)
    await server.fleet.renew(lease_seconds(body.get("lease_s") if isinstance(body, dict) else body))
    return JSONResponse(_state_of(server))


async def _state(request: Request) -> Response:
    return JSONResponse(_state_of(_server(request)))


def _state_of(server: _Server) -> dict[str, Any]:
    traffic = server.fleet.traffic
    return {
        "name": server.settings.name,
        "champion": traffic.champion,
        "weights": {str(v): p for v, p in traffic.weights.items()},
        "shadow": traffic.shadow,
        "reference": server.ledger.reference(traffic.pair),
        "generation": traffic.generation,
        "epoch": traffic.epoch,
        "lease_s": traffic.lease_s,
        "lease_until": traffic.lease_until,
        "versions": {str(v): slot.describe() for v, slot in sorted(server.fleet.slots.items())},
    }


async def _counts(request: Request) -> Response:
    given = request.query_params.get("since_epoch", "0")
    if not given.isdecimal():
        raise ConfigError(f"since_epoch must be a whole number, got {given!r}")
    server = _server(request)
    current = server.fleet.traffic.epoch
    await server.fleet.save()
    epochs = [
        {
            "epoch": e.epoch,
            "at": e.at,
            "champion": e.champion,
            "weights": {str(v): p for v, p in e.weights.items()},
            "shadow": e.shadow,
            "counts": {
                "both" if v == BOTH else str(v): {"requests": 0, "failures": 0, **events}
                for v, events in server.ledger.counts(e.epoch).items()
            },
        }
        for e in await asyncio.to_thread(server.database.read_epochs, int(given))
    ]
    return JSONResponse({"epoch": current, "epochs": epochs})


def _error(status: int) -> Any:
    async def handler(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return handler


_HANDLERS: Final = {
    ConfigError: _error(422),
    RolloutConflict: _error(409),
    BackendError: _error(503),
    _BodyTooLargeError: _error(413),
}
_ROUTES: Final = [
    Route("/ping", _ping),
    Route("/health", _health),
    Route("/metrics", _metrics),
    Route("/invocations", _invocations, methods=["POST"]),
    Route("/labels", _labels, methods=["POST"]),
    Route("/admin/versions/{version:int}", _put_version, methods=["PUT"]),
    Route("/admin/versions/{version:int}", _delete_version, methods=["DELETE"]),
    Route("/admin/traffic", _put_traffic, methods=["PUT"]),
    Route("/admin/lease", _renew, methods=["POST"]),
    Route("/admin/state", _state),
    Route("/admin/counts", _counts),
]
