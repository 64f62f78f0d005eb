"""The route of labels: the truth about an answered request."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_mlops.serving.app_state import server_of
from airflow_mlops.serving.request_body import body_as


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    request_id: str
    label: Any


async def _labels(request: Request) -> Response:
    body = await body_as(request, _Label, '{"request_id": "…", "label": …}')
    found = await server_of(request).ledger.label(body.request_id, body.label, time.time())
    if found.status == "unknown":
        raise HTTPException(404, f"request {body.request_id!r} is not in the request log: {found.detail}")
    if found.status == "shared":
        advice = "the label must be of one of them: send each request with its own x-request-id"
        raise HTTPException(409, f"{found.detail}; {advice}")
    answer = {"request_id": body.request_id, "version": found.version, "counted": found.counted}
    return JSONResponse(answer if found.counted else {**answer, "detail": found.detail})


ROUTES: Final = [Route("/labels", _labels, methods=["POST"])]
