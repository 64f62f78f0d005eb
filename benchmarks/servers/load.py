"""Load without a pause from eight connections, and what came of it: with wrk, else with Python.

`python -m servers.load PORT SECONDS ROWS` is the client in Python; it prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from servers.models import body
from servers.processes import TOKEN
from tests.support.callers import ask, request_of

CONNECTIONS = 8


@dataclass(frozen=True)
class Load:
    """Requests per second, latency in ms, answers that were not 200."""

    rps: float
    p50: float
    p99: float
    failed: float


def load(port: int, seconds: float, rows: int, folder: Path) -> Load:
    """Send requests of ``rows`` rows for some seconds."""
    if shutil.which("wrk"):
        return with_wrk(port, seconds, rows, folder)
    command = [sys.executable, "-m", "servers.load", str(port), str(seconds), str(rows)]
    home = Path(__file__).parents[1]
    return Load(**json.loads(subprocess.run(command, cwd=home, capture_output=True, check=True).stdout))


def with_wrk(port: int, seconds: float, rows: int, folder: Path) -> Load:
    script = folder / f"post-{rows}.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = [==[{body(rows).decode()}]==]\n'
        f'wrk.headers["Content-Type"] = "application/json"\nwrk.headers["Authorization"] = "Bearer {TOKEN}"\n'
    )
    shown = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script),
         "--timeout", "30s", f"http://127.0.0.1:{port}/invocations"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return read_wrk(shown)


def read_wrk(shown: str) -> Load:
    """Read what wrk prints."""
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}

    def latency(percent: str) -> float:
        found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", shown)
        return float(found[1]) * units[found[2]] if found else float("nan")

    rps = re.search(r"Requests/sec:\s+([\d.]+)", shown)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", shown)
    lost = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", shown)
    failed = (int(bad[1]) if bad else 0) + sum(map(int, lost.groups() if lost else ()))
    return Load(float(rps[1]) if rps else 0.0, latency("50"), latency("99"), failed)


async def with_python(port: int, seconds: float, rows: int) -> Load:
    request = request_of("/invocations", body(rows), TOKEN)
    times: list[float] = []
    failed = 0

    async def caller(until: float) -> None:
        nonlocal failed
        streams = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < until:
            head, _ = await ask(*streams, request)
            times.append(time.perf_counter() - started)
            failed += not head.startswith(b"HTTP/1.1 200")
        streams[1].close()

    began = time.perf_counter()
    await asyncio.gather(*(caller(began + seconds) for _ in range(CONNECTIONS)))
    elapsed, times = time.perf_counter() - began, sorted(times)
    p50, p99 = (1000 * times[int(len(times) * q)] for q in (0.5, 0.99))
    return Load(len(times) / elapsed, p50, p99, failed)


if __name__ == "__main__":
    print(json.dumps(vars(asyncio.run(with_python(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))))
