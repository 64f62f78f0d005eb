"""The model server on a machine that has only what requirements/server.txt lists."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from airflow_mlops.training.assembly import assemble
from airflow_mlops.training.safe_format import trusted_types
from tests.support.mlflow_store import new_store

ROOT = Path(__file__).parents[2]
HEAVY = ("airflow", "great_expectations", "optuna", "kubernetes")
TOKEN, ADMIN_TOKEN = "secret-token", "token-of-administrators"


def pins(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line.split(" ")[0] for line in lines if re.match(r"[\w.-]+==", line)}


def test_what_the_server_pins_is_what_is_tested() -> None:
    assert pins("server.txt") < pins("all.txt")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment, set up as docker/Dockerfile.server does it; returns its programs' folder."""
    folder = tmp_path_factory.mktemp("server")
    uv, programs = [sys.executable, "-m", "uv", "--quiet"], folder / "venv" / "bin"
    install = [*uv, "pip", "install", "--python", str(programs / "python")]
    for command in (
        [*uv, "venv", "--python", sys.executable, str(folder / "venv")],
        [*install, "--require-hashes", "-r", str(ROOT / "requirements" / "server.txt")],
        [*uv, "build", "--wheel", "--no-build-isolation", "--out-dir", str(folder), str(ROOT)],
    ):
        subprocess.run(command, check=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    return programs


@pytest.mark.timeout(900)  # a new environment compiles every library at its first import
def test_a_prediction_from_an_environment_without_airflow(environment: Path, tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    log_model(uri, tmp_path / "artifacts")
    probe = f"import importlib.util as i; print([n for n in {HEAVY} if i.find_spec(n)])"
    found = subprocess.run([environment / "python", "-c", probe], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        [
            *(environment / "airflow-mlops", "serve", "--name", "churn", "--tracking-uri", uri),
            *("--port", "0", "--state-dir", tmp_path / "state"),
        ],
        env={**clean, "AIRFLOW_MLOPS_SERVING_TOKEN": TOKEN, "AIRFLOW_MLOPS_ADMIN_TOKEN": ADMIN_TOKEN},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        admin_url = next(line for line in server.stderr if "administrators of churn on " in line).split(
            " on "
        )[1]
        url = next(line for line in server.stderr if "serving churn on " in line).split(" on ")[1].strip()
        administrator = httpx.Client(
            base_url=admin_url.strip(), headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=240
        )
        with (
            administrator,
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=240) as client,
        ):
            status = "loading"  # for long: the first import of every library compiles it
            while status == "loading":
                loaded = administrator.put("/admin/versions/1", json={"model_uri": "models:/churn/1"})
                status = loaded.json().get("status")
            assert status == "ok", loaded.text
            traffic = {"champion": 1, "weights": {}, "generation": 2, "lease_s": None}
            assert administrator.put("/admin/traffic", json=traffic).status_code == 200
            answer = client.post("/invocations", json={"dataframe_records": [{"age": 3.0}, {"age": -3.0}]})
            assert (answer.status_code, answer.json()) == (200, {"predictions": [1, 0]})
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=240)
    assert server.returncode == 0, errors


def log_model(uri: str, artifacts: Path) -> None:
    """Log a model in the format that trainings use: it names this package's first step."""
    rows = pd.DataFrame({"age": np.linspace(-1.0, 1.0, 50)})
    model = assemble(rows, None, LogisticRegression().fit(rows, (rows["age"] > 0).astype(int)))
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.create_experiment("churn", artifact_location=artifacts.as_uri())
    with mlflow.start_run(experiment_id=experiment):
        mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=list(trusted_types(model)),
            input_example=rows.head(2),
            registered_model_name="churn",
        )


def test_the_server_does_not_import_what_it_can_do_without() -> None:
    program = (
        "import sys, airflow_mlops.serving.server, airflow_mlops.serving.worker\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
