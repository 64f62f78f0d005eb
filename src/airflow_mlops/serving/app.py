"""The HTTP side of the model server: routes, who may call them, what goes wrong in words."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.serving import admin, open_inference_routes
from airflow_mlops.serving.app_state import Server, UnknownModelError, json_of, server_of
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.front import BodyTooLargeError, Front, SlowBodyError
from airflow_mlops.serving.metrics import exposition
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.shared import POLL_S, Shared, now, take_up
from airflow_mlops.serving.shared_memory import Board

log = logging.getLogger(__name__)
FLUSH_S: Final = 0.2
Seat = tuple[Board, int]


def create_app(
    settings: Settings, seat: Seat | None = None, opened: Callable[[Server], None] = lambda _: None
) -> ASGIApp:
    """Return the model server as an ASGI application; its state opens and closes with the lifespan.

    ``seat`` is its place among other workers, None for a server of its own; ``opened`` is called with what
    stands behind the routes.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        database = await asyncio.to_thread(Database, settings.database, settings.log_rows)
        board, index = seat or (Board.private(settings.state_dir), 0)
        await asyncio.to_thread(take_up, board, database, now())
        server = app.state.server = Server(settings, database, Shared(board, database, index))
        await server.fleet.open()
        opened(server)
        keeper = asyncio.create_task(_keep(server))
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await server.invocations.close()
            await server.fleet.close()
            await server.ledger.flush()
            await asyncio.to_thread(database.close)

    app = Starlette(routes=_ROUTES, lifespan=lifespan, exception_handlers=_HANDLERS)
    return Front(app, settings.token, lambda: app.state.server)


async def _keep(server: Server) -> None:
    """Follow what other workers changed, write down answers, notice a lease that runs out."""
    loop, board, row = asyncio.get_running_loop(), server.shared.board, server.shared.row
    followed, due = board.document.number, 0.0
    while True:
        await asyncio.sleep(POLL_S)
        try:
            if board.document.number != followed:
                followed = board.document.number
                server.fleet.follow()
            ticket = board.ticket
            if loop.time() >= due or ticket != row.flushed:
                due = loop.time() + FLUSH_S
                await server.fleet.save()
                await server.ledger.flush()
                row.flushed = ticket
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
    text = exposition(server.fleet, await server.ledger.figures())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _error(status: int) -> Any:
    async def handler(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return handler


async def _refused_by_disk(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the state folder of the model server: {error}"}, 503)


_HANDLERS: Final = {
    sqlite3.Error: _refused_by_disk,
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
