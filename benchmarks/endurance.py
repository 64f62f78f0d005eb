"""Full load for a long time: does a request fail, does memory grow, does the log stay within its bound?

    python benchmarks/endurance.py                              2 minutes, one model server
    python benchmarks/endurance.py --minutes 20                 the full figures
    python benchmarks/endurance.py --target haproxy             two model servers behind HAProxy
    python benchmarks/endurance.py --rps 200 --minutes 60       a steady rate instead of all that is possible
    python benchmarks/endurance.py --log-rows 100000            a log whose bound is reached within a minute

Callers keep their connections and send single rows; each twentieth answer gets its label. Two versions share
the traffic. With each line one of them is loaded anew and the split moves from 50 to 40 percent or back, by
the same target that a rollout uses. Memory is the proportional share (PSS) of all processes of the servers at
the end of a line, without those that ask MLflow, which come and go and are shown under `asking`. Memory is
judged on lines 3 to 5 against the last two, the log by its rows and by the size of the state folders since
its bound was first reached. What cannot be judged, for want of lines or of requests, is said. A leak is seen
from about 6 percent a minute on in two minutes, and from about 0.3 percent a minute on in twenty.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import sqlite3
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from servers.callers import LabellingCallers
from servers.models import train
from servers.processes import ADMIN_TOKEN, Ours, free_port, memory, ours
from servers.verdicts import LONGEST_LINE_S, Line, judge_log, judge_memory, seconds_of_a_line

from airflow_mlops.serving.settings import Settings
from tests.support.haproxy import running_haproxy

NAME = "linear"
LABEL_EVERY = 20
SPLITS = (50, 40)


@contextmanager
def place(kind: str, folder: Path, uri: str, flags: list[str]) -> Iterator[tuple[int, Any, dict[int, Ours]]]:
    """Run servers whose versions share the traffic.

    Yields the port for callers, the rollout's target, and the servers by the version that they hold.
    """
    from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget
    from airflow_mlops.rollout.targets.local import LocalTarget

    with ExitStack() as stack:
        if kind == "local":
            server = stack.enter_context(ours(NAME, uri, folder, *flags))
            target: Any = LocalTarget(server.admin_url, ADMIN_TOKEN, timeout_s=60)
            port, servers = server.port, {1: server, 2: server}
        else:
            slots = {slot: stack.enter_context(ours(NAME, uri, folder, *flags)) for slot in "ab"}
            port, behind = free_port(), [f"http://127.0.0.1:{server.port}" for server in slots.values()]
            proxy = stack.enter_context(running_haproxy(port, behind))
            addresses = {slot: server.admin_url for slot, server in slots.items()}
            target = HaproxyTarget(proxy.url, ADMIN_TOKEN, socket=proxy.socket, slots=addresses, timeout_s=60)
            servers = {1: slots["a"], 2: slots["b"]}
        stack.enter_context(closing(target))
        begin(target)
        await_answers(port)
        yield port, target, servers


def begin(target: Any) -> None:
    """Version 1 is the champion, version 2 gets its share."""
    ready(target, 1)
    target.finalize(1)
    ready(target, 2)
    target.set_weight(2, 1, SPLITS[0])


def ready(target: Any, version: int) -> None:
    while (health := target.ensure(version, f"models:/{NAME}/{version}")).status == "loading":
        pass
    if health.status != "ok":
        raise SystemExit(f"version {version} cannot be loaded: {health}")


def await_answers(port: int) -> None:
    """Wait until the checks of HAProxy have found a slot that may answer."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise SystemExit("no slot behind HAProxy answers")


def log_rows(state: Path) -> int:
    """Return how many requests are in a server's log."""
    with closing(
        sqlite3.connect(f"file:{state / 'serving.sqlite'}?mode=ro", uri=True, timeout=60)
    ) as database:
        return int(database.execute("SELECT count(*) FROM requests").fetchone()[0])


def size(folder: Path) -> float:
    """Return the megabytes of the files in a folder."""
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # A download that has just ended.
            found += path.stat().st_size if path.is_file() else 0
    return found / 2**20


def look(servers: dict[int, Ours]) -> tuple[float, float, float, int]:
    """Return memory, that of processes that ask MLflow, size of the state folders, rows of a log."""
    own = {server.pid: server for server in servers.values()}.values()
    asking = sum(memory(server.pid, only_asking=True) for server in own)
    return (
        sum(memory(server.pid) for server in own) - asking,
        asking,
        sum(size(server.state) for server in own),
        max(log_rows(server.state) for server in own),
    )


def stir(number: int, target: Any, servers: dict[int, Ours]) -> None:
    """Load a version anew and move the split."""
    version = 1 + number % 2
    servers[version].load(NAME, version, reload=True)
    target.set_weight(2, 1, SPLITS[number % 2])


async def endure(port: int, target: Any, servers: dict[int, Ours], options: argparse.Namespace) -> list[Line]:
    """Call for as long as asked; print and return the lines."""
    callers = LabellingCallers(port, options.connections, options.rps, LABEL_EVERY)
    running = asyncio.create_task(callers.run())
    now = asyncio.get_running_loop().time
    lines: list[Line] = []
    try:
        for number in range(1, max(1, round(60 * options.minutes / options.every)) + 1):
            began, before = now(), callers.tally()
            await asyncio.to_thread(stir, number, target, servers)
            await asyncio.sleep(max(0.0, began + options.every - now()))
            after, seconds = callers.tally(), now() - began
            new = [later - earlier for earlier, later in zip(before, after, strict=True)]
            lines.append(Line(seconds, *new, *await asyncio.to_thread(look, servers)))
            show(number, lines[-1], callers.failed[before[2] :])
    finally:
        callers.stopped = True
        await running
    return lines


def show(number: int, line: Line, failures: list[str]) -> None:
    print(
        f"{number:>5}{line.requests:>11,}{line.requests / line.seconds:>8,.0f}{line.labels:>9,}"
        f"{line.failed:>8,}{line.megabytes:>9.1f}{line.asking:>8.1f}{line.disk:>10.1f}{line.log_rows:>12,}",
        flush=True,
    )
    for text in failures[:3]:
        print(f"      failed: {text}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=2.0, help="2 by default, 20 for the full figures")
    parser.add_argument("--target", choices=("local", "haproxy"), default="local")
    parser.add_argument("--rps", default="full", help="requests per second, or full (default)")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1, help="processes of each server")
    parser.add_argument("--log-rows", type=int, help="of each server's log (default: the server's own bound)")
    parser.add_argument(
        "--every", type=float, help="seconds of a line, at most 60 (default: an eighth of the time, or 60)"
    )
    options = parser.parse_args()
    if options.every is None:
        options.every = seconds_of_a_line(options.minutes)
    if not 0 < options.every <= LONGEST_LINE_S:
        parser.error(
            "--every must be more than 0 and at most 60 seconds: the canary's lease lasts two minutes"
        )
    options.rps = None if options.rps == "full" else float(options.rps)
    return options


def main() -> None:
    options = arguments()
    rate = "all that is possible" if options.rps is None else f"{options.rps:g} requests per second"
    print(
        f"{options.minutes:g} minutes in lines of {options.every:g} s, target {options.target}, {rate} from "
        f"{options.connections} connections, {options.workers} worker(s) each\n"
        f"{'line':>5}{'requests':>11}{'per s':>8}{'labels':>9}{'failed':>8}{'PSS MB':>9}{'asking':>8}"
        f"{'state MB':>10}{'rows in log':>12}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with contextlib.redirect_stderr(io.StringIO()):
            uri = train(folder, NAME)
        flags = ["--workers", str(options.workers)]
        flags += ["--log-rows", str(options.log_rows)] if options.log_rows else []
        with place(options.target, folder, uri, flags) as (port, target, servers):
            lines = asyncio.run(endure(port, target, servers, options))
    print(judge_memory(lines))
    print(judge_log(lines, options.log_rows or Settings.log_rows))
    requests, failed = sum(line.requests for line in lines), sum(line.failed for line in lines)
    print(f"{requests:,} requests, {sum(line.labels for line in lines):,} labels, {failed:,} failed")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
