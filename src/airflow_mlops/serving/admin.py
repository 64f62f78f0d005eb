"""The routes of whoever moves traffic: versions, weights, lease, counts."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.exchange import Server, json_of, server_of
from airflow_mlops.serving.guards import BOTH
from airflow_mlops.serving.traffic import Change, lease_seconds


async def _put_version(request: Request) -> Response:
    body = await json_of(request)
    uri = body.get("model_uri") if isinstance(body, dict) else None
    if not isinstance(uri, str) or not uri:
        raise ConfigError('expected {"model_uri": "models:/name/version"}')
    slot = await server_of(request).fleet.put(request.path_params["version"], uri)
    return JSONResponse(slot.describe(), 202 if slot.status == "loading" else 200)


async def _delete_version(request: Request) -> Response:
    await server_of(request).fleet.drop(request.path_params["version"])
    return JSONResponse({})


async def _put_traffic(request: Request) -> Response:
    change = Change.from_json(await json_of(request))
    server = server_of(request)
    await server.fleet.set_traffic(change)
    return JSONResponse(_state_of(server))


async def _renew(request: Request) -> Response:
    body = await json_of(request)
    server = server_of(request)
    await server.fleet.renew(lease_seconds(body.get("lease_s") if isinstance(body, dict) else body))
    return JSONResponse(_state_of(server))


async def _state(request: Request) -> Response:
    return JSONResponse(_state_of(server_of(request)))


def _state_of(server: Server) -> dict[str, Any]:
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
    server = server_of(request)
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


ROUTES: Final = [
    Route("/admin/versions/{version:int}", _put_version, methods=["PUT"]),
    Route("/admin/versions/{version:int}", _delete_version, methods=["DELETE"]),
    Route("/admin/traffic", _put_traffic, methods=["PUT"]),
    Route("/admin/lease", _renew, methods=["POST"]),
    Route("/admin/state", _state),
    Route("/admin/counts", _counts),
]
