"""The HTTP side of the model server: routes, and the answers to errors."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict, TrafficHeld
from airflow_mlops.serving import admin, client_routes, label_routes, open_inference_routes
from airflow_mlops.serving.app_state import AppState, server_of
from airflow_mlops.serving.database import Database
from airflow_mlops.serving.front import Front
from airflow_mlops.serving.metrics import CONTENT_TYPE, exposition
from airflow_mlops.serving.roles import Gate
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.shared_memory import SharedState
from airflow_mlops.serving.state_view import POLL_S, StateView, now, restore

log = logging.getLogger(__name__)
FLUSH_S: Final = 0.2
PRUNE_S: Final = 10.0
COMPLAIN_S: Final = 60.0
Seat = tuple[SharedState, int]


def create_app(settings: Settings, seat: Seat | None = None) -> Front:
    """Return the model server as an ASGI application; its state opens and closes with the lifespan.

    ``seat`` is its place among other workers (memory and number of the slot), None for a server of its own.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        database = await asyncio.to_thread(Database, settings.database, settings.log_limits)
        memory, slot = seat or (SharedState.private(settings.state_dir), 0)
        await asyncio.to_thread(restore, memory, database, now())
        state = AppState(settings, database, StateView(memory, database, slot))
        front.state = app.state.server = admin_app.state.server = state
        await state.fleet.open()
        keeper = asyncio.create_task(_keep(state))
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            for close in (state.invocations.close, state.fleet.close, state.ledger.flush):
                try:
                    await close()
                except sqlite3.Error:
                    log.exception("not everything could be stored")
            await asyncio.to_thread(database.close)

    app = Starlette(routes=_ROUTES, lifespan=lifespan, exception_handlers=_HANDLERS)
    admin_app = Starlette(routes=_ADMIN_ROUTES, exception_handlers=_HANDLERS)
    front = Front(app, admin_app, Gate(settings.tokens))
    return front


async def _keep(state: AppState) -> None:
    """Follow what other workers changed, write down answers, notice a lease that runs out."""
    loop, memory, slot = asyncio.get_running_loop(), state.view.memory, state.view.slot
    followed, due, pruned, complained = memory.document.number, 0.0, loop.time(), -COMPLAIN_S
    while True:
        await asyncio.sleep(POLL_S)
        try:
            if memory.document.number != followed:
                followed = memory.document.number
                state.fleet.follow()
            wanted = memory.flush_number
            if loop.time() >= due or wanted != slot.flushed:
                due = loop.time() + FLUSH_S
                await state.fleet.save()
                await state.ledger.flush()
                slot.flushed = wanted
                if await state.fleet.take_out_blocked():
                    _start_again(state)
                if loop.time() >= pruned + PRUNE_S:
                    pruned = loop.time()
                    await asyncio.to_thread(state.database.prune)
        except sqlite3.Error as error:  # The log of the server may lie on the same full disk.
            if loop.time() >= complained + COMPLAIN_S:
                complained = loop.time()
                log.error("cannot write the server's state: %s; next try in %s s", error, FLUSH_S)
        except Exception:
            log.exception("cannot write the server's state; next try in %s s", FLUSH_S)


def _start_again(state: AppState) -> None:
    """End a worker whose champion is blocked: another one takes its place, and no version is blamed."""
    if state.view.memory.fd is not None:
        log.critical("the champion's predictions do not return: this worker ends, another one starts")
        os.kill(os.getpid(), signal.SIGKILL)


async def _ping(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _health(request: Request) -> Response:
    ready = sorted(server_of(request).fleet.ready)
    return JSONResponse({"ready": ready}, 200 if ready else 503)


async def _has_champion(request: Request) -> Response:
    champion = server_of(request).fleet.traffic.champion is not None
    return JSONResponse({"champion": champion}, 200 if champion else 503)


async def _has_traffic(request: Request) -> Response:
    split = server_of(request).fleet.traffic
    traffic = split.champion is not None or any(split.weights.values())
    return JSONResponse({"traffic": traffic}, 200 if traffic else 503)


async def _metrics(request: Request) -> Response:
    server = server_of(request)
    text = exposition(server.fleet, await server.ledger.figures())
    return Response(text, media_type=CONTENT_TYPE)


def _error(status: int) -> Any:
    async def handler(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return handler


async def _refusal(request: Request, error: Any) -> Response:
    detail, headers = error.detail, error.headers or {}
    if error.status_code == 405 and "Allow" in headers:
        detail = f"{request.method} is not allowed at {request.url.path}: use {headers['Allow']}"
    elif error.status_code == 404 and detail == "Not Found":
        detail = f"there is nothing at {request.url.path}: GET /openapi.json lists the paths"
    return JSONResponse({"error": detail}, error.status_code, headers)


async def _disk_error(_request: Request, error: Exception) -> Response:
    message = f"cannot use the state folder of the model server: {error}; check its rights and space"
    return JSONResponse({"error": message}, 503)


_HANDLERS: Final = {
    HTTPException: _refusal,
    sqlite3.Error: _disk_error,
    ConfigError: _error(422),
    RolloutConflict: _error(409),
    TrafficHeld: _error(423),
    BackendError: _error(503),
}
_BOTH: Final = [
    Route("/ping", _ping),
    Route("/metrics", _metrics),
    Route("/health/champion", _has_champion),
    Route("/health/traffic", _has_traffic),
]
_ROUTES: Final = [
    *_BOTH,
    Route("/health", _health),
    *label_routes.ROUTES,
    *client_routes.ROUTES,
    *open_inference_routes.ROUTES,
]
_ADMIN_ROUTES: Final = [*_BOTH, *client_routes.ABOUT, *open_inference_routes.SERVER_ROUTES, *admin.ROUTES]
