"""How long /ping waits while a request of 8 MB is answered: every kind of body, one at a time.

    python benchmarks/pings.py                five requests of each kind, about a minute
    python benchmarks/pings.py --requests 20

One worker. A second connection asks /ping without a pause while one caller sends the largest body that the
server takes by default: in MLflow's formats, as CSV, as tensors of the Open Inference Protocol, with and
without a signature, and 1,000 rows for a forest. The longest wait should be at most 50 ms. Load and server
share this machine, so other work on it shows in the figures.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import numpy as np
from servers.models import COLUMNS, body, train
from servers.processes import TOKEN, Ours, ours

LARGEST = 8 * 2**20
LIMIT_MS = 50.0
INFER = "/v2/models/linear/infer"
Body = tuple[str, bytes, dict[str, str]]
"""A path, a body, and headers."""


def unsigned(folder: Path) -> str:
    """Register a model without a signature; return the store's address."""
    import mlflow
    from sklearn.linear_model import LogisticRegression

    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.create_experiment("unsigned", artifact_location=(folder / "artifacts").as_uri())
    rows = np.random.default_rng(0).normal(size=(500, len(COLUMNS)))
    with mlflow.start_run(experiment_id=experiment):
        mlflow.sklearn.log_model(
            LogisticRegression().fit(rows, rows.sum(axis=1) > 0), name="model",
            serialization_format="cloudpickle", pip_requirements=["scikit-learn"],
            registered_model_name="unsigned",
        )  # fmt: skip
    return uri


def bodies() -> Mapping[str, Body]:
    """Return the bodies for a model of named columns, by kind."""
    rows = LARGEST // 440  # of 20 numbers with 15 to 20 digits each
    values = np.random.default_rng(0).normal(size=(rows, len(COLUMNS)))
    listed = values.tolist()
    columns = dict(zip(COLUMNS, values.T.tolist(), strict=True))
    csv = "\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in listed)])
    tensors = [
        {"name": name, "shape": [rows], "datatype": "FP64", "data": column}
        for name, column in columns.items()
    ]
    records = [dict(zip(COLUMNS, row, strict=True)) for row in listed[: LARGEST // 600]]
    mlflow = {
        "dataframe_split": {"dataframe_split": {"columns": COLUMNS, "data": listed}},
        "dataframe_records": {"dataframe_records": records},
        "inputs, columns": {"inputs": columns},
    }
    return {
        **{kind: ("/invocations", encoded(value), {}) for kind, value in mlflow.items()},
        "CSV": ("/invocations", csv.encode(), {"Content-Type": "text/csv"}),
        "tensors in JSON": (INFER, encoded({"inputs": tensors}), {}),
        "tensors, binary": binary(values),
    }


def binary(values: np.ndarray) -> Body:
    """Return a request of the Open Inference Protocol whose tensors are bytes."""
    form = {"shape": [len(values)], "datatype": "FP64", "parameters": {"binary_data_size": 8 * len(values)}}
    inputs = [{"name": name, **form} for name in COLUMNS]
    head = encoded({"inputs": inputs})
    length = {
        "Inference-Header-Content-Length": str(len(head)),
        "Content-Type": "application/octet-stream",
    }
    return INFER, head + np.ascontiguousarray(values.T).tobytes(), length


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def send(connection: http.client.HTTPConnection, order: Body) -> None:
    """Send a request and read its answer, which must be one with predictions."""
    path, content, headers = order
    known = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}", **headers}
    connection.request("POST", path, content, known)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {text[:300]!r}")


def waits(server: Ours, order: Body, requests: int) -> tuple[list[float], float]:
    """Return how long each ping took beside the requests, in ms, and the seconds of one request."""
    done = threading.Event()
    found: list[float] = []

    def ping() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not done.is_set():
            began = time.perf_counter()
            connection.request("GET", "/ping")
            connection.getresponse().read()
            found.append(1000 * (time.perf_counter() - began))

    caller = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    send(caller, order)
    pinger = threading.Thread(target=ping)
    pinger.start()
    began = time.perf_counter()
    try:
        for _ in range(requests):
            send(caller, order)
    finally:
        seconds = (time.perf_counter() - began) / requests
        done.set()
        pinger.join()
    return found, seconds


def measure(folder: Path, requests: int) -> Iterator[tuple[str, Body, tuple[list[float], float]]]:
    """Yield the kind of a body, the body, and what came of it."""
    stores = {name: folder / name for name in ("linear", "forest", "unsigned")}
    for store in stores.values():
        store.mkdir()
    named = bodies()
    with server_of("linear", train(stores["linear"], "linear"), stores["linear"]) as server:
        for kind, order in named.items():
            yield kind, order, waits(server, order, requests)
    with server_of("forest", train(stores["forest"], "forest"), stores["forest"]) as server:
        for kind, order in {
            "forest, 1,000 rows": ("/invocations", body(1000), {}),
            "forest, dataframe_split": named["dataframe_split"],
        }.items():
            yield kind, order, waits(server, order, requests)
    with server_of("unsigned", unsigned(stores["unsigned"]), stores["unsigned"]) as server:
        for kind in ("dataframe_split", "CSV"):
            yield f"no signature, {kind}", named[kind], waits(server, named[kind], requests)


@contextmanager
def server_of(name: str, uri: str, folder: Path) -> Iterator[Ours]:
    """Run a server whose champion is version 1."""
    with ours(name, uri, folder) as server:
        server.load(name, 1)
        server.admin("PUT", "/admin/traffic", {"champion": 1, "weights": {}, "generation": 99})
        yield server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=5, help="of each kind")
    options = parser.parse_args()
    print(f"{'':<28}{'MB':>7}{'s each':>9}{'pings':>9}{'median ms':>11}{'99 % ms':>9}{'longest ms':>12}")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for kind, order, (found, seconds) in measure(Path(folder), options.requests):
            cuts = quantiles(found, n=100) if len(found) > 1 else found * 99
            worst = max(worst, *found)
            print(
                f"{kind:<28}{len(order[1]) / 2**20:>7.2f}{seconds:>9.2f}{len(found):>9,}"
                f"{cuts[49]:>11.2f}{cuts[98]:>9.1f}{max(found):>12.1f}",
                flush=True,
            )
    print(f"\nlongest wait of /ping: {worst:.0f} ms (target <= {LIMIT_MS:.0f})")


if __name__ == "__main__":
    main()
