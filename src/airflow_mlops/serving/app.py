"""The HTTP side of the model server: routes, who may call them, what goes wrong in words."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.serving import admin, open_inference_routes
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.exchange import Server, UnknownModelError, json_of, server_of
from airflow_mlops.serving.fleet import Fleet
from airflow_mlops.serving.front import BodyTooLargeError, Front, SlowBodyError
from airflow_mlops.serving.ledger import Ledger
from airflow_mlops.serving.metrics import exposition
from airflow_mlops.serving.settings import Settings

log = logging.getLogger(__name__)
FLUSH_S: Final = 0.2


def create_app(settings: Settings) -> ASGIApp:
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
    return Front(app, settings.token, lambda: app.state.server)


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
    SlowBodyError: _error(408),
    UnknownModelError: _error(404),
}
_ROUTES: Final = [
    Route("/ping", _ping),
    Route("/health", _health),
    Route("/metrics", _metrics),
    Route("/labels", _labels, methods=["POST"]),
    *open_inference_routes.ROUTES,
    *admin.ROUTES,
]
