"""The process that keeps the workers alive: starts, replaces and stops them, and says why one died.

It holds the listening socket and the shared memory and loads no model, so that no model can end it. A worker
that dies is started again and loads the versions before it takes callers, who wait in the socket's queue.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from time import monotonic, time
from typing import Final

from airflow_mlops.serving.crash import Crash, after
from airflow_mlops.serving.database import Batch, Database
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.settings import Settings
from airflow_mlops.serving.shared import now, store, take_up
from airflow_mlops.serving.shared_memory import Board
from airflow_mlops.serving.worker_config import Order

log = logging.getLogger(__name__)
TICK_S: Final = 0.25
STARTING_S: Final = 0.02
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
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass
class Process:
    """One worker process; ``leaving`` when it was told to end."""

    process: subprocess.Popen[bytes]
    index: int
    served: bool = False
    leaving: bool = False


class Supervisor:
    """Runs the workers on one socket until SIGTERM or SIGINT; SIGHUP replaces them, one after another."""

    def __init__(self, settings: Settings, listener: socket.socket, database: Database) -> None:
        self._settings = settings
        self._listener = listener
        self._database = database
        self._board = Board.create(settings.state_dir, 2 * settings.workers)
        take_up(self._board, database, now())
        self._workers: list[Process] = []
        self._crashes: deque[Crash] = deque()
        self._not_before = 0.0
        self._failed_starts = 0
        self._replace: deque[Process] = deque()
        self._stopping = 0.0
        self._told = False

    def run(self) -> int:
        """Supervise until told to stop; returns 0 after a drain, 1 when no worker can start."""
        reading = self._catch_signals()
        while True:
            self._reap()
            if self._stopping or self._failed_starts >= HOPELESS:
                return self._stop(reading)
            self._start_missing()
            self._replace_next()
            self._announce()
            starting = any(not worker.served for worker in self._workers)
            select.select([reading], [], [], STARTING_S if starting else TICK_S)
            _drain(reading)

    def _catch_signals(self) -> int:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: self._replace.extend(self._workers))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_stopping", monotonic()))
        return reading

    def _start(self, index: int) -> None:
        row = self._board.rows[index]
        row.clear()
        assert self._board.fd is not None
        order = Order(
            settings=self._settings,
            listener=self._listener.fileno(),
            board=self._board.fd,
            rows=len(self._board.rows),
            index=index,
            load_first=self._told,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow_mlops.serving.worker"],
            stdin=subprocess.PIPE,
            env={**_ENVIRONMENT, **os.environ},
            pass_fds=(order.listener, order.board),
        )
        assert process.stdin is not None
        process.stdin.write(order.dumps().encode())
        process.stdin.flush()
        self._workers.append(Process(process, index))

    def _start_missing(self) -> None:
        staying = [worker for worker in self._workers if not worker.leaving]
        if len(staying) < self._settings.workers and monotonic() >= self._not_before:
            taken = {worker.index for worker in self._workers}
            free = [index for index in range(len(self._board.rows)) if index not in taken]
            for index in free[: self._settings.workers - len(staying)]:
                self._start(index)

    def _replace_next(self) -> None:
        """Begin, one after another: a new worker first, and the old one leaves when the new one serves."""
        while self._replace and self._replace[0] not in self._workers:
            self._replace.popleft()
        if not self._replace or any(not worker.served for worker in self._workers):
            return
        if any(worker.leaving for worker in self._workers):
            return
        if len(self._workers) > self._settings.workers:
            old = self._replace.popleft()
            old.leaving = True
            old.process.send_signal(signal.SIGHUP)
        else:
            taken = {worker.index for worker in self._workers}
            self._start(next(i for i in range(len(self._board.rows)) if i not in taken))

    def _announce(self) -> None:
        for worker in self._workers:
            worker.served = worker.served or self._board.rows[worker.index].serving
            if worker.served and not self._told:
                host, port = self._listener.getsockname()[:2]
                log.info("serving %s on http://%s:%s", self._settings.name, host, port)
                self._told = True
                self._failed_starts = 0

    def _reap(self) -> None:
        for worker in [worker for worker in self._workers if worker.process.poll() is not None]:
            self._workers.remove(worker)
            code = worker.process.returncode
            row = self._board.rows[worker.index]
            crash = Crash(monotonic(), code, row.busy())
            row.clear()
            if worker.process.stdin is not None:
                worker.process.stdin.close()
            if worker.leaving or self._stopping:
                continue
            if not self._told:
                self._failed_starts += 1
            self._blame(crash)
            self._hold_back()

    def _blame(self, crash: Crash) -> None:
        """Count a crash against the version that ran, and take a canary's traffic away."""
        self._crashes.append(crash)
        log.error("a worker %s", crash.how)
        try:
            with self._board.lock():
                read = self._board.document.latest()
                found = Document.from_json(self._database.read_state() if read is None else read)
                following, counts = after(crash, found, list(self._crashes), time())
                if counts:
                    self._database.write_batch(Batch(counts=counts))
                if following is not found or read is None:
                    store(self._database, following, time())
                    self._board.document.write(following.to_json())
        except Exception:
            log.exception("the crash could not be written down")

    def _hold_back(self) -> None:
        """Start the next worker at once after a first crash, later after each one that follows soon."""
        while self._crashes and self._crashes[0].at < monotonic() - WINDOW_S:
            self._crashes.popleft()
        repeated = len(self._crashes) - 1
        wait = min(LONGEST_WAIT_S, 0.1 * 2**repeated) if repeated > 0 else 0.0
        self._not_before = monotonic() + wait

    def _stop(self, reading: int) -> int:
        for worker in self._workers:
            worker.process.send_signal(signal.SIGTERM)
        deadline = monotonic() + self._settings.drain_s + GRACE_S
        while any(worker.process.poll() is None for worker in self._workers):
            if monotonic() > deadline:
                for worker in self._workers:
                    worker.process.kill()
            select.select([reading], [], [], TICK_S)
            _drain(reading)
        if self._stopping:
            return 0
        log.error("no worker could start (%s tries): the reason is above", self._failed_starts)
        return 1


def _drain(reading: int) -> None:
    try:
        while os.read(reading, 4096):
            pass
    except BlockingIOError:
        pass
