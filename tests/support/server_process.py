"""A real model server in processes of its own, for tests of what only processes show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.server import NAME, TOKEN, Client, Registry

WAIT_S = 0.02


class ServerProcess(Client):
    """A caller with the token whose every call is a connection of its own, so that any worker may answer."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        limits = httpx.Limits(max_keepalive_connections=0)
        super().__init__(base_url=url, headers=headers, timeout=60, limits=limits)
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
def running_process(registry: Registry, state_dir: Path, *flags: str) -> Iterator[ServerProcess]:
    """Serve as a user would start it; yields a client with the token."""
    command = [sys.executable, "-m", "airflow_mlops", "serve", "--name", NAME, "--port", "0", *flags]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "AIRFLOW_MLOPS_SERVING_TOKEN": TOKEN,
    }
    process = subprocess.Popen(
        [*command, "--tracking-uri", registry.uri, "--state-dir", str(state_dir)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    try:
        url = next(_url(line, lines) for line in process.stderr if "serving flights on " in line)
        reader = threading.Thread(target=lambda: lines.extend(process.stderr or []))
        reader.start()
        with ServerProcess(process, url) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        reader.join()
        process.stderr.close()
    assert code in (0, -signal.SIGKILL), "".join(lines)  # killed by the test itself


def _url(line: str, lines: list[str]) -> str:
    lines.append(line)
    return line.split("serving flights on ")[1].strip()


def with_champion(server: ServerProcess, registry: Registry, *kinds: str) -> dict[str, Any]:
    """Load the champion and other kinds of versions; all traffic goes to the champion."""
    for kind in ("champion", *kinds):
        server.must_load(registry.kinds[kind], registry.model_uri(kind))
    answer = server.traffic(registry.kinds["champion"])
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state
