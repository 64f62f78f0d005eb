"""Reading the body of a request, within limits of size and time."""

from __future__ import annotations

import asyncio

from starlette.types import Receive


class BodyTooLargeError(Exception):
    """A body beyond the limit."""

    status = 413


class SlowBodyError(Exception):
    """A body that did not arrive in time."""

    status = 408


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
