"""Model servers in processes of their own, for what only processes show: workers, crashes, restarts."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import httpx
import psutil
import pytest
import uvicorn

from airflow_mlops.serving import Settings
from airflow_mlops.serving.app import create_app
from tests.support import free_port
from tests.support.server import ADMIN_TOKEN, NAME, TOKEN, TOKENS, Client, Registry, running_server

WAIT_S = 0.02
WAIT_LIMIT_S = 240
"""A new worker needs minutes on a machine that many tests share; no test measures this time."""


class ServerProcess(Client):
    """A caller with the token whose every call is a connection of its own, so that any worker may answer."""

    def __init__(self, process: subprocess.Popen[str], url: str, admin_url: str, **fields: Any) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        limits = httpx.Limits(max_keepalive_connections=0)
        super().__init__(
            admin_url, base_url=url, headers=headers, timeout=WAIT_LIMIT_S, limits=limits, **fields
        )
        self.process = process

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def await_workers(self, without: int, count: int) -> None:
        """Wait until ``count`` workers serve and one of them is gone; the suite's time limit bounds it."""
        pause = threading.Event()
        while without in self.workers or self.get("/admin/state").json()["workers"] != count:
            pause.wait(WAIT_S)


@contextmanager
def running_process(
    registry: Registry, state_dir: Path, *flags: str, **fields: Any
) -> Iterator[ServerProcess]:
    """Serve as a user would start it; yields a client with the token; ``fields`` are the client's."""
    command = [sys.executable, "-m", "airflow_mlops", "serve", "--name", NAME, "--port", "0", *flags]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **TOKENS}
    process = subprocess.Popen(
        [*command, "--tracking-uri", registry.uri, "--state-dir", str(state_dir)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr or []))
    try:
        admin_url = _url("administrators", process.stderr, lines)
        url = _url("serving", process.stderr, lines)
        reader.start()
        with ServerProcess(process, url, admin_url, **fields) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(WAIT_LIMIT_S)
        if reader.ident is not None:
            reader.join()
        process.stderr.close()
    assert code in (0, -signal.SIGKILL), "".join(lines)  # killed by the test itself


def _url(who: str, log: IO[str], lines: list[str]) -> str:
    """Read a server's log until it says where it serves callers or administrators."""
    for line in log:
        lines.append(line)
        if f"{who} of {NAME} on " in line or f"{who} {NAME} on " in line:
            return line.split(f" {NAME} on ")[1].strip()
    raise AssertionError(f"the server ended before it was ready: {''.join(lines)}")


def with_champion(server: Client, registry: Registry, *kinds: str) -> dict[str, Any]:
    """Load the champion and other kinds of versions; all traffic goes to the champion."""
    for kind in ("champion", *kinds):
        server.must_load(registry.kinds[kind], registry.model_uri(kind))
    answer = server.traffic(registry.kinds["champion"])
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state


def store_champion(registry: Registry, state_dir: Path, *kinds: str) -> None:
    """Make a state folder from which a server serves the champion and has other kinds of versions in memory.

    It is made in this process, which has imported MLflow: each worker of a server would ask MLflow in a
    process of its own, which costs three seconds.
    """
    with running_server(registry, state_dir) as client:
        with_champion(client, registry, *kinds)


@contextmanager
def running_champion(
    registry: Registry, state_dir: Path, *flags: str, kinds: Sequence[str] = (), **fields: Any
) -> Iterator[ServerProcess]:
    """Serve the champion, with other ``kinds`` of versions in memory."""
    store_champion(registry, state_dir, *kinds)
    with running_process(registry, state_dir, *flags, **fields) as server:
        with_champion(server, registry, *kinds)
        yield server


_WARM = multiprocessing.get_context("forkserver")
_WARM.set_forkserver_preload([__name__, "tests.support.server_warm"])


def serve(settings: Settings) -> None:
    """Serve until killed."""
    assert settings.admin_listens_on is not None
    app = create_app(settings)
    app.admin_port = settings.admin_listens_on
    ports = (settings.port, settings.admin_listens_on)
    listeners = [socket.create_server(("127.0.0.1", port)) for port in ports]
    uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run(listeners)


class ForkedServer:
    """One process after another with the same port and state folder.

    Each is forked from a process that has loaded all libraries, so that a start takes no seconds.
    """

    def __init__(self, uri: str, folder: Path) -> None:
        port, admin_port = free_port(), free_port()
        self.url, self.admin_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin_port}"
        self._settings = Settings(
            name=NAME, tracking_uri=uri, token=TOKEN, admin_token=ADMIN_TOKEN, state_dir=folder, port=port,
            admin_port=admin_port,
        )  # fmt: skip
        self._caller = Client(self.admin_url, base_url=self.url, timeout=5)
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers and has loaded its versions."""
        if self._process is None:
            with pytest.MonkeyPatch.context() as patch:  # For what the warm process is to load.
                patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
                self._process = _WARM.Process(target=serve, args=(self._settings,), daemon=True)
                self._process.start()
        for _ in range(6000):
            with suppress(httpx.TransportError):
                versions = self._caller.get("/admin/state").json()["versions"].values()
                if all(version["status"] != "loading" for version in versions):
                    return
            time.sleep(0.01)
        raise AssertionError("the model server did not start within a minute")

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._caller.close()
