"""Callers that keep their connections and send the same request, at a steady rate or without a pause.

Only the standard library: the benchmarks of the model server call with them too.
"""

from __future__ import annotations

import asyncio
import re

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CLOSES = re.compile(rb"(?i)\r\nconnection: *close")


def request_of(path: str, content: bytes, token: str) -> bytes:
    """Return a whole HTTP request."""
    return (
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
        % (path.encode(), token.encode(), len(content), content)
    )


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[bytes, bytes]:
    """Send a request and return the head and the body of the answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(_LENGTH.search(head)[1])  # type: ignore[index]
    return head, await reader.readexactly(length)


class Callers:
    """``connections`` callers at ``host`` and ``port``; ``rps`` is what they send together, None: no pause.

    What failed is in ``failed``, in words: an answer that is not 200, or a connection that broke.
    """

    def __init__(
        self, port: int, request: bytes, connections: int, rps: float | None, host: str = "127.0.0.1"
    ) -> None:
        self._address = (host, port)
        self._request = request
        self._connections, self._pause = connections, connections / rps if rps else 0.0
        self.answered = 0
        self.failed: list[str] = []
        self.stopped = False

    async def run(self) -> None:
        """Call until stopped."""
        await asyncio.gather(*(self._call(number) for number in range(self._connections)))

    async def _call(self, number: int) -> None:
        now = asyncio.get_running_loop().time
        due = now() + self._pause * number / self._connections
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self.stopped:
            if self._pause:
                await asyncio.sleep(max(0.0, due - now()))
                due = max(due, now()) + self._pause
            try:
                streams = streams or await asyncio.open_connection(*self._address)
                kept = await self.once(*streams)
            except (OSError, EOFError) as error:
                self.failed.append(repr(error))
                kept = False
            if not kept and streams is not None:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    async def once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send the request; says whether the connection stays."""
        head, content = await ask(reader, writer, self._request)
        self.answered += 1
        if self.is_failure(head, content):
            return not closes(head)
        return await self.after(head, reader, writer)

    def is_failure(self, head: bytes, content: bytes) -> bool:
        """Write down an answer that is not 200."""
        failure = not head.startswith(b"HTTP/1.1 200")
        if failure:
            self.failed.append(f"{head!r} {content!r}")
        return failure

    async def after(self, head: bytes, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        """Do what follows an answer; says whether the connection stays."""
        return not closes(head)


def closes(head: bytes) -> bool:
    """Whether the server ends the connection after this answer."""
    return _CLOSES.search(head) is not None
