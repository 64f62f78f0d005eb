"""A steady 200 requests per second through everything that may happen to a server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.server import ROW, TOKEN, Registry
from tests.support.server_process import ServerProcess, running_process, with_champion

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


def a_life(server: ServerProcess, registry: Registry) -> None:
    """Load, shift, promote, roll back, load anew, and replace every worker."""
    good = registry.model_uri("good")
    server.must_load(2, good)
    for percent in (10, 50):
        assert server.traffic(1, {2: percent}).status_code == 200
    again = server.put("/admin/versions/2", json={"model_uri": good, "reload": True}).json()
    while again["status"] == "loading":
        again = server.load(2, good).json()
    assert (again["status"], again["detail"]) == ("ok", "loaded and healthy")
    assert server.traffic(2, {1: 0}).status_code == 200
    assert server.traffic(1, {2: 0}).status_code == 200
    broken = server.load(98, f"{good}00000").json()
    while broken["status"] == "loading":
        broken = server.load(98, f"{good}00000").json()
    assert broken["status"] == "failed"
    assert server.delete("/admin/versions/98").status_code == 200
    replaced = server.workers
    server.process.send_signal(signal.SIGHUP)
    for worker in replaced:
        server.await_workers(without=worker, count=2)


async def while_called(server: ServerProcess, act: Callable[[], None]) -> Traffic:
    traffic = Traffic(str(server.base_url))
    running = asyncio.create_task(traffic.run())
    try:
        await asyncio.to_thread(act)
    finally:
        traffic.stopped = True
        await running
    return traffic


def kill(server: ServerProcess) -> None:
    os.kill(server.workers[0], signal.SIGKILL)
    for _ in range(100):
        assert server.predict().status_code == 200


def test_no_request_fails_whatever_is_done_to_the_server(serving_registry: Registry, tmp_path: Path) -> None:
    with running_process(serving_registry, tmp_path, "--workers", "2") as server:
        with_champion(server, serving_registry)
        traffic = asyncio.run(while_called(server, lambda: a_life(server, serving_registry)))
        assert traffic.failed == []
        assert traffic.answered > 200
        state = server.get("/admin/state").json()
        assert (state["champion"], state["weights"]) == (1, {"2": 0})
        # A process that is killed takes its connections with it; one request at most was open on each.
        traffic = asyncio.run(while_called(server, lambda: kill(server)))
        assert len(traffic.failed) <= CALLERS
        assert not [failure for failure in traffic.failed if "http/1.1" in failure]
