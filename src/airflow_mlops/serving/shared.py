"""One state for all workers: read from memory, changed under a lock, on disk before it is in force."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

from airflow_mlops.serving.database import Database, Epoch
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.shared_memory import Board, Row
from airflow_mlops.serving.traffic import Moment, Traffic

SETTLE_S: Final = 2.0
POLL_S: Final = 0.02
KEEP_ALIVE_S: Final = 75
"""How long an idle connection is kept: longer than callers and load balancers do (5 to 60 s), so that it ends
at their side and no request meets a connection that is just being closed."""


def now() -> Moment:
    """Return the time on both clocks."""
    return Moment(time.time(), time.monotonic(), _boot())


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def take_up(board: Board, database: Database, moment: Moment) -> None:
    """Put the state of the last run on an empty board, and the keys that were counted."""
    with board.lock():
        if board.document.number:
            return
        found = Document.from_json(database.read_state())
        found = found.with_traffic(found.traffic.since_start(moment))
        board.document.write(found.to_json())
    for *_, key in database.read_keys():
        board.claim(key)


class Shared:
    """The state as one worker sees it; ``index`` is its row on the board, ``clock`` tells the time."""

    def __init__(
        self, board: Board, database: Database, index: int = 0, clock: Callable[[], Moment] = now
    ) -> None:
        self.board = board
        self.clock = clock
        self.index = index
        self._database = database
        self._number = 0
        self._document = Document()
        self._changing = asyncio.Lock()
        self.row.pid = os.getpid()

    @property
    def row(self) -> Row:
        """The row of this worker."""
        return self.board.rows[self.index]

    @property
    def document(self) -> Document:
        """The state in force now."""
        if self.board.document.number != self._number:
            read = self.board.document.read()
            if read is not None:
                self._number, self._document = read[0], Document.from_json(read[1])
        return self._document

    @property
    def alone(self) -> bool:
        """Whether no other worker lives."""
        return all(not row.pid for index, row in enumerate(self.board.rows) if index != self.index)

    @property
    def peers(self) -> list[Row]:
        """The rows of all workers that answer callers, and that of this one."""
        return [row for index, row in enumerate(self.board.rows) if row.serving or index == self.index]

    def lapsed(self, traffic: Traffic) -> Traffic:
        """Return a split as it is now that its lease may have run out."""
        return traffic.lapse() if traffic.expired(self.clock().steady) else traffic

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Document]:
        """Hold the right to change the state, and yield it with a lease that ran out taken into account."""
        async with self._changing, AsyncExitStack() as stack:
            lock = self.board.lock()
            await asyncio.to_thread(lock.__enter__)
            stack.callback(lock.__exit__, None, None, None)
            found = self.document
            yield found.with_traffic(self.lapsed(found.traffic))

    async def write(self, document: Document) -> None:
        """Put a state in force; the caller holds ``changing``."""
        await asyncio.to_thread(store, self._database, document, self.clock().wall)
        self.board.document.write(document.to_json())

    def adopt(self, propose: Callable[[Document], Document]) -> Document:
        """Change what is not worth waiting for, such as a reference; the state afterwards.

        Nothing changes while another process changes the state; the next call tries again.
        """
        try:
            with self.board.lock(wait=False):
                proposed = propose(self.document)
                if proposed is not self._document:
                    self.board.document.write(proposed.to_json())
        except BlockingIOError:
            pass
        return self.document

    async def settle(self) -> None:
        """Wait until the other workers have written down what they counted, or for two seconds."""
        if self.alone:
            return
        ticket = await asyncio.to_thread(self.board.next_ticket)
        others = [row for index, row in enumerate(self.board.rows) if row.pid and index != self.index]
        deadline = time.monotonic() + SETTLE_S
        while any(row.pid and row.flushed < ticket for row in others) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S / 4)


def store(database: Database, document: Document, at: float) -> None:
    """Write a state to disk, with the epoch that it begins."""
    split = document.traffic
    epoch = Epoch(split.epoch, at, split.champion, split.weights, split.shadow)
    database.write_state(document.to_json(), epoch)
