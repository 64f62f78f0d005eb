"""A steady number of requests while something is done to the servers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.support.callers import Callers, request_of
from tests.support.server import ROW, TOKEN

CALLERS = 8
RPS = 200.0
PAUSE_S = CALLERS / RPS
BODY = json.dumps({"dataframe_records": [ROW]}).encode()


class Traffic(Callers):
    """Callers of a model server who send 200 single rows per second."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        super().__init__(parts.port, request_of("/invocations", BODY, TOKEN), CALLERS, RPS, parts.hostname)

    def await_answers(self, count: int) -> None:
        """Wait until callers have got so many more answers."""
        wanted, pause = self.answered + count, threading.Event()
        while self.answered < wanted and not self.stopped:
            pause.wait(0.02)


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
