"""The routes of a rollout controller: versions, weights, lease, counts."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.app_state import AppState, json_of, server_of
from airflow_mlops.serving.guards import BOTH
from airflow_mlops.serving.traffic import Change, lease_seconds


async def _put_version(request: Request) -> Response:
    body = await json_of(request)
    uri = body.get("model_uri") if isinstance(body, dict) else None
    reload = body.get("reload", False) if isinstance(body, dict) else False
    if not isinstance(uri, str) or not uri or not isinstance(reload, bool):
        raise ConfigError(
            'the body must be {"model_uri": "models:/name/version"}, optionally with "reload": true'
        )
    described = await server_of(request).fleet.put(request.path_params["version"], uri, reload=reload)
    return JSONResponse(described, 202 if described["status"] == "loading" else 200)


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


def _state_of(server: AppState) -> dict[str, Any]:
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
        "versions": {str(v): server.fleet.describe(v) for v in server.fleet.versions},
        "workers": server.workers,
    }


async def _counts(request: Request) -> Response:
    since_epoch = request.query_params.get("since_epoch", "0")
    if not since_epoch.isdecimal():
        raise ConfigError(f"since_epoch must be a whole number, got {since_epoch!r}")
    server = server_of(request)
    current = server.fleet.traffic.epoch
    await server.fleet.save()
    since = int(since_epoch)
    counts = await server.ledger.counts(since)
    epochs = [
        {
            "epoch": e.epoch,
            "at": e.at,
            "champion": e.champion,
            "weights": {str(v): p for v, p in e.weights.items()},
            "shadow": e.shadow,
            "counts": {
                "both" if version == BOTH else str(version): {"requests": 0, "failures": 0, **events}
                for (epoch, version), events in counts.items()
                if epoch == e.epoch
            },
        }
        for e in await asyncio.to_thread(server.database.read_epochs, since)
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
