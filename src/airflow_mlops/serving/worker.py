"""One worker process: answers callers on the socket that it shares with the others, leaves without a fault.

Started by the supervisor, which writes the order on standard input and keeps it open; when it closes, the
supervisor is gone and the worker ends as well.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from airflow_mlops.serving.app import create_app
from airflow_mlops.serving.app_state import Server
from airflow_mlops.serving.shared import KEEP_ALIVE_S, POLL_S
from airflow_mlops.serving.shared_memory import Board
from airflow_mlops.serving.worker_config import Order

BALANCE_S: Final = 0.001
LEAVE_S: Final = 0.05
IDLE_S: Final = 5


class Worker(uvicorn.Server):
    """Takes connections when it has no more of them than its peers; hands them over when it is replaced."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._settings = order.settings
        self._server: Server | None = None
        self._listener = socket.socket(fileno=order.listener)
        self._listener.setblocking(False)
        self._background: set[asyncio.Task[Any]] = set()
        board = Board.attach(order.board, order.settings.state_dir, order.rows)
        app = create_app(order.settings, (board, order.index), self._opened)
        super().__init__(
            uvicorn.Config(
                app, log_level="warning", access_log=False, lifespan="on", ws="none", proxy_headers=False,
                server_header=False, timeout_graceful_shutdown=order.settings.drain_s,
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )  # fmt: skip

    def _opened(self, server: Server) -> None:
        self._server = server

    @property
    def server(self) -> Server:
        """What stands behind the routes."""
        assert self._server is not None
        return self._server

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Open the state, load if so ordered, then take connections."""
        await super().startup([])
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._supervisor_gone)
        loop.add_signal_handler(signal.SIGHUP, self._leave)
        if self._order.load_first:
            try:
                await asyncio.wait_for(self.server.fleet.loaded(), self._settings.load_wait_s)
            except TimeoutError:
                logging.getLogger(__name__).warning("serving before all versions are loaded")
        if self.server.fleet.ready:
            _set_aside()
        else:
            self._spawn(self._set_aside_when_loaded())
        self.server.shared.row.serving = True
        loop.add_reader(self._listener.fileno(), self._arrived)
        self._spawn(self._watch_callers())

    async def _set_aside_when_loaded(self) -> None:
        while not self.server.fleet.ready:
            await asyncio.sleep(POLL_S)
        _set_aside()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Take no more connections and answer what is open."""
        self._stop_accepting()
        await super().shutdown([])

    def _supervisor_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._stop_accepting()
        self._listener.close()  # The next server may want the port before the last answer is out.
        self.should_exit = True

    def _stop_accepting(self) -> None:
        if self._listener.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self.server.shared.row.serving = False

    def _arrived(self) -> None:
        """Accept a connection, or leave it for a moment to a worker that has fewer."""
        row = self.server.shared.row
        row.connections = len(self.server_state.connections)
        if row.connections > min(peer.connections for peer in self.server.shared.peers):
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listener.fileno())
            loop.call_later(BALANCE_S, self._accept_again)
        else:
            self._accept()

    def _accept_again(self) -> None:
        if self.server.shared.row.serving:
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._arrived)
            self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            logging.getLogger(__name__).exception("cannot take a connection")
            return
        connection.setblocking(False)
        self.server.shared.row.connections += 1
        self._spawn(self._serve_connection(connection))

    async def _serve_connection(self, connection: socket.socket) -> None:
        def protocol() -> asyncio.Protocol:
            made: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
            return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

        await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)

    async def _watch_callers(self) -> None:
        """Close connections whose request does not arrive in time; the timer begins with its first byte."""
        waiting: dict[Any, tuple[object, float]] = {}
        loop = asyncio.get_running_loop()
        pause = min(1.0, self._settings.read_s / 4)
        while True:
            await asyncio.sleep(pause)
            now, row = loop.time(), self.server.shared.row
            row.connections = len(self.server_state.connections)
            connections: list[Any] = list(self.server_state.connections)
            unfinished = {c: c.cycle for c in connections if _unfinished(c)}
            waiting = {
                connection: waiting[connection]
                if connection in waiting and waiting[connection][0] is cycle
                else (cycle, now)
                for connection, cycle in unfinished.items()
            }
            for connection, (_, since) in waiting.items():
                # A body in time is the application's own limit, with an answer in words; it comes first.
                if now - since > self._settings.read_s + 2 * pause:
                    connection.transport.abort()

    def _leave(self) -> None:
        """Let another worker take over: callers are told to connect anew, then the process ends."""
        self._stop_accepting()
        self.server.leaving = True
        loop = asyncio.get_running_loop()
        connections: list[Any] = list(self.server_state.connections)
        for connection in connections:
            if connection.timeout_keep_alive_task is not None:  # idle: nobody is waited for longer than this
                connection.timeout_keep_alive_task.cancel()
                connection.timeout_keep_alive_task = loop.call_later(
                    IDLE_S, connection.timeout_keep_alive_handler
                )
        self._spawn(self._wait_for_callers())

    async def _wait_for_callers(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_s
        while self.server_state.connections and loop.time() < deadline:
            await asyncio.sleep(LEAVE_S)
        self.should_exit = True

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _set_aside() -> None:
    """Take the libraries and the first version out of the garbage collector's sight.

    A full pass over them stops the worker for up to half a second. Later versions stay in sight, as they come
    and go.
    """
    gc.collect()
    gc.freeze()


def _unfinished(connection: Any) -> bool:
    """Say whether a connection waits for the rest of a request."""
    cycle = connection.cycle
    if cycle is None or cycle.more_body:
        return True
    return bool(cycle.response_complete and connection.timeout_keep_alive_task is None)


def main() -> int:
    """Serve as the order on standard input says; returns the exit code."""
    with open(0, "rb", buffering=0, closefd=False) as given:
        order = Order.loads(given.readline().decode())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    worker = Worker(order)
    # After its drain uvicorn raises the signal once more; with no handler that would end in a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    worker.run()
    return 0 if worker.started else 1


if __name__ == "__main__":
    raise SystemExit(main())
