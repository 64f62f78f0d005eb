"""One state for all workers: read from memory, changed under a lock, on disk before it is in force."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

from airflow_mlops.serving import grants
from airflow_mlops.serving.database import Database, Epoch
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.saved_state import document_of
from airflow_mlops.serving.shared_memory import SharedState, WorkerSlot
from airflow_mlops.serving.traffic import Moment, Traffic

log = logging.getLogger(__name__)
SETTLE_S: Final = 2.0
MARKED: Final = "marked"
"""The key by which a stored state says that its canary traffic is granted by a file as well."""
POLL_S: Final = 0.02


def now() -> Moment:
    """Return the time on both clocks."""
    return Moment(time.time(), time.monotonic(), _boot())


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def restore(memory: SharedState, database: Database, moment: Moment) -> None:
    """Put the state of the last run into empty memory, and the keys that were counted."""
    with memory.lock():
        if memory.document.number:
            return
        found = database.read_state()
        saved, fault = document_of(found, moment.wall)
        if fault:
            log.error("the state on disk cannot be (%s): no canary gets traffic until the next order", fault)
        traffic = saved.traffic.since_start(moment)
        if found.get(MARKED) and traffic.gives and not grants.granted(memory.folder, traffic.epoch):
            log.warning("canary traffic of %s was taken away and could not be stored", dict(traffic.weights))
            traffic = traffic.lapse()
        saved = saved.with_traffic(traffic)
        memory.document.write(saved.to_json())
    for *_, key in database.read_keys():
        memory.claim(key)


class StateView:
    """The state as one worker sees it; ``index`` is the worker's slot."""

    def __init__(self, memory: SharedState, database: Database, index: int = 0) -> None:
        self.memory = memory
        self.index = index
        self._database = database
        self._number = 0
        self._document = Document()
        self._changing = asyncio.Lock()
        self.unstored = ""
        self.slot.pid = os.getpid()

    @property
    def slot(self) -> WorkerSlot:
        """The slot of this worker."""
        return self.memory.slots[self.index]

    @property
    def document(self) -> Document:
        """The state in force now."""
        if self.memory.document.number != self._number:
            read = self.memory.document.read()
            if read is not None:
                self._number, self._document = read[0], Document.from_json(read[1])
        return self._document

    @property
    def others(self) -> list[WorkerSlot]:
        """The slots of the other workers that live."""
        return [slot for slot in self.memory.slots if slot.pid and slot is not self.slot]

    @property
    def stored(self) -> bool:
        """Whether the state in force is on the disk as well."""
        return not any(slot.unstored for slot in self.memory.slots)

    @property
    def peers(self) -> list[WorkerSlot]:
        """The slots of all workers that answer callers, and that of this one."""
        return [slot for slot in self.memory.slots if slot.serving or slot is self.slot]

    def lapsed(self, traffic: Traffic) -> Traffic:
        """Return a split as it is now that its lease may have run out."""
        return traffic.lapse() if traffic.expired(time.monotonic()) else traffic

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Document]:
        """Hold the right to change the state, and yield it with a lease that ran out taken into account."""
        async with self._changing, AsyncExitStack() as stack:
            lock = self.memory.lock()
            await asyncio.to_thread(lock.__enter__)
            stack.callback(lock.__exit__, None, None, None)
            found = self.document
            yield found.with_traffic(self.lapsed(found.traffic))

    async def write(self, document: Document) -> None:
        """Put a state in force, once it is stored; the caller holds ``changing``."""
        await asyncio.to_thread(store, self._database, self.memory.folder, document, now().wall)
        self.unstored = ""
        self.slot.unstored = False
        self.memory.document.write(document.to_json())

    async def withdraw(self, document: Document) -> None:
        """Put a state in force that only takes traffic away: at once, whether or not it can be stored.

        The caller holds ``changing``. ``unstored`` says why it could not be stored; ``save`` tries again.
        """
        self.memory.document.write(document.to_json())
        try:
            await self.write(document)
        except sqlite3.Error as error:
            self.unstored = f"the state folder cannot be written: {error}"
            self.slot.unstored = True
            grants.revoke(self.memory.folder)
            log.warning("canary traffic was taken away, but %s", self.unstored)

    async def save(self) -> None:
        """Store a state that could not be stored before."""
        if self.unstored:
            async with self.changing() as document:
                await self.write(document)

    def adopt(self, propose: Callable[[Document], Document]) -> Document:
        """Change what is not worth waiting for, such as a reference; returns the state afterwards.

        Nothing changes while another process changes the state; the next call tries again.
        """
        try:
            with self.memory.lock(wait=False):
                proposed = propose(self.document)
                if proposed is not self._document:
                    self.memory.document.write(proposed.to_json())
        except BlockingIOError:
            pass
        return self.document

    async def settle(self) -> None:
        """Wait until the other workers have written down what they counted, or for two seconds."""
        others = self.others
        if not others:
            return
        wanted = await asyncio.to_thread(self.memory.request_flush)
        deadline = time.monotonic() + SETTLE_S
        while any(slot.pid and slot.flushed < wanted for slot in others) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S / 4)


def store(database: Database, folder: Path, document: Document, at: float) -> None:
    """Write a state to disk, with the epoch that it begins."""
    split = document.traffic
    try:
        if split.gives:
            grants.grant(folder, split.epoch)
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from error
    epoch = Epoch(split.epoch, at, split.champion, split.weights, split.shadow)
    database.write_state({**document.to_json(), MARKED: True}, epoch)
    grants.revoke(folder, but=split.epoch if split.gives else None)
