"""Head and body of an answer leave in one piece, in order, and nothing waits when a connection closes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from airflow_mlops.serving.joined_writes import JoinedWrites


class Counted:
    """A real transport that notes each write before it is done."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.writes: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self._transport.write(data)


async def _connected() -> tuple[JoinedWrites, Counted, socket.socket]:
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
    counted = Counted(transport)
    return JoinedWrites(counted), counted, theirs


def test_what_is_written_in_one_turn_leaves_in_one_piece() -> None:
    async def main() -> None:
        joined, counted, peer = await _connected()
        joined.write(b"head ")
        joined.write(b"body")
        assert counted.writes == []
        await asyncio.sleep(0)
        assert counted.writes == [b"head body"]
        joined.write(b"next")
        await asyncio.sleep(0)
        assert counted.writes == [b"head body", b"next"]
        joined.close()
        with peer:
            assert peer.recv(100) == b"head bodynext"

    asyncio.run(main())


@pytest.mark.parametrize("end", [JoinedWrites.close, JoinedWrites.write_eof])
def test_an_end_comes_after_what_waits(end: Callable[[JoinedWrites], None]) -> None:
    async def main() -> None:
        joined, counted, peer = await _connected()
        joined.write(b"last words")
        end(joined)
        assert counted.writes == [b"last words"]
        await asyncio.sleep(0)
        assert counted.writes == [b"last words"]
        joined.close()
        await asyncio.sleep(0)
        with peer:
            assert peer.recv(100) == b"last words"
            assert peer.recv(100) == b""

    asyncio.run(main())


def test_other_questions_go_to_the_transport() -> None:
    async def main() -> None:
        joined, counted, peer = await _connected()
        with peer:
            assert not joined.is_closing()
            assert joined.get_extra_info("socket").fileno() == counted.get_extra_info("socket").fileno()
            joined.abort()
            assert joined.is_closing()

    asyncio.run(main())
