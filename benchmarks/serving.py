"""The model server beside `mlflow models serve`, LitServe and a bare Starlette echo: speed and memory.

    python benchmarks/serving.py               4 seconds each, about a minute
    python benchmarks/serving.py --rounds 3    calmer figures: medians of three times all servers
    python benchmarks/serving.py --litserve    LitServe as well, in an environment of its own under .bench/
    python benchmarks/serving.py --workers 2   ours with as many processes

Eight connections send single rows of 20 numbers; every other server has one worker and its defaults. Ours
holds two versions at 50 % each and logs every request. The load comes from `wrk` when it is installed (Debian
package wrk), else from a client in Python, which needs a core of its own and makes fast servers look slower.
Load and servers share this machine. Memory is the proportional share (PSS) of all processes of a server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

CONNECTIONS = 8
ECHO = "bare Starlette echo"
MODELS = {"linear": "LogisticRegression", "forest": "RandomForest, 100 trees"}
COLUMNS = [f"f{i}" for i in range(20)]
BODY = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [[i / 7 for i in range(20)]]}}).encode()
TOKEN, ADMIN_TOKEN = "benchmark", "benchmark-admin"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}


@dataclass(frozen=True)
class Result:
    """Requests per second, latency in ms, resident memory in MB, answers that were not 200."""

    rps: float
    p50: float
    p99: float
    memory: float
    failed: float


async def echo(scope: dict, receive: object, send: object) -> None:
    """A bare Starlette application: reads the body, answers JSON."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    global _APP
    if _APP is None:

        async def answer(request: object) -> JSONResponse:
            await request.json()  # type: ignore[attr-defined]
            return JSONResponse({"predictions": [1]})

        _APP = Starlette(routes=[Route("/invocations", answer, methods=["POST"])])
    await _APP(scope, receive, send)


_APP = None


def train(folder: Path, name: str) -> None:
    """Register two versions of a model in a tracking store of its own."""
    import logging

    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.create_experiment(name, artifact_location=(folder / "artifacts").as_uri())
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(2000, 20)), columns=COLUMNS)
    label = (rows.sum(axis=1) + rng.normal(size=2000) > 0).astype(int)
    for seed in (1, 2):
        model = LogisticRegression() if name == "linear" else RandomForestClassifier(100, random_state=seed)
        with mlflow.start_run(experiment_id=experiment):
            mlflow.sklearn.log_model(
                model.fit(rows, label), name="model", serialization_format="cloudpickle",
                signature=ModelSignature(Schema([ColSpec("double", c) for c in COLUMNS])),
                pip_requirements=["scikit-learn"], registered_model_name=name,
            )  # fmt: skip


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


def admin(port: int, method: str, path: str, body: dict) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {ADMIN_TOKEN}"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def memory(pid: int) -> float:
    """Megabytes of a process and all below it; what they share counts once.

    The process with which our server has asked MLflow ends a minute later: it is waited for.
    """
    import psutil

    while any("airflow_mlops.serving.fetching" in p.cmdline() for p in psutil.Process(pid).children(True)):
        time.sleep(1)
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(getattr(p.memory_full_info(), "pss", p.memory_info().rss) for p in processes) / 2**20


def load(port: int, seconds: float, folder: Path) -> tuple[float, float, float, int]:
    """Return requests per second, p50 and p99 in milliseconds, and answers that were not 200."""
    if shutil.which("wrk"):
        return with_wrk(port, seconds, folder)
    command = [sys.executable, __file__, "--client", str(port), str(seconds)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(json.loads(found.stdout))


def with_wrk(port: int, seconds: float, folder: Path) -> tuple[float, float, float, int]:
    script = folder / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = [==[{BODY.decode()}]==]\n'
        f'wrk.headers["Content-Type"] = "application/json"\nwrk.headers["Authorization"] = "Bearer {TOKEN}"\n'
    )
    shown = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script),
         f"http://127.0.0.1:{port}/invocations"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return read_wrk(shown)


def read_wrk(shown: str) -> tuple[float, float, float, int]:
    """Read what wrk prints."""
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}

    def latency(percent: str) -> float:
        found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", shown)
        return float(found[1]) * units[found[2]] if found else float("nan")

    rps = re.search(r"Requests/sec:\s+([\d.]+)", shown)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", shown)
    return float(rps[1]) if rps else 0.0, latency("50"), latency("99"), int(bad[1]) if bad else 0


async def with_python(port: int, seconds: float) -> tuple[float, float, float, int]:
    request = (
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (TOKEN.encode(), len(BODY), BODY)
    )
    times: list[float] = []
    failed = 0

    async def caller(until: float) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])  # type: ignore[index]
            await reader.readexactly(length)
            times.append(time.perf_counter() - started)
            failed += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller(began + seconds) for _ in range(CONNECTIONS)))
    elapsed, times = time.perf_counter() - began, sorted(times)
    p50, p99 = (1000 * times[int(len(times) * q)] for q in (0.5, 0.99))
    return len(times) / elapsed, p50, p99, failed


def measure(pid: int, port: int, seconds: float, folder: Path) -> Result:
    load(port, min(1.0, seconds), folder)  # Warm: caches, threads, branch predictors.
    rps, p50, p99, failed = load(port, seconds, folder)
    return Result(rps, p50, p99, memory(pid), failed)


def run_echo(seconds: float, folder: Path) -> Result:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "serving:echo", "--app-dir", str(Path(__file__).parent)]
    quiet = ["--port", str(port), "--log-level", "warning", "--no-access-log", "--lifespan", "off"]
    with server([*command, *quiet], port, "/invocations", folder) as pid:
        return measure(pid, port, seconds, folder)


def run_mlflow(name: str, uri: str, seconds: float, folder: Path) -> Result:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{name}/1", "-p", str(port)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    options = {"MLFLOW_TRACKING_URI": uri, "PATH": path}
    with server([*command, "--env-manager", "local"], port, "/ping", folder, **options) as pid:
        return measure(pid, port, seconds, folder)


def run_ours(name: str, uri: str, seconds: float, folder: Path, workers: int) -> Result:
    port, admin_port = free_port(), free_port()
    command = [sys.executable, "-m", "airflow_mlops", "serve", "--name", name, "--tracking-uri", uri]
    state = tempfile.mkdtemp(dir=folder)
    options = ["--port", str(port), "--state-dir", state, "--workers", str(workers)]
    options += ["--admin-port", str(admin_port)]
    tokens = {"AIRFLOW_MLOPS_SERVING_TOKEN": TOKEN, "AIRFLOW_MLOPS_ADMIN_TOKEN": ADMIN_TOKEN}
    with server([*command, *options], port, "/ping", folder, **tokens) as pid:
        for version in (1, 2):
            admin(admin_port, "PUT", f"/admin/versions/{version}", {"model_uri": f"models:/{name}/{version}"})
        admin(admin_port, "PUT", "/admin/traffic", {"champion": 1, "weights": {"2": 50}, "generation": 99})
        return measure(pid, port, seconds, folder)


LITSERVE = "litserve==0.2.19"
API = """
import pickle, sys
import litserve
import numpy as np

class Api(litserve.LitAPI):
    def setup(self, device):
        with open(sys.argv[1], "rb") as file:
            self.model = pickle.load(file)
    def decode_request(self, request):
        return np.array(request["dataframe_split"]["data"])
    def predict(self, rows):
        return self.model.predict(rows)
    def encode_response(self, labels):
        return {"predictions": labels.tolist()}

if __name__ == "__main__":
    api = Api(api_path="/invocations")
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
"""


def litserve_python() -> Path:
    """Return the interpreter of LitServe's own environment, made when it is not there."""
    import importlib.metadata

    home = Path(__file__).parent.parent / ".bench" / "litserve"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        same = [f"{name}=={importlib.metadata.version(name)}" for name in ("scikit-learn", "numpy")]
        subprocess.run([python, "-m", "pip", "install", "--quiet", LITSERVE, *same], check=True)
        (home / "complete").touch()
    return python


def run_litserve(name: str, uri: str, seconds: float, folder: Path) -> Result:
    import pickle

    import mlflow

    mlflow.set_tracking_uri(uri)
    model = mlflow.sklearn.load_model(f"models:/{name}/1")
    del model.feature_names_in_  # It is asked with arrays.
    (folder / "model.pickle").write_bytes(pickle.dumps(model))
    (folder / "api.py").write_text(API)
    port = free_port()
    command = [str(litserve_python()), str(folder / "api.py"), str(folder / "model.pickle"), str(port)]
    with server(command, port, "/health", folder, PYTHONPATH="") as pid:
        return measure(pid, port, seconds, folder)


def show(title: str, found: Result, echo: Result | None = None, peer: Result | None = None) -> None:
    """Print a line; ``peer`` is mlflow with the same model."""
    share = f"{found.rps / echo.rps:>9.3f}" if echo else ""
    ratio = f"{found.rps / peer.rps:>8.1f} x{found.memory / peer.memory:>8.2f}" if peer else ""
    print(
        f"{title:<36}{found.rps:>9,.0f}{found.p50:>9.2f}{found.p99:>9.2f}{found.memory:>9.0f}"
        f"{found.failed:>8.0f}{share}{ratio}",
        flush=True,
    )


def measure_all(folder: Path, options: argparse.Namespace) -> dict[str, Result]:
    """Run every server once, one after another; the same models in every round."""
    seconds = options.seconds
    found = {ECHO: run_echo(seconds, folder)}
    for name, title in MODELS.items():
        store = folder / name
        if not store.exists():
            store.mkdir()
            train(store, name)
        uri = f"sqlite:///{store}/mlflow.db"
        found[f"{title}: mlflow"] = run_mlflow(name, uri, seconds, store)
        if options.litserve:
            found[f"{title}: LitServe"] = run_litserve(name, uri, seconds, store)
        found[f"{title}: this, 2 versions"] = run_ours(name, uri, seconds, store, options.workers)
    return found


def middle(rounds: list[dict[str, Result]]) -> dict[str, Result]:
    """Return the median of each figure over the rounds."""
    return {
        title: Result(*(median(column) for column in zip(*(astuple(r[title]) for r in rounds), strict=True)))
        for title in rounds[0]
    }


def show_all(found: dict[str, Result]) -> None:
    heads = f"{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'MB':>9}{'not 200':>8}{'of echo':>9}"
    print(f"\n{'':<36}{heads}{'of mlflow':>10}{'its MB':>8}")
    for title, result in found.items():
        model, _, server = title.partition(": ")
        peer = found[f"{model}: mlflow"] if server and server != "mlflow" else None
        show(title, result, found[ECHO] if server else None, peer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of load per server")
    parser.add_argument("--rounds", type=int, default=1, help="each with all servers; then medians as well")
    parser.add_argument("--workers", type=int, default=1, help="processes of our server")
    parser.add_argument("--litserve", action="store_true", help="compare with LitServe (installs it)")
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        found = asyncio.run(with_python(int(options.client[0]), float(options.client[1])))
        print(json.dumps(found))
        return
    client = "wrk" if shutil.which("wrk") else "the client in Python (install wrk for a lighter one)"
    print(f"{CONNECTIONS} connections, single rows, {options.seconds:g} s each, {os.cpu_count()} cores")
    print(f"load from {client}; ours with {options.workers} worker(s)", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        rounds = []
        for _ in range(options.rounds):
            rounds.append(measure_all(Path(temporary), options))
            show_all(rounds[-1])
        if options.rounds > 1:
            print(f"\nmedians of {options.rounds} rounds")
            show_all(middle(rounds))


if __name__ == "__main__":
    main()
