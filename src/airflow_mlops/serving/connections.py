"""The connections of one worker: how many, which are idle, whose request does not arrive or is too much.

uvicorn keeps this to itself. All that is used of it here is its HTTP protocol class, through asyncio's own
methods of a protocol; the caller's address shows which connection a request came on.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_mlops.serving.joined_writes import JoinedWrites
from airflow_mlops.serving.request_body import BODY_IS_THERE

Address = tuple[str, int]
Ends = tuple[Address, Address]
MAX_HEAD: Final = 65_536
"""Bytes of a request's first line and headers; nginx takes 32 kB, HAProxy 16 kB."""
MAX_FIELDS: Final = 256
_NEW_S: Final = 1.0
"""Seconds that a connection may wait for its first or next request, however many others want in."""
_LINGER_S: Final = 2.0
_LINGER: Final = 1 << 20
"""Seconds and bytes that a caller who is refused may go on sending, before it is cut off: at once, it would
see a broken connection in place of the reason."""
KEEP_ALIVE_S: Final = 75
"""How long an idle connection is kept: longer than callers and load balancers do (5 to 60 s), so that it ends
at their side and no request meets a connection that is just being closed."""


class Connections:
    """An ASGI application around ``app`` that knows on which connection each request comes.

    At most ``limit`` connections are open; ``opening`` of them are not made yet.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self.opening = 0
        self._open: dict[Ends, Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        connection = self._open.get((scope.get("client") or _NOBODY, scope.get("server") or _NOBODY))
        if connection is None:
            await self._app(scope, receive, send)
            return
        connection.answering, connection.request_began = True, None
        scope[BODY_IS_THERE] = connection.complete
        try:
            await self._app(scope, receive, send)
        finally:
            connection.answering = False
            connection.idle_since = asyncio.get_running_loop().time()

    def make_room(self) -> bool:
        """Return whether one more may open; for it goes the one that has waited longest without a request."""
        if len(self._open) + self.opening < self._limit:
            return True
        waiting = [one for one in self._open.values() if not one.answering]
        oldest = min(waiting, key=lambda one: one.waits_since, default=None)
        if oldest is None or oldest.waits_since > asyncio.get_running_loop().time() - _NEW_S:
            return False
        self.remove(oldest)
        oldest.transport.abort()
        return True

    def add(self, connection: Connection) -> None:
        """Count a new connection."""
        self._open[connection.ends] = connection

    def remove(self, connection: Connection) -> None:
        """Count a connection no more."""
        if self._open.get(connection.ends) is connection:
            del self._open[connection.ends]

    def abort_unfinished(self, before: float) -> None:
        """Cut off callers whose request began before ``before`` (loop time) and is not complete."""
        for connection in list(self._open.values()):
            if connection.request_began is not None and connection.request_began < before:
                connection.transport.abort()

    def close_idle(self, before: float) -> None:
        """Close the connections that have waited for a request since before ``before`` (loop time)."""
        for connection in list(self._open.values()):
            waiting = not connection.answering and connection.request_began is None
            if waiting and connection.idle_since < before:
                connection.transport.close()


_NOBODY: Final = ("", 0)
_FIRST_LINE: Final = re.compile(rb"\A[A-Z]+ [^\r\n]+ HTTP/1\.1\r\n")
_UPGRADE: Final = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n|\Z)", re.IGNORECASE)


def without_upgrade(data: bytes) -> bytes:
    """Return the begin of a request without its offer to go on in HTTP/2.

    Java's HttpClient makes it with every request. A server may ignore it, but the parser reads no body
    after it, so that the request would seem to have none.

    >>> without_upgrade(b"GET / HTTP/1.1\\r\\nUpgrade: h2c\\r\\nHost: x\\r\\n\\r\\n")
    b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'
    """
    if _FIRST_LINE.match(data) is None:
        return data
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"", head) + end + body if end else data


class Connection(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
    """One connection; ``request_began`` is when the first byte of a request came whose head is incomplete.

    ``ends`` are the caller's address and ours, ``complete`` says that all of the latest request is there.
    Times are those of the event loop. ``uvicorn`` are the
    arguments of its protocol class.
    """

    def __init__(self, connections: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._all = connections
        self._loop = asyncio.get_running_loop()
        self.ends: Ends = (_NOBODY, _NOBODY)
        self.answering = False
        self.request_began: float | None = None
        self.idle_since = self._loop.time()
        self._in_head = True
        self._head = self._most = self._chunk = 0
        self.complete = False
        self._too_much = ""
        self._refused = False
        self._ignored = 0

    @property
    def waits_since(self) -> float:
        """Since when it has had no complete request, while none is answered."""
        return self.idle_since if self.request_began is None else self.request_began

    def connection_made(self, transport: Any) -> None:
        """Begin (asyncio). A caller that connects and sends nothing counts as one that is slow to send."""
        self.transport = transport = JoinedWrites(transport)
        names = (transport.get_extra_info(name) or _NOBODY for name in ("peername", "sockname"))
        caller, here = (name[:2] for name in names)
        self.ends = caller, here
        self.request_began = self._loop.time()
        self._all.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read (asyncio). What comes while a request is answered is its body, which the application times."""
        if self._refused:
            self._ignored += len(data)
            if self._ignored > _LINGER:
                self.transport.abort()
            return
        if self.request_began is None and not self.answering:
            self.request_began = self._loop.time()
        self._chunk = len(data)
        self._head += self._chunk
        self._most += self._chunk
        offers = data.find(b"h2c", 0, MAX_HEAD) >= 0  # A body may be long, and is not looked at.
        super().data_received(without_upgrade(data) if offers else data)
        if self._in_head and self._head > MAX_HEAD and not self._refused:
            self._refuse(f"the request's first line and headers are longer than {MAX_HEAD} bytes")

    def on_message_begin(self) -> None:
        """Note the begin of a head (the parser)."""
        self._in_head, self._head, self._most = True, 0, self._chunk
        self.complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note the end of a head, and refuse one that is too much (the parser)."""
        self._in_head = False
        if len(self.headers) > MAX_FIELDS or self._most > MAX_HEAD:
            self._measure_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the body is there (the parser)."""
        self.complete = True
        super().on_message_complete()

    def _measure_head(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > MAX_FIELDS or size > MAX_HEAD:
            self._too_much = (
                f"the request has {len(self.headers)} headers with {size} bytes: "
                f"at most {MAX_FIELDS} with {MAX_HEAD} bytes are taken"
            )
            raise ValueError(self._too_much)  # ends the parser's work; `send_400_response` follows

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's
        """Answer a request that cannot be read, as JSON like every other error (uvicorn)."""
        if self._too_much:
            self._refuse(self._too_much)
        else:
            self._refuse("the request is not valid HTTP", 400)

    def _refuse(self, message: str, status: int = 431) -> None:
        """Answer with an error and close, once the caller has had a moment to read it."""
        self._refused = True
        body = msgspec.json.encode({"error": message})
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._loop.call_later(_LINGER_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """End (asyncio)."""
        self._all.remove(self)
        super().connection_lost(exc)
