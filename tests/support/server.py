"""Real models in a real MLflow registry and a real model server on a free port, for tests."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import pandas as pd
import uvicorn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from airflow_mlops.serving import Settings
from airflow_mlops.serving.app import create_app
from airflow_mlops.training.promotable import check_promotable
from tests.support.mlflow_store import new_store

NAME = "flights"
TOKEN, ADMIN_TOKEN = "secret-token", "token-of-administrators"
TOKENS = {"AIRFLOW_MLOPS_SERVING_TOKEN": TOKEN, "AIRFLOW_MLOPS_ADMIN_TOKEN": ADMIN_TOKEN}
ROW = {"distance": 0.4, "carrier": "UA", "hour": 3}


def frame(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "distance": rng.normal(size=n),
            "carrier": rng.choice(["UA", "AA"], n),
            "hour": rng.integers(0, 24, n),
        }
    )


def _features(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "distance": rows["distance"].fillna(0.0),
            "ua": (rows["carrier"] == "UA").astype(float),
            "hour": rows["hour"].astype(float),
        }
    )


def _fails(rows: pd.DataFrame) -> pd.DataFrame:
    raise RuntimeError("canary is broken")


def _ends_the_process(rows: pd.DataFrame) -> pd.DataFrame:
    if (rows["distance"] < 1).any():  # The row with which a version is warmed up has 1.
        os._exit(7)
    return _features(rows)


def _always_ends_the_process(rows: pd.DataFrame) -> pd.DataFrame:
    os._exit(7)


def _needs_more(rows: pd.DataFrame) -> pd.DataFrame:
    return _features(rows).assign(extra=rows["extra"])


def _slow(rows: pd.DataFrame) -> pd.DataFrame:
    threading.Event().wait(1.5)
    return _features(rows)


def _fit(function: Any, rows: pd.DataFrame) -> Pipeline:
    label = (rows["distance"] > 0).astype(int)
    return Pipeline([("features", FunctionTransformer(function)), ("model", LogisticRegression())]).fit(
        rows, label
    )


class Registry:
    """MLflow on SQLite with versions 1 (champion) … ; ``kinds`` maps a word to its version."""

    def __init__(self, folder: Path) -> None:
        self.uri = new_store(folder)
        self.artifacts = folder / "artifacts"
        mlflow.set_tracking_uri(self.uri)
        self.experiment = mlflow.create_experiment(NAME, artifact_location=self.artifacts.as_uri())
        self.client = mlflow.MlflowClient(self.uri)
        self.kinds: dict[str, int] = {}
        rows = frame()
        good = _fit(_features, rows)
        self._log("champion", good, rows, golden=good)
        self._log("good", _fit(_features, rows), rows, golden=good)
        broken = _fit(_features, rows)
        broken.steps[0][1].func = _fails
        self._log("broken", broken, rows)
        wider = rows.assign(extra=1.0)
        self._log("wider", _fit(_needs_more, wider), wider)
        odd = _fit(_features, rows)
        odd.steps[1][1].coef_ = -odd.steps[1][1].coef_
        self._log("odd", odd, rows, golden=good)
        slow = _fit(_features, rows)
        slow.steps[0][1].func = _slow
        self._log("slow", slow, rows)
        crashing = _fit(_features, rows)
        crashing.steps[0][1].func = _ends_the_process
        self._log("crashing", crashing, rows)
        hopeless = _fit(_features, rows)
        hopeless.steps[0][1].func = _always_ends_the_process
        self._log("hopeless", hopeless, rows)

    def _log(self, kind: str, model: Pipeline, rows: pd.DataFrame, golden: Pipeline | None = None) -> None:
        example = rows.astype({"hour": "int64"})
        with mlflow.start_run(experiment_id=self.experiment):
            if golden is not None:
                sample = rows.head(5)
                mlflow.log_dict(
                    {
                        "columns": list(sample.columns),
                        "rows": json.loads(sample.to_json(orient="values")),
                        "predictions": golden.predict(sample).tolist(),
                    },
                    "golden.json",
                )
            info = mlflow.sklearn.log_model(
                model,
                name="model",
                serialization_format="cloudpickle",
                signature=_signature(example),
                pip_requirements=["scikit-learn"],
                registered_model_name=NAME,
            )
        self.kinds[kind] = int(info.registered_model_version)

    def model_uri(self, kind: str) -> str:
        return f"models:/{NAME}/{self.kinds[kind]}"

    # What a rollout needs of a registry, on the real MLflow client.
    def get(self, alias: str) -> int | None:
        try:
            return int(self.client.get_model_version_by_alias(NAME, alias).version)
        except mlflow.exceptions.MlflowException:
            return None

    def set(self, alias: str, version: int) -> None:
        self.client.set_registered_model_alias(NAME, alias, str(version))

    def delete(self, alias: str) -> None:
        self.client.delete_registered_model_alias(NAME, alias)

    def check(self, version: int) -> None:
        check_promotable(self.client, self.uri, NAME, version)

    def digest(self, version: int) -> str:
        return str(self.client.get_model_version(NAME, str(version)).source)

    def tag(self, version: int, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self.client.set_model_version_tag(NAME, str(version), key, value)

    def attach(self, version: int, filename: str, payload: Any) -> None:
        run_id = self.client.get_model_version(NAME, str(version)).run_id
        self.client.log_dict(run_id, dict(payload), filename)


def _signature(rows: pd.DataFrame) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    types = {"distance": "double", "carrier": "string", "hour": "long", "extra": "double"}
    return ModelSignature(Schema([ColSpec(types[c], c) for c in rows.columns]), Schema([ColSpec("long")]))


_TLS = httpx.create_ssl_context()


class Client(httpx.Client):
    """A caller with the token; what it asks of ``/admin`` goes to ``admin_url`` with the token for that.

    ``stop`` ends the server.
    """

    stop: Callable[[], None]

    def __init__(self, admin_url: str = "", **fields: Any) -> None:
        # httpx would read the certificates for each client: 50 ms
        super().__init__(**{"verify": _TLS, **fields})
        self.admin_url = admin_url

    def build_request(self, method: str, url: Any, **fields: Any) -> httpx.Request:
        if self.admin_url and str(url).startswith("/admin/"):
            own = {"Authorization": f"Bearer {ADMIN_TOKEN}", **(fields.pop("headers", None) or {})}
            return super().build_request(method, f"{self.admin_url}{url}", headers=own, **fields)
        return super().build_request(method, url, **fields)

    def predict(self, *rows: dict[str, Any], **headers: str) -> httpx.Response:
        return self.post("/invocations", json={"dataframe_records": list(rows) or [ROW]}, headers=headers)

    def load(self, version: int, uri: str) -> httpx.Response:
        return self.put(f"/admin/versions/{version}", json={"model_uri": uri})

    def must_load(self, version: int, uri: str) -> None:
        """Load a version, however long it takes; a rejection is shown with its reason."""
        answer = self.load(version, uri)
        while answer.json().get("status") == "loading":
            answer = self.load(version, uri)
        assert answer.json().get("status") == "ok", answer.text

    def traffic(
        self, champion: int | None, weights: dict[int, int] | None = None, lease_s: float | None = None
    ) -> httpx.Response:
        generation = self.get("/admin/state").json()["generation"] + 1
        body = {
            "champion": champion,
            "weights": {str(v): p for v, p in (weights or {}).items()},
            "generation": generation,
            "lease_s": lease_s,
        }
        return self.put("/admin/traffic", json=body)

    def counts(self, since: int = 0) -> dict[str, dict[str, int]]:
        total: dict[str, dict[str, int]] = {}
        for epoch in self.get(f"/admin/counts?since_epoch={since}").json()["epochs"]:
            for version, found in epoch["counts"].items():
                entry = total.setdefault(version, {"requests": 0, "failures": 0})
                entry["requests"] += found["requests"]
                entry["failures"] += found["failures"]
        return total


@contextmanager
def running_server(registry: Registry, state_dir: Path, **options: Any) -> Iterator[Client]:
    """Serve in a thread of this process; yields a client with the token."""
    tokens = {"token": TOKEN, "admin_token": ADMIN_TOKEN}
    settings = Settings(name=NAME, tracking_uri=registry.uri, state_dir=state_dir, **{**tokens, **options})
    app = create_app(settings)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    port, app.admin_port = (listener.getsockname()[1] for listener in listeners)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, args=(listeners,))
    thread.start()
    try:
        assert started.wait(240)
        headers, admin_url = {"Authorization": f"Bearer {TOKEN}"}, f"http://127.0.0.1:{app.admin_port}"
        url = f"http://127.0.0.1:{port}"
        with Client(admin_url, base_url=url, headers=headers, timeout=240) as client:

            def stop() -> None:
                client.close()
                server.should_exit = True
                thread.join(240)

            client.stop = stop
            yield client
    finally:
        server.should_exit = True
        thread.join(240)
