"""The HTTP side of the model server: routes, who may call them, what goes wrong in words."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.serving import admin, open_inference_routes
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.exchange import (
    BodyTooLargeError,
    Server,
    UnknownModelError,
    body_of,
    headers_of,
    json_of,
    request_id_of,
    server_of,
)
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.metrics import exposition
from airflow_mlops.serving.settings import Settings

log = logging.getLogger(__name__)
FLUSH_S: Final = 0.2
OPEN_PATHS: Final = frozenset({"/ping", "/v2/health/live", "/v2/health/ready"})


def create_app(settings: Settings) -> Starlette:
    """Return the model server as an ASGI application; its state opens and closes with the lifespan."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        database = await asyncio.to_thread(Database, settings.database, settings.log_rows)
        fleet, ledger = Fleet(settings, database), Ledger(database)
        app.state.server = Server(settings, database, fleet, ledger)
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


async def _invocations(request: Request) -> Response:
    request_id = request_id_of(request)
    answer = await server_of(request).invocations.answer(await body_of(request), request_id, request.headers)
    return JSONResponse(answer.body, answer.status, headers_of(answer, request_id))


async def _labels(request: Request) -> Response:
    body = await json_of(request)
    if not isinstance(body, dict) or not isinstance(body.get("request_id"), str) or "label" not in body:
        raise ConfigError('expected {"request_id": "…", "label": …}')
    request_id = body["request_id"]
    if await server_of(request).ledger.label(request_id, body["label"], time.time()):
        return JSONResponse({"request_id": request_id})
    return JSONResponse({"error": f"no request {request_id!r} in the request log"}, 404)


async def _ping(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _health(request: Request) -> Response:
    ready = sorted(server_of(request).fleet.ready)
    return JSONResponse({"ready": ready}, 200 if ready else 503)


async def _metrics(request: Request) -> Response:
    server = server_of(request)
    text = exposition(server.fleet, server.ledger.tally)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _error(status: int) -> Any:
    async def handler(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return handler


_HANDLERS: Final = {
    ConfigError: _error(422),
    RolloutConflict: _error(409),
    BackendError: _error(503),
    BodyTooLargeError: _error(413),
    UnknownModelError: _error(404),
}
_ROUTES: Final = [
    Route("/invocations", _invocations, methods=["POST"]),
    Route("/ping", _ping),
    Route("/health", _health),
    Route("/metrics", _metrics),
    Route("/labels", _labels, methods=["POST"]),
    *open_inference_routes.ROUTES,
    *admin.ROUTES,
]
