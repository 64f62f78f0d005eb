"""Brings the demo's processes up, in order, each one ready before it is counted on."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import httpx

from demo.airflow_api import Airflow
from demo.lake import build_lake
from demo.layout import CHECKOUT, PIPELINE, USER, DemoError, Layout
from demo.stack import Stack, wait_for, write_whole

_LOCAL_SETTINGS = '''\
"""Lets the scheduler load the libraries of the stages once; the tasks that it forks then start warm."""

import sys

if "scheduler" in sys.argv:
    from airflow_mlops.preload import preload

    preload()
'''


def prepare(layout: Layout) -> None:
    """Lay out folders, DAG files and the user's password."""
    layout.root.mkdir(parents=True, exist_ok=True)
    if not layout.dags.exists():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / "dags", layout.dags, ignore=ignored)
    (layout.airflow_home / "config").mkdir(parents=True, exist_ok=True)
    (layout.airflow_home / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS)
    passwords = layout.airflow_home / "passwords.json"
    write_whole(passwords, json.dumps({USER: layout.password}))
    passwords.chmod(0o600)


def start_all(stack: Stack, every: int = 1, mlflow_ui: bool = False) -> Airflow:
    """Start the model server and Airflow, build the data meanwhile; returns a client that is logged in."""
    layout = stack.layout
    prepare(layout)
    stack.start("migrate", ["airflow", "db", "migrate"])
    stack.start("mlflow-store", ["demo.start", layout.tracking_uri])
    build_lake(layout.lake, every)
    stack.join("migrate")
    stack.join("mlflow-store")
    start_server(stack)
    if mlflow_ui:
        start_mlflow(stack)
    api = start_airflow(stack)
    wait_for("the model server", lambda: answers(f"{layout.serving_url}/ping"), stack)
    if mlflow_ui:
        wait_for("MLflow", lambda: answers(f"{layout.mlflow_url}/health"), stack)
    return api


def start_airflow(stack: Stack) -> Airflow:
    """Start Airflow's four processes and return a client that is logged in."""
    stack.start("api-server", ["airflow", "api-server"])
    stack.start("dag-processor", ["airflow", "dag-processor"])
    # Their log servers would listen on every interface; here the API server reads the files itself.
    stack.start("scheduler", ["airflow", "scheduler", "--skip-serve-logs"])
    stack.start("triggerer", ["airflow", "triggerer", "--skip-serve-logs"])
    api = Airflow(stack.layout)
    wait_for("Airflow", api.healthy, stack, seconds=180)
    api.log_in()
    wanted = {f"{PIPELINE}__{kind}" for kind in ("train", "deploy", "monitor")}
    wait_for("the DAGs", lambda: wanted <= api.dags() or bool(api.import_errors()), stack)
    if errors := api.import_errors():
        raise DemoError("Airflow cannot load a DAG file:\n" + "\n".join(errors))
    for kind in ("train", "deploy"):
        api.unpause(f"{PIPELINE}__{kind}")
    return api


def start_server(stack: Stack) -> None:
    """Start the model server."""
    layout = stack.layout
    command = ["airflow_mlops", "serve", "--name", PIPELINE, "--tracking-uri", layout.tracking_uri]
    command += ["--port", str(layout.ports.serving), "--admin-port", str(layout.ports.serving_admin)]
    command += ["--state-dir", str(layout.root / "serving")]
    stack.start("serving", command)


def start_traffic(stack: Stack, month: str, rate: float) -> Path:
    """Start the traffic of one month; returns the file that it reports to."""
    layout = stack.layout
    report = layout.root / "traffic.json"
    file = layout.lake / "flights" / f"{month}.parquet"
    stack.start("traffic", ["demo.traffic", str(file), layout.serving_url, str(report), "--rate", str(rate)])
    return report


def start_mlflow(stack: Stack) -> None:
    """Start the MLflow UI."""
    layout = stack.layout
    command = ["mlflow", "server", "--backend-store-uri", layout.tracking_uri, "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(layout.ports.mlflow)]
    stack.start("mlflow", command)


def answers(url: str) -> bool:
    """Whether somebody answers at ``url``."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code < 500
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    from airflow_mlops.training.tracking import connect

    # The server, the UI and the first task would otherwise all create the tables of a new store at once.
    connect(sys.argv[1])
