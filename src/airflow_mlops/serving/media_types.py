"""What the body of a request is written in: its content type and its compression."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from starlette.exceptions import HTTPException

from airflow_mlops.serving.csv_rows import CSV, read_csv
from airflow_mlops.serving.payload import Payload, parse

JSON: Final = "application/json"
_INLINE_BYTES: Final = 64 * 1024
"""A compressed body of at most this size is read at once; others would wait for a larger one."""


def reader_of(content_type: bytes) -> Callable[[bytes], Payload]:
    """Return what reads a body of ``/invocations``; JSON where the request names no type.

    Raises HTTPException 415 for a type, or a character set, that is not read here.
    """
    if content_type in (b"application/json", b""):
        return parse
    kind, _, rest = content_type.decode("latin-1").partition(";")
    fields = [field.partition("=") for field in rest.split(";") if field.strip()]
    kind, names = (
        kind.strip().lower(),
        {name.strip().lower(): value.strip(' "').lower() for name, _, value in fields},
    )
    if kind not in (JSON, CSV):
        raise HTTPException(415, f"Content-Type must be {JSON} or {CSV}, got {kind!r}")
    if names.get("charset", "utf-8") not in ("utf-8", "utf8", "us-ascii"):
        raise HTTPException(415, f"the body must be in UTF-8, got charset {names['charset']!r}")
    return read_csv if kind == CSV else parse


async def unpacked(headers: Mapping[bytes, bytes], body: bytes, limit: int) -> bytes:
    """Return a body without its compression; ``limit`` is in bytes of what comes out.

    Raises HTTPException: 415 for an encoding that is not known, 413 beyond the limit, 400 for a broken body.
    """
    coding = headers.get(b"content-encoding", b"").strip().lower()
    if coding in (b"", b"identity"):
        return body
    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        shown = coding.decode("latin-1")
        message = f"Content-Encoding must be gzip or deflate, got {shown!r}"
        raise HTTPException(415, message, {"Accept-Encoding": "gzip, deflate"})
    if len(body) <= _INLINE_BYTES and limit <= 256 * _INLINE_BYTES:
        return _inflate(body, limit)
    return await asyncio.to_thread(_inflate, body, limit)


def _inflate(body: bytes, limit: int) -> bytes:
    reader = zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds out whether it is gzip or zlib
    try:
        found = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise HTTPException(400, f"the body cannot be decompressed: {error}") from error
    if len(found) > limit:
        raise HTTPException(413, f"the decompressed body is larger than {limit} bytes: send fewer rows")
    if not reader.eof or reader.unused_data:
        raise HTTPException(400, "the compressed body is incomplete, or more than one")
    return found
