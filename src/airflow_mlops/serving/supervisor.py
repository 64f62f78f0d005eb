"""The process that keeps the workers alive: starts, replaces and stops them, and finds out why one died.

It holds the listening socket and the shared memory and loads no model, so that no model can end it. A worker
that dies is started again and loads the versions before it takes callers, who wait in the socket's queue.

uvicorn's own supervisor does not fit: it retires a worker by closing connections that callers are about to
use, restarts at once however often a worker dies, and does not report why it did.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter, deque
from time import monotonic, time
from typing import Final

from airflow_mlops.serving import grants
from airflow_mlops.serving.crash import Crash, apply_crash
from airflow_mlops.serving.database import Batch, Database
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.roles import ADMIN_VARIABLE
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.shared_memory import SharedState
from airflow_mlops.serving.state_view import POLL_S, now, restore, store
from airflow_mlops.serving.worker_config import WorkerConfig

log = logging.getLogger(__name__)
WINDOW_S: Final = 60.0
LONGEST_WAIT_S: Final = 10.0
HOPELESS: Final = 5
GRACE_S: Final = 5.0
_ENVIRONMENT: Final = {
    # More threads than one cost small batches more than they bring; another worker brings more.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # A store of freed memory per thread would grow with the threads and help nobody.
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class Supervisor:
    """Runs the workers on the same sockets until SIGTERM or SIGINT; SIGHUP replaces them, one after another.

    ``listener`` is for callers, ``admin_listener`` for administrators (None: they are not let in).
    """

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        admin_listener: socket.socket | None,
        database: Database,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._admin_listener = admin_listener
        self._database = database
        # Twice as many slots as workers: while one is replaced, the new and the old one live.
        self._memory = SharedState.create(settings.state_dir, 2 * settings.workers)
        restore(self._memory, database, now())
        self._processes: dict[int, Process] = {}
        self._lives: dict[int, asyncio.Task[None]] = {}
        self._retired: set[int] = set()
        self._crashes: deque[Crash] = deque()
        self._unwritten: Counter[tuple[int, int, str]] = Counter()
        self._failed_starts = 0
        self._has_served = False
        self._stopping = asyncio.Event()
        self._replacing = asyncio.Lock()

    async def run(self) -> int:
        """Supervise until a signal asks to stop; returns 0 after a drain, 1 when no worker can start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        replacements: set[asyncio.Task[None]] = set()
        loop.add_signal_handler(signal.SIGHUP, lambda: replacements.add(loop.create_task(self._replace())))
        for slot in range(self._settings.workers):
            self._begin(slot)
        announcement = loop.create_task(self._announce())
        await self._stopping.wait()
        await self._stop()
        for task in (announcement, *replacements):
            task.cancel()
        if self._failed_starts < HOPELESS:
            return 0
        log.error("no worker could start (%s tries): the reason is above", self._failed_starts)
        return 1

    def _begin(self, slot: int) -> None:
        self._lives[slot] = asyncio.create_task(self._keep_alive(slot))

    async def _keep_alive(self, slot: int) -> None:
        """Run a worker in a slot, and another one after a crash, until the slot is retired."""
        while slot not in self._retired and not self._stopping.is_set():
            try:
                process = self._processes[slot] = await self._start(slot)
            except OSError:  # no memory or process left on this machine
                log.exception("cannot start a worker; next try in %s s", LONGEST_WAIT_S)
                await self._pause(LONGEST_WAIT_S)
                continue
            if self._stopping.is_set():
                _signal(process, signal.SIGTERM)
            code = await process.wait()
            del self._processes[slot]
            crash = Crash(monotonic(), code, self._memory.slots[slot].busy())
            self._memory.slots[slot].clear()
            if slot not in self._retired and not self._stopping.is_set():
                await self._crashed(crash)
        self._retired.discard(slot)
        del self._lives[slot]

    async def _start(self, slot: int) -> Process:
        assert self._memory.fd is not None
        config = WorkerConfig(
            settings=self._settings,
            listener=self._listener.fileno(),
            admin_listener=None if self._admin_listener is None else self._admin_listener.fileno(),
            memory=self._memory.fd,
            slots=len(self._memory.slots),
            slot=slot,
            load_first=self._has_served,
        )
        command = (sys.executable, "-m", "airflow_mlops.serving.worker")
        environment = {**_ENVIRONMENT, **os.environ}
        files = tuple(
            file for file in (config.listener, config.admin_listener, config.memory) if file is not None
        )
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, env=environment, pass_fds=files)
        assert process.stdin is not None
        process.stdin.write(
            config.dumps()
        )  # stays open: at its end the worker knows that the supervisor is gone
        return process

    async def _crashed(self, crash: Crash) -> None:
        """Find out whose fault a crash was, and wait before the next start if there were others lately."""
        self._crashes.append(crash)
        log.error("a worker %s", crash.how)
        self._quarantine(crash)
        if not self._has_served:
            self._failed_starts += 1
            if self._failed_starts >= HOPELESS:
                self._stopping.set()
        while self._crashes[0].at < monotonic() - WINDOW_S:
            self._crashes.popleft()
        repeated = len(self._crashes) - 1
        if repeated:
            await self._pause(min(LONGEST_WAIT_S, 0.1 * 2**repeated))

    async def _pause(self, seconds: float) -> None:
        """Wait, but not for longer than the server runs."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _quarantine(self, crash: Crash) -> None:
        """Count a crash against the version that ran, and take a canary's traffic away."""
        try:
            with self._memory.lock():
                read = self._memory.document.latest()
                found = Document.from_json(self._database.read_state() if read is None else read)
                following, counts = apply_crash(crash, found, list(self._crashes), time())
                # In force first: a full disk must not leave traffic to a version that ends processes.
                if following is not found or read is None:
                    self._memory.document.write(following.to_json())
                self._unwritten.update(counts)
                try:
                    if following is not found or read is None:
                        store(self._database, self._memory.folder, following, time())
                    self._database.write_batch(Batch(counts=self._unwritten))
                    self._unwritten = Counter()
                except (sqlite3.Error, OSError):
                    grants.revoke(self._memory.folder)
                    raise
        except Exception:
            log.exception("cannot write down the crash")

    async def _announce(self) -> None:
        while not any(slot.serving for slot in self._memory.slots):
            await asyncio.sleep(POLL_S)
        self._has_served = True
        self._failed_starts = 0
        scheme = "http" if self._settings.tls_cert is None else "https"
        if self._admin_listener is None:
            log.warning(
                "versions and traffic cannot be administered, by Airflow or anybody: %s is not set",
                ADMIN_VARIABLE,
            )
        else:
            host, port = self._admin_listener.getsockname()[:2]
            log.info("administrators of %s on %s://%s:%s", self._settings.name, scheme, host, port)
        host, port = self._listener.getsockname()[:2]
        log.info("serving %s on %s://%s:%s", self._settings.name, scheme, host, port)

    async def _replace(self) -> None:
        """Replace all workers, one after another: the old one leaves when the new one serves."""
        async with self._replacing:
            for old in list(self._lives):
                new = next(slot for slot in range(len(self._memory.slots)) if slot not in self._lives)
                self._begin(new)
                while not self._memory.slots[new].serving:
                    await asyncio.sleep(POLL_S)
                life = self._lives[old]
                self._retired.add(old)
                if old in self._processes:
                    _signal(self._processes[old], signal.SIGHUP)
                await asyncio.wait({life})

    async def _stop(self) -> None:
        for process in self._processes.values():
            _signal(process, signal.SIGTERM)
        lives = set(self._lives.values())
        _, late = await asyncio.wait(lives, timeout=self._settings.drain_s + GRACE_S) if lives else ((), ())
        for process in self._processes.values():
            _signal(process, signal.SIGKILL)
        if late:
            await asyncio.wait(late)


def _signal(process: Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        process.send_signal(number)
