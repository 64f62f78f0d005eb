"""Servers in processes of their own: start, memory, administration."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN, ADMIN_TOKEN = "benchmark", "benchmark-admin"
TOKENS = {"AIRFLOW_MLOPS_SERVING_TOKEN": TOKEN, "AIRFLOW_MLOPS_ADMIN_TOKEN": ADMIN_TOKEN}
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def server(command: list[str], port: int, path: str, folder: Path, **environment: str) -> Iterator[int]:
    """Run a server until it answers on ``path``; yields its process id and ends the whole group."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **QUIET, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise SystemExit(f"{command[:4]} ended: {(folder / 'server.log').read_text()[-800:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
                    break
            except OSError as error:
                if getattr(error, "code", None):
                    break
                time.sleep(0.2)
        yield process.pid
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


class Ours:
    """A running model server of this package: its ports, its process id and its state folder."""

    def __init__(self, port: int, admin_port: int, pid: int, state: Path) -> None:
        self.port, self.pid, self.state = port, pid, state
        self.admin_url = f"http://127.0.0.1:{admin_port}"

    def admin(self, method: str, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            f"{self.admin_url}{path}", json.dumps(body).encode(),
            {"Authorization": f"Bearer {ADMIN_TOKEN}"}, method=method,
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def load(self, name: str, version: int, *, reload: bool = False) -> None:
        """Load a version and wait until it is ready."""
        order = {"model_uri": f"models:/{name}/{version}", "reload": reload}
        while (found := self.admin("PUT", f"/admin/versions/{version}", order))["status"] == "loading":
            order["reload"] = False
        if found["status"] != "ok":
            raise SystemExit(f"version {version} of {name} cannot be loaded: {found}")


@contextmanager
def ours(name: str, uri: str, folder: Path, *flags: str) -> Iterator[Ours]:
    """Run our model server as a user starts it, with a new state folder below ``folder``."""
    port, admin_port, state = free_port(), free_port(), folder / f"state-{time.monotonic_ns()}"
    state.mkdir()
    command = [sys.executable, "-m", "airflow_mlops", "serve", "--name", name, "--tracking-uri", uri]
    command += ["--port", str(port), "--admin-port", str(admin_port), "--state-dir", str(state), *flags]
    with server(command, port, "/ping", folder, **TOKENS) as pid:
        yield Ours(port, admin_port, pid, state)


FETCHING = "airflow_mlops.serving.fetching"


def asks_mlflow(pid: int) -> bool:
    """Whether our server still has the process with which it asks MLflow, which it keeps for a minute."""
    return memory(pid, only_asking=True) > 0


def memory(pid: int, *, only_asking: bool = False) -> float:
    """Return the megabytes (PSS) of a process and all below it; what they share counts once.

    ``only_asking``: of those with which our server asks MLflow.
    """
    import psutil

    found = 0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            if not only_asking or FETCHING in process.cmdline():
                found += getattr(process.memory_full_info(), "pss", process.memory_info().rss)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):  # It has just ended.
            continue
    return found / 2**20


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process and all below it have used."""
    import psutil

    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in processes)
