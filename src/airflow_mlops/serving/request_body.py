"""Reading the body of a request, within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.app_state import server_of
from airflow_mlops.serving.media_types import unpacked

T = TypeVar("T")
BODY_IS_THERE: Final = "airflow_mlops.body_is_there"
"""The key of an ASGI scope that says that all of the request has arrived."""


async def read_body(
    scope: Scope, headers: dict[bytes, bytes], receive: Receive, limit: int, seconds: float
) -> bytes:
    """Return the body of a request.

    ``limit`` is in bytes; a longer body is refused by its announced length, before it is read. A compressed
    body is decompressed, within the same limit. Raises HTTPException: 413 beyond the limit, 408 when the body
    takes more than ``seconds``, 415 for a compression that is not known.
    """
    announced = headers.get(b"content-length", b"")
    size = int(announced) if announced.isdigit() else 0
    try:
        if scope.get(BODY_IS_THERE):  # Nothing to wait for: a timer would only cost time.
            body = await _received(receive, size, limit)
        else:
            async with asyncio.timeout(seconds):
                body = await _received(receive, size, limit)
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive within {seconds:g} s") from None
    if max(size, len(body)) > limit:
        raise HTTPException(413, f"the body is larger than {limit} bytes: send fewer rows")
    return await unpacked(headers, body, limit) if b"content-encoding" in headers else body


async def _received(receive: Receive, size: int, limit: int) -> bytes:
    chunks, received, more = [], 0, True
    while more and max(size, received) <= limit:
        message = await receive()
        chunks.append(message.get("body", b""))
        received += len(chunks[-1])
        more = message.get("more_body", False)
    return b"".join(chunks)


async def body_of(request: Request) -> bytes:
    """Return the body; raises HTTPException as ``read_body`` does."""
    settings = server_of(request).settings
    headers = dict(request.scope["headers"])
    return await read_body(request.scope, headers, request.receive, settings.max_body, settings.read_s)


async def body_as(request: Request, kind: type[T], expected: str) -> T:
    """Return the body, which is JSON, as a ``kind``.

    Raises ConfigError with what was ``expected`` and where the body differs.
    """
    try:
        return msgspec.json.decode(await body_of(request) or b"{}", type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigError(f"the body must be {expected}: {error}") from error
