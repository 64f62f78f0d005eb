"""Callers that keep their connections and ask without a pause or at a steady rate, and send labels."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field

from servers.load import ask, request_of
from servers.models import body
from servers.processes import TOKEN

_ID = re.compile(rb"(?i)\r\nx-request-id: *([^\r\n]+)")
_CLOSES = re.compile(rb"(?i)\r\nconnection: *close")


@dataclass
class Callers:
    """``connections`` callers at ``port``; ``rps`` is what they send together, None for all that they can.

    Each answer whose number is divisible by ``label_every`` gets a label on the same connection. What failed
    is in ``failed``, in words: an answer to either that is not 200, or a connection that broke.
    """

    port: int
    connections: int
    rps: float | None
    label_every: int
    answered: int = 0
    labelled: int = 0
    failed: list[str] = field(default_factory=list)
    stopped: bool = False

    def __post_init__(self) -> None:
        self._request = request_of("/invocations", body(1), TOKEN)

    def tally(self) -> tuple[int, int, int]:
        """Return the answers, labels and failures so far."""
        return self.answered, self.labelled, len(self.failed)

    async def run(self) -> None:
        """Call until stopped."""
        await asyncio.gather(*(self._call(number) for number in range(self.connections)))

    async def _call(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        pause = self.connections / self.rps if self.rps else 0.0
        due = loop.time() + pause * number / self.connections
        streams = None
        while not self.stopped:
            if pause:
                await asyncio.sleep(max(0.0, due - loop.time()))
                due += pause
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", self.port)
                kept = await self._once(*streams)
            except (OSError, EOFError) as error:
                self.failed.append(repr(error))
                kept = False
            if not kept and streams is not None:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    async def _once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one request, and the label of some; says whether the connection stays."""
        head, content = await ask(reader, writer, self._request)
        self.answered += 1
        if not head.startswith(b"HTTP/1.1 200"):
            self.failed.append(f"{head!r} {content!r}")
        elif self.answered % self.label_every == 0 and not _CLOSES.search(head):
            found = _ID.search(head)
            order = {"request_id": found[1].decode(), "label": 1}  # type: ignore[index]
            head, content = await ask(
                reader, writer, request_of("/labels", json.dumps(order).encode(), TOKEN)
            )
            if head.startswith(b"HTTP/1.1 200"):
                self.labelled += 1
            else:
                self.failed.append(f"{head!r} {content!r}")
        return not _CLOSES.search(head)
