"""One worker process: answers callers on the socket that it shares with the others.

Started by the supervisor, which writes the configuration on standard input and keeps it open; when it closes,
the supervisor is gone and the worker ends as well.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any, Final

import uvicorn

from airflow_mlops.serving.app import create_app
from airflow_mlops.serving.app_state import AppState
from airflow_mlops.serving.connections import KEEP_ALIVE_S, Connection, Connections
from airflow_mlops.serving.shared_memory import SharedState
from airflow_mlops.serving.state_view import POLL_S
from airflow_mlops.serving.worker_config import LOG_FORMAT, WorkerConfig

BALANCE_S: Final = 0.001
LEAVE_S: Final = 0.05
IDLE_S: Final = 5


class Worker(uvicorn.Server):
    """Takes connections while no other worker has fewer; hands its callers over when it is replaced."""

    def __init__(self, own: WorkerConfig) -> None:
        self._own = own
        self._settings = own.settings
        self._listener = socket.socket(fileno=own.listener)
        self._listener.setblocking(False)
        self._background: set[asyncio.Task[None]] = set()
        memory = SharedState.attach(own.memory, own.settings.state_dir, own.slots)
        self._app = create_app(own.settings, (memory, own.slot))
        self._connections = Connections(self._app)
        super().__init__(
            uvicorn.Config(
                self._connections, log_level="warning", access_log=False, lifespan="on", ws="none",
                proxy_headers=False, server_header=False, timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=own.settings.drain_s,
            )
        )  # fmt: skip

    @property
    def state(self) -> AppState:
        """What the routes work with."""
        return self._app.state

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Open the state, load first if so configured, then take connections."""
        await super().startup([])
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._supervisor_gone)
        loop.add_signal_handler(signal.SIGHUP, self._leave)
        if self._own.load_first:
            try:
                await asyncio.wait_for(self.state.fleet.loaded(), self._settings.load_wait_s)
            except TimeoutError:
                logging.getLogger(__name__).warning("serving before all versions are loaded")
        self._spawn(self._freeze_when_loaded())
        self.state.view.slot.serving = True
        loop.add_reader(self._listener.fileno(), self._arrived)
        self._spawn(self._watch_callers())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Take no more connections and answer what is open."""
        self._stop_accepting()
        await super().shutdown([])

    async def _freeze_when_loaded(self) -> None:
        """Take libraries and the first version from the garbage collector: a pass would stop us for 0.5 s."""
        while not self.state.fleet.ready:
            await asyncio.sleep(POLL_S)
        gc.collect()
        gc.freeze()

    def _supervisor_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._stop_accepting()
        self._listener.close()  # The next server may want the port before the last answer is out.
        self.should_exit = True

    def _stop_accepting(self) -> None:
        if self._listener.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self.state.view.slot.serving = False

    def _arrived(self) -> None:
        """Accept a connection, or leave it for a moment to a worker that has fewer."""
        slot = self.state.view.slot
        slot.connections = len(self._connections)
        if slot.connections > min(peer.connections for peer in self.state.view.peers):
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listener.fileno())
            loop.call_later(BALANCE_S, self._accept_again)
        else:
            self._accept()

    def _accept_again(self) -> None:
        if self.state.view.slot.serving:
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._arrived)
            self._accept()

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            logging.getLogger(__name__).exception("cannot accept a connection")
            return
        accepted.setblocking(False)
        self.state.view.slot.connections += 1
        self._spawn(self._connect(accepted))

    async def _connect(self, accepted: socket.socket) -> None:
        def protocol() -> Connection:
            return Connection(
                self._connections, config=self.config, server_state=self.server_state, app_state={}
            )

        await asyncio.get_running_loop().connect_accepted_socket(protocol, accepted)

    async def _watch_callers(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(1.0, self._settings.read_s / 4)
        while True:
            await asyncio.sleep(pause)
            # A body in time is the application's own limit, with an answer in words; it comes first.
            self._connections.abort_unfinished(loop.time() - self._settings.read_s - 2 * pause)
            self.state.view.slot.connections = len(self._connections)

    def _leave(self) -> None:
        """Let another worker take over: callers are asked to connect again, then the process ends."""
        self._stop_accepting()
        self.state.leaving = True
        self._spawn(self._wait_for_callers())

    async def _wait_for_callers(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while len(self._connections) and loop.time() < began + self._settings.drain_s:
            await asyncio.sleep(LEAVE_S)
            if loop.time() > began + IDLE_S:  # nobody is waited for longer than this
                self._connections.close_idle(before=loop.time() - IDLE_S)
        self.should_exit = True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def main() -> int:
    """Serve as the configuration on standard input says; returns the exit code."""
    with open(0, "rb", buffering=0, closefd=False) as standard_input:
        own = WorkerConfig.loads(standard_input.readline())
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    worker = Worker(own)
    # After its drain uvicorn raises the signal once more; with no handler that would end in a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    worker.run()
    return 0 if worker.started else 1


if __name__ == "__main__":
    raise SystemExit(main())
