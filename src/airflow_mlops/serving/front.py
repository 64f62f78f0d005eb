"""The first thing that a request meets: its token, and the short way to a prediction.

Routing, request and response objects of a web framework cost about as much as the prediction of a small
model, so that ``POST /invocations`` is answered here; the framework answers everything else.
"""

from __future__ import annotations

import random
import re
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_mlops.serving.app_state import AppState
from airflow_mlops.serving.callers import CALLER
from airflow_mlops.serving.media_types import reader_of
from airflow_mlops.serving.prediction_request import Answer
from airflow_mlops.serving.request_body import read_body
from airflow_mlops.serving.roles import Gate

_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_JSON: Final = (b"content-type", b"application/json")
_CLOSE: Final = (b"connection", b"close")


class Front:
    """Rejects callers without the right token, answers predictions, and passes on the rest.

    ``app`` answers callers, ``admin`` administrators: those whose connection came in at ``admin_port``
    (None: they have none). ``state`` is there once the lifespan of ``app`` has begun.
    """

    state: AppState

    def __init__(self, app: ASGIApp, admin: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._admin = admin
        self._gate = gate
        self.admin_port: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        CALLER.set(scope)
        path = scope["path"]
        headers = dict(scope["headers"])
        # The port of the connection itself, which no header can change.
        if self.admin_port is not None and (scope.get("server") or ("", 0))[1] == self.admin_port:
            refused, app = self._gate.administrators(path, headers), self._admin
        else:
            refused, app = self._gate.callers(path, headers), self._app
        if refused is not None:
            more = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
            await JSONResponse({"error": refused.message}, refused.status, more)(scope, receive, send)
            return
        if app is self._app and path == "/invocations" and scope["method"] == "POST":
            await self._predict(scope, headers, receive, send)
        else:
            await app(scope, receive, self._closing(send))

    def _closing(self, send: Send) -> Send:
        """Ask the caller to open a new connection while this process is being replaced."""
        if not self.state.leaving:
            return send

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], _CLOSE]}
            await send(message)

        return sent

    async def _predict(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        state = self.state
        request_id = request_id_of(headers.get(b"x-request-id", b""))
        try:
            read = reader_of(headers.get(b"content-type", b""))
            body = await read_body(scope, headers, receive, state.settings.max_body, state.settings.read_s)
        except HTTPException as error:
            answer = Answer.error(error.status_code, error.detail)
        else:
            known = Headers(scope=scope) if state.settings.sticky else {}
            answer = await state.invocations.answer(body, request_id, known, read)
        encoded = answer.body
        fields = [_JSON, (b"content-length", b"%d" % len(encoded)), *headers_of(answer, request_id)]
        if state.leaving or answer.status == 408:
            fields.append(_CLOSE)
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        await send({"type": "http.response.body", "body": encoded})


def request_id_of(header: bytes) -> str:
    """Return the caller's request id if it is a plain one, else a new one."""
    if _REQUEST_ID.fullmatch(header):
        return header.decode("ascii")
    return f"{random.getrandbits(128):032x}"


def headers_of(answer: Answer, request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer: who answered, and whether in place of another version."""
    headers = [(b"x-request-id", request_id.encode("ascii"))]
    if answer.version is not None:
        headers.append((b"x-model-version", b"%d" % answer.version))
    if answer.fallback:
        headers.append((b"x-fallback", b"1"))
    if answer.status == 503:
        headers.append((b"retry-after", b"1"))
    return headers
