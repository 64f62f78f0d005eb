"""Head and body of an answer in one piece.

uvicorn writes them one after the other, and each write is a packet of its own: a fifth of what a small answer
costs here, and a second waking up of the caller.
"""

from __future__ import annotations

import asyncio
from typing import Any


class JoinedWrites:
    """A transport that hands on in one piece what is written within one turn of the event loop.

    Everything else is passed on to the ``transport`` around which it is.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._soon = asyncio.get_running_loop().call_soon
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write at the end of this turn (asyncio)."""
        if not self._waiting:
            self._soon(self._flush)
        self._waiting.append(data)

    def write_eof(self) -> None:
        """Write what waits, and that no more follows (asyncio)."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Write what waits, and close (asyncio)."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._transport.write(b"".join(waiting))
