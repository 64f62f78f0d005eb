"""One worker process: answers callers on the socket that it shares with the others.

Started by the supervisor, which writes the configuration on standard input and keeps it open; when it closes,
the supervisor is gone and the worker ends as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any, Final, Literal

import uvicorn

from airflow_mlops.serving.app import create_app
from airflow_mlops.serving.app_state import AppState
from airflow_mlops.serving.connections import KEEP_ALIVE_S, Connection, Connections
from airflow_mlops.serving.shared_memory import SharedState
from airflow_mlops.serving.state_view import POLL_S
from airflow_mlops.serving.tls import tls_context
from airflow_mlops.serving.worker_config import LOG_FORMAT, WorkerConfig

BALANCE_S: Final = 0.001
LEAVE_S: Final = 0.05
IDLE_S: Final = 5
ADMIN_CONNECTIONS: Final = 64
REFUSING: Final = 64
_OTHER_FILES: Final = 256
_FULL: Final = b'{"error":"the server has too many open connections: try again, or raise --max-connections"}'
FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_FULL), _FULL)
)


class Worker(uvicorn.Server):
    """Takes connections while no other worker has fewer; hands its callers over when it is replaced."""

    def __init__(self, own: WorkerConfig) -> None:
        self._own = own
        self._settings = own.settings
        self._listener = socket.socket(fileno=own.listener)
        self._listener.setblocking(False)
        self._admin_listener = (
            None if own.admin_listener is None else socket.socket(fileno=own.admin_listener)
        )
        self._tls = tls_context(own.settings)
        self._refusing = 0
        self._background: set[asyncio.Task[None]] = set()
        memory = SharedState.attach(own.memory, own.settings.state_dir, own.slots)
        self._app = create_app(own.settings, (memory, own.slot))
        if self._admin_listener is not None:
            self._admin_listener.setblocking(False)
            self._app.admin_port = self._admin_listener.getsockname()[1]
        allow_files(own.settings.max_connections + ADMIN_CONNECTIONS)
        self._connections = Connections(self._app, own.settings.max_connections)
        self._admin_connections = Connections(self._app, ADMIN_CONNECTIONS)
        super().__init__(self._protocol(self._connections, "on"))
        self._admin_config = self._protocol(self._admin_connections, "off")
        self._admin_config.load()

    def _protocol(self, app: Connections, lifespan: Literal["on", "off"]) -> uvicorn.Config:
        return uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan=lifespan, ws="none", proxy_headers=False,
            server_header=False, timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=self._settings.drain_s,
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
        if self._admin_listener is not None:
            loop.add_reader(self._admin_listener.fileno(), self._arrived_admin)
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
        # The next server may want the ports before the last answer is out.
        for listener in (self._listener, self._admin_listener):
            if listener is not None:
                listener.close()
        self.should_exit = True

    def _stop_accepting(self) -> None:
        for listener in (self._listener, self._admin_listener):
            if listener is not None and listener.fileno() >= 0:
                asyncio.get_running_loop().remove_reader(listener.fileno())
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
        accepted = _accepted(self._listener)
        if accepted is not None and self._open(accepted, self._connections, self.config):
            self.state.view.slot.connections += 1

    def _arrived_admin(self) -> None:
        """Accept an administrator, however many callers there are; any worker acts for all."""
        assert self._admin_listener is not None
        accepted = _accepted(self._admin_listener)
        if accepted is not None:
            self._open(accepted, self._admin_connections, self._admin_config)

    def _open(self, accepted: socket.socket, among: Connections, config: uvicorn.Config) -> bool:
        """Begin a connection, unless there are too many that are all at work."""
        if not among.make_room():
            self._spawn(self._refuse(accepted))
            return False
        among.opening += 1
        self._spawn(self._connect(accepted, among, config))
        return True

    async def _refuse(self, accepted: socket.socket) -> None:
        """Say that there are too many, and read on for a moment: else the caller might not see the answer."""
        with accepted, contextlib.suppress(OSError, TimeoutError):
            self._refusing += 1
            if self._tls is None and self._refusing <= REFUSING:
                accepted.send(FULL)
                accepted.shutdown(socket.SHUT_WR)
                async with asyncio.timeout(1):
                    while await asyncio.get_running_loop().sock_recv(accepted, 65_536):
                        pass
        self._refusing -= 1

    async def _connect(self, accepted: socket.socket, among: Connections, config: uvicorn.Config) -> None:
        def protocol() -> Connection:
            return Connection(among, config=config, server_state=self.server_state, app_state={})

        limits = {} if self._tls is None else {"ssl_handshake_timeout": self._settings.read_s}
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(protocol, accepted, ssl=self._tls, **limits)
        except OSError as error:  # a caller that does not speak TLS, or is gone already
            logging.getLogger(__name__).debug("no connection: %s", error)
        finally:
            among.opening -= 1

    async def _watch_callers(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(1.0, self._settings.read_s / 4)
        while True:
            await asyncio.sleep(pause)
            # A body in time is the application's own limit, with an answer in words; it comes first.
            for among in (self._connections, self._admin_connections):
                among.abort_unfinished(loop.time() - self._settings.read_s - 2 * pause)
            self.state.view.slot.connections = len(self._connections)

    def _leave(self) -> None:
        """Let another worker take over: callers are asked to connect again, then the process ends."""
        self._stop_accepting()
        self.state.leaving = True
        self._spawn(self._wait_for_callers())

    async def _wait_for_callers(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (
            len(self._connections) + len(self._admin_connections)
            and loop.time() < began + self._settings.drain_s
        ):
            await asyncio.sleep(LEAVE_S)
            if loop.time() > began + IDLE_S:  # nobody is waited for longer than this
                for among in (self._connections, self._admin_connections):
                    among.close_idle(before=loop.time() - IDLE_S)
        self.should_exit = True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _accepted(listener: socket.socket) -> socket.socket | None:
    """Return a new connection; None when another worker took it, or when there is none to be had."""
    try:
        accepted, _ = listener.accept()
    except (BlockingIOError, InterruptedError, ConnectionAbortedError):
        return None
    except OSError:
        logging.getLogger(__name__).exception("cannot accept a connection")
        return None
    accepted.setblocking(False)
    return accepted


def allow_files(connections: int) -> None:
    """Raise this process' limit of open files to what so many connections need, or to what is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft < wanted and soft != resource.RLIM_INFINITY:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


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
