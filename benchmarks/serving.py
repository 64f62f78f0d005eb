"""The model server beside `mlflow models serve`, LitServe and a bare Starlette echo: speed and memory.

    python benchmarks/serving.py               4 seconds each, about two minutes
    python benchmarks/serving.py --rounds 5    calmer figures: medians of five times all servers
    python benchmarks/serving.py --litserve    LitServe as well, in an environment of its own under .bench/
    python benchmarks/serving.py --workers 2   ours with as many processes

Eight connections send single rows of 20 numbers, then 1,000 such rows per request; every other server has
one worker and its defaults. Ours holds two versions at 50 % each and logs every request. The load comes from
`wrk` when it is installed (Debian package wrk), else from a client in Python, which needs a core of its own
and makes fast servers look slower. Load and servers share this machine, so a ratio compares what was measured
in the same round, one server right after the other; with several rounds the last tables show the medians of
figures and of ratios. Memory is the proportional share (PSS) of all processes of a server after single rows;
CPU is the server's own per request, which other work on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from servers.load import CONNECTIONS, Load, load
from servers.models import MODELS, train
from servers.peers import echo_server, litserve_server, mlflow_server
from servers.processes import asks_mlflow, cpu_s, memory, ours

ECHO = "bare Starlette echo"
LARGE = 1000
TARGETS = {"linear": 50, "forest": 30}
LARGE_TARGET, MEMORY_TARGET = 8, 0.6
HEADS = ("req/s", "p50 ms", "p99 ms", "CPU ms", "not 200", "of echo")


@dataclass(frozen=True)
class Result:
    """What came of single rows and of large requests with the CPU (ms) of each, and megabytes in between."""

    single: Load
    single_cpu: float
    memory: float
    large: Load
    large_cpu: float


Table = dict[str, list[float]]
"""A row of figures by its title; not a number where there is nothing to compare with."""


def measure(pid: int, port: int, seconds: float, folder: Path) -> Result:
    load(port, min(1.0, seconds), 1, folder)  # Warm: caches, threads, branch predictors.
    single = with_cpu(pid, port, seconds, 1, folder)
    while asks_mlflow(pid):  # This part of ours ends a minute after the last question.
        time.sleep(1)
    held = memory(pid)
    load(port, min(1.0, seconds), LARGE, folder)
    return Result(*single, held, *with_cpu(pid, port, seconds, LARGE, folder))


def with_cpu(pid: int, port: int, seconds: float, rows: int, folder: Path) -> tuple[Load, float]:
    """Return what came of a load, and the server's milliseconds of CPU per request."""
    before = cpu_s(pid)
    found = load(port, seconds, rows, folder)
    return found, 1000 * (cpu_s(pid) - before) / max(1.0, found.rps * seconds)


@contextmanager
def our_server(name: str, uri: str, folder: Path, workers: int) -> Iterator[tuple[int, int]]:
    """Run ours with two versions at 50 % each."""
    with ours(name, uri, folder, "--workers", str(workers)) as server:
        for version in (1, 2):
            server.load(name, version)
        server.admin("PUT", "/admin/traffic", {"champion": 1, "weights": {"2": 50}, "generation": 99})
        yield server.pid, server.port


def measure_all(folder: Path, options: argparse.Namespace) -> dict[str, Result]:
    """Run every server once, one after another; the same models in every round."""
    seconds = options.seconds
    with echo_server(folder) as (pid, port):
        found = {ECHO: measure(pid, port, seconds, folder)}
    for name, title in MODELS.items():
        store = folder / name
        if not store.exists():
            store.mkdir()
            train(store, name)
        uri = f"sqlite:///{store}/mlflow.db"
        servers = {"mlflow": mlflow_server(name, uri, store)}
        if options.litserve:
            servers["LitServe"] = litserve_server(name, uri, store)
        servers["this, 2 versions"] = our_server(name, uri, store, options.workers)
        for server, running in servers.items():
            with running as (pid, port):
                found[f"{title}: {server}"] = measure(pid, port, seconds, store)
    return found


def tables(found: dict[str, Result]) -> tuple[Table, Table]:
    """Return the figures of single rows and of large requests, with the ratios to echo and mlflow."""
    nan = float("nan")
    single, large = Table(), Table()
    for title, result in found.items():
        model, _, server = title.partition(": ")
        echo = found[ECHO] if server else None
        peer = found[f"{model}: mlflow"] if server and server != "mlflow" else None
        for table, size in ((single, "single"), (large, "large")):
            got: Load = getattr(result, size)
            ratios = [got.rps / getattr(other, size).rps if other else nan for other in (echo, peer)]
            cpu = getattr(result, f"{size}_cpu")
            table[title] = [got.rps, got.p50, got.p99, cpu, got.failed, *ratios]
        single[title] += [result.memory, result.memory / peer.memory if peer else nan]
    return single, large


def middle(rounds: list[Table]) -> Table:
    """Return the median of each figure over the rounds."""
    return {
        title: [median(column) for column in zip(*(table[title] for table in rounds), strict=True)]
        for title in rounds[0]
    }


def show(found: tuple[Table, Table]) -> None:
    """Print both tables."""
    for title, table in zip(("single rows", f"{LARGE:,} rows per request"), found, strict=True):
        heads = "".join(f"{head:>9}" for head in HEADS) + f"{'of mlflow':>11}"
        memory_heads = f"{'MB':>8}{'of its MB':>11}" if title == "single rows" else ""
        print(f"\n{title:<38}{heads}{memory_heads}")
        for server, figures in table.items():
            print(f"{server:<38}{line(figures)}", flush=True)


def line(figures: list[float]) -> str:
    """Return the figures of one row as text; empty where there is none."""
    formats = ("9,.0f", "9.2f", "9.2f", "9.3f", "9.0f", "9.3f", "9.1f", "8.0f", "11.2f")
    cells = []
    for number, (figure, how) in enumerate(zip(figures, formats, strict=False)):
        width = int(how.partition(".")[0].strip(","))
        unit = " x" if number == 6 else ""
        cells.append(f"{format(figure, how)}{unit}" if figure == figure else " " * (width + len(unit)))
    return "".join(cells)


def verdict(found: tuple[Table, Table]) -> None:
    """Print whether ours is as much faster and smaller than mlflow as we promise."""
    single, large = found
    print()
    for name, title in MODELS.items():
        row = f"{title}: this, 2 versions"
        ratio, share, big = single[row][6], single[row][8], large[row][6]
        print(
            f"{title}: {ratio:.1f} x mlflow's requests (target >= {TARGETS[name]}), {share:.2f} of its "
            f"memory (<= {MEMORY_TARGET}), {big:.1f} x with {LARGE:,} rows (>= {LARGE_TARGET})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of load per server and kind of request")
    parser.add_argument("--rounds", type=int, default=1, help="each with all servers; then medians as well")
    parser.add_argument("--workers", type=int, default=1, help="processes of our server")
    parser.add_argument("--litserve", action="store_true", help="compare with LitServe (installs it)")
    options = parser.parse_args()
    client = "wrk" if shutil.which("wrk") else "the client in Python (install wrk for a lighter one)"
    print(f"{CONNECTIONS} connections, {options.seconds:g} s each, {os.cpu_count()} cores")
    print(f"load from {client}; ours with {options.workers} worker(s)", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        rounds = []
        for _ in range(options.rounds):
            rounds.append(tables(measure_all(Path(temporary), options)))
            show(rounds[-1])
        middles = middle([single for single, _ in rounds]), middle([large for _, large in rounds])
        if options.rounds > 1:
            print(f"\nmedians of {options.rounds} rounds; a ratio is the median of the rounds' ratios")
            show(middles)
        verdict(middles)


if __name__ == "__main__":
    main()
