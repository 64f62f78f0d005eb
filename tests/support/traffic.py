"""Callers that send a steady number of requests while something is done to the servers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.support.server import ROW, TOKEN

CALLERS = 8
PAUSE_S = CALLERS / 200
BODY = json.dumps({"dataframe_records": [ROW]}).encode()


class Traffic:
    """Callers that keep their connections, as long as the server lets them; what failed, in words."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._request = (
            f"POST /invocations HTTP/1.1\r\nHost: server\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY
        self.answered = 0
        self.failed: list[str] = []
        self.stopped = False

    def await_answers(self, count: int) -> None:
        """Wait until callers have got so many more answers."""
        wanted, pause = self.answered + count, threading.Event()
        while self.answered < wanted and not self.stopped:
            pause.wait(0.02)

    async def run(self) -> None:
        await asyncio.gather(*(self._caller(number) for number in range(CALLERS)))

    async def _caller(self, number: int) -> None:
        await asyncio.sleep(PAUSE_S * number / CALLERS)
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self.stopped:
            try:
                streams = streams or await asyncio.open_connection(*self._address)
                kept = await self._ask(*streams)
            except (OSError, EOFError) as error:
                self.failed.append(repr(error))
                kept = False
            if not kept and streams is not None:
                streams[1].close()
                streams = None
            await asyncio.sleep(PAUSE_S)
        if streams is not None:
            streams[1].close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one request; says whether the connection stays."""
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        self.answered += 1
        if not head.startswith(b"http/1.1 200"):
            self.failed.append(f"{head!r} {body!r}")
        return b"connection: close" not in head


def while_called(url: str, act: Callable[[Traffic], None]) -> Traffic:
    """Call a server at 200 requests per second while ``act`` runs; return what the callers saw."""

    async def both() -> Traffic:
        traffic = Traffic(url)
        running = asyncio.create_task(traffic.run())
        try:
            await asyncio.to_thread(act, traffic)
        finally:
            traffic.stopped = True
            await running
        return traffic

    return asyncio.run(both())
