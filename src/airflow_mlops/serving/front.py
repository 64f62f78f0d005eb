"""The first thing that a request meets: the token, and the short way to a prediction.

Routing, request and response objects of a web framework cost about as much as the prediction of a small
model, so that ``POST /invocations`` is answered here; everything else goes on to the framework.
"""

from __future__ import annotations

import asyncio
import hmac
import random
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_mlops.serving.invocation import Answer

OPEN_PATHS: Final = frozenset({"/ping", "/v2/health/live", "/v2/health/ready"})
_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_JSON: Final = (b"content-type", b"application/json")
_CLOSE: Final = (b"connection", b"close")


class BodyTooLargeError(Exception):
    """A body beyond the limit."""


class SlowBodyError(Exception):
    """A body that did not arrive in time."""


class Front:
    """Refuses callers without the token, answers predictions, and passes on the rest.

    ``server_of`` returns what stands behind the routes, once it is open.
    """

    def __init__(self, app: ASGIApp, token: str, server_of: Callable[[], Any]) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._server_of = server_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        headers = dict(scope["headers"])
        if path not in OPEN_PATHS:
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                refusal = JSONResponse(
                    {"error": "send the server's token: Authorization: Bearer …"},
                    401,
                    {"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        if path == "/invocations" and scope["method"] == "POST":
            await self._predict(scope, headers, receive, send)
        else:
            await self._app(scope, receive, self._closing(send))

    def _closing(self, send: Send) -> Send:
        """Tell the caller to open a new connection while this process is being replaced."""
        if not self._server_of().leaving:
            return send

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], _CLOSE]}
            await send(message)

        return sent

    async def _predict(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        server = self._server_of()
        request_id = request_id_of(headers.get(b"x-request-id"))
        try:
            body = await read_body(headers, receive, server.settings.max_body, server.settings.read_s)
        except BodyTooLargeError as error:
            answer = Answer(413, {"error": str(error)})
        except SlowBodyError as error:
            answer = Answer(408, {"error": str(error)})
        else:
            known = Headers(scope=scope) if server.settings.sticky else {}
            answer = await server.invocations.answer(body, request_id, known)
        encoded = msgspec.json.encode(answer.body)
        fields = [_JSON, (b"content-length", b"%d" % len(encoded)), *headers_of(answer, request_id)]
        if server.leaving or answer.status == 408:
            fields.append(_CLOSE)
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        await send({"type": "http.response.body", "body": encoded})


async def read_body(headers: dict[bytes, bytes], receive: Receive, limit: int, seconds: float) -> bytes:
    """Return the body of a request.

    ``limit`` is in bytes; a longer body is refused by its announced length, before it is read. Raises
    BodyTooLargeError, and SlowBodyError when the body takes more than ``seconds``.
    """
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
                if not message.get("more_body"):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError:
        raise SlowBodyError(f"the body did not arrive within {seconds:g} s") from None


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {limit} bytes: send fewer rows")


def request_id_of(given: bytes | None) -> str:
    """Return the caller's request id if it is a plain one, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
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
