"""The routes of a rollout controller: versions, weights, lease, counts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import Annotated, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.app_state import server_of
from airflow_mlops.serving.control import ControllerId
from airflow_mlops.serving.guards import BOTH
from airflow_mlops.serving.model_uri import check_uri
from airflow_mlops.serving.request_body import body_as
from airflow_mlops.serving.state_view import now
from airflow_mlops.serving.traffic import MAX_LEASE_S, Change, LeaseSeconds, Traffic

_DIGITS: Final = 18
"""SQLite's whole numbers have 64 bits."""


_LONGEST: Final = 500
"""As long as MLflow lets the source of a version be."""


class _Version(msgspec.Struct):
    model_uri: Annotated[str, msgspec.Meta(min_length=1)]
    reload: bool = False
    digest: Annotated[str, msgspec.Meta(max_length=_LONGEST)] = ""
    controller: ControllerId = ""


class _Lease(msgspec.Struct):
    lease_s: LeaseSeconds = None
    controller: ControllerId = ""


async def _put_version(request: Request) -> Response:
    expected = '{"model_uri": "models:/name/version"}, optionally with "reload": true or "digest"'
    body = await body_as(request, _Version, expected)
    version = request.path_params["version"]
    check_uri(server_of(request).settings.name, version, body.model_uri)
    described = await server_of(request).fleet.put(
        version, body.model_uri, reload=body.reload, digest=body.digest, controller=body.controller
    )
    return JSONResponse(described, 202 if described["status"] == "loading" else 200)


async def _delete_version(request: Request) -> Response:
    controller = request.query_params.get("controller", "")
    await server_of(request).fleet.drop(request.path_params["version"], controller)
    return JSONResponse({})


async def _put_traffic(request: Request) -> Response:
    change = await body_as(request, Change, Change.expected)
    await server_of(request).fleet.set_traffic(change)
    return await _state(request)


async def _renew(request: Request) -> Response:
    body = await body_as(request, _Lease, f'{{"lease_s": 60}}, at most {MAX_LEASE_S:g} or null')
    await server_of(request).fleet.renew(body.lease_s, body.controller)
    return await _state(request)


async def _state(request: Request) -> Response:
    server = server_of(request)
    traffic = server.fleet.traffic
    split = ("champion", "weights", "shadow", "generation", "epoch", "lease_s", "lease_until")
    return JSONResponse(
        {
            "name": server.settings.name,
            **{name: getattr(traffic, name) for name in split},
            "control": _control(traffic),
            "reference": server.ledger.reference(traffic.pair),
            "versions": {version: server.fleet.describe(version) for version in server.fleet.versions},
            "workers": len(server.view.peers),
            "stored": server.view.stored,
            "storage_error": server.view.unstored or None,
        }
    )


def _control(traffic: Traffic) -> dict[str, Any]:
    """Return which rollout controller's canary is in force, for other controllers and for people."""
    control, steady = traffic.control, now().steady
    if not control.holds(steady):
        return {}
    return {
        "controller": control.controller,
        "place": control.place,
        "ordered_at": control.ordered_at,
        "held_s": round(control.ends - steady, 1),
    }


async def _counts(request: Request) -> Response:
    since_epoch = request.query_params.get("since_epoch", "0")
    if not since_epoch.isdecimal() or len(since_epoch) > _DIGITS:
        raise ConfigError(
            f"since_epoch must be a whole number of at most {_DIGITS} digits, got {since_epoch[:40]!r}"
        )
    server = server_of(request)
    current = server.fleet.traffic.epoch
    await server.fleet.save()
    since, at = int(since_epoch), time.time()
    counts = await server.ledger.counts(since)
    labels = await server.ledger.label_rows(since)
    epochs = [
        {
            **asdict(e),
            "counts": {
                "both" if version == BOTH else str(version): {"requests": 0, "failures": 0, **events}
                for (epoch, version), events in counts.items()
                if epoch == e.epoch
            },
            "labels": {
                str(version): {"at": at, "rows": rows}
                for (epoch, version), rows in labels.items()
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
