"""The connections of one worker: how many, which are idle, and whose request does not arrive.

uvicorn keeps this to itself. All that is used of it here is its HTTP protocol class, through asyncio's own
methods of a protocol; the caller's address shows which connection a request came on.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

Address = tuple[str, int]
KEEP_ALIVE_S: Final = 75
"""How long an idle connection is kept: longer than callers and load balancers do (5 to 60 s), so that it ends
at their side and no request meets a connection that is just being closed."""


class Connections:
    """An ASGI application around ``app`` that knows on which connection each request comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: dict[Address, Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        connection = self._open.get(scope.get("client") or ("", 0))
        if connection is None:
            await self._app(scope, receive, send)
            return
        connection.answering, connection.request_began = True, None
        try:
            await self._app(scope, receive, send)
        finally:
            connection.answering = False
            connection.idle_since = asyncio.get_running_loop().time()

    def add(self, connection: Connection) -> None:
        """Count a new connection."""
        self._open[connection.address] = connection

    def remove(self, connection: Connection) -> None:
        """Count a connection no more."""
        if self._open.get(connection.address) is connection:
            del self._open[connection.address]

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


class Connection(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
    """One connection; ``request_began`` is when the first byte of a request came whose head is incomplete.

    Times are those of the event loop. ``uvicorn`` are the arguments of its protocol class.
    """

    def __init__(self, connections: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._all = connections
        self._now = asyncio.get_running_loop().time
        self.address: Address = ("", 0)
        self.answering = False
        self.request_began: float | None = None
        self.idle_since = self._now()

    def connection_made(self, transport: Any) -> None:
        """Begin (asyncio). A caller that connects and sends nothing counts as one that is slow to send."""
        self.transport = transport
        self.address = (transport.get_extra_info("peername") or self.address)[:2]
        self.request_began = self._now()
        self._all.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read (asyncio). What comes while a request is answered is its body, which the application times."""
        if self.request_began is None and not self.answering:
            self.request_began = self._now()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End (asyncio)."""
        self._all.remove(self)
        super().connection_lost(exc)
