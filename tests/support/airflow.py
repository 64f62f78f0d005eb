"""DAGs of pipeline files run on a real Airflow database, and what became of their tasks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from airflow.models import DagRun, TaskInstance
from airflow.sdk import DAG
from airflow.utils.session import create_session

from airflow_mlops import load_pipelines
from tests.support import free_port as free_port
from tests.support.project import ENVIRONMENT, FEATURES, customers
from tests.support.server import ADMIN_TOKEN, TOKEN, TOKENS, Client

ROWS = 2_000
PIPELINE: dict[str, Any] = {
    "name": "shop",
    "retries": 0,
    "data": {
        "source": {"type": "parquet", "filepath": "customers.parquet"},
        "target": "churned",
        "keys": ["customer_id", "seen_at"],
    },
    "features": "churn_features:build",
    "train": {"estimator": "sklearn.linear_model.RidgeClassifier"},
    "evaluate": {"metrics": ["accuracy"], "require": {"accuracy": ">= 0.6"}},
}
"""A pipeline that passes its gate in a fraction of a second."""

FEATURES_WITHOUT_GAPS = FEATURES.replace("return features", "return features.fillna(0.0)")


def project(folder: Path, *, features: str = FEATURES_WITHOUT_GAPS, **changes: Any) -> dict[str, DAG]:
    """Write a pipeline file with its data and code into ``folder``; return its DAGs by kind.

    ``changes`` replace sections of the file; None leaves a section out.
    """
    (folder / "pipelines").mkdir(exist_ok=True)
    config = {key: value for key, value in {**PIPELINE, **changes}.items() if value is not None}
    (folder / "pipelines" / f"{config['name']}.yaml").write_text(yaml.safe_dump(config))
    (folder / "pipelines" / "churn_features.py").write_text(features)
    data = folder / "pipelines" / "customers.parquet"
    if not data.exists():
        customers(ROWS).to_parquet(data, index=False)
    namespace: dict[str, Any] = {"__file__": str(folder / "dags.py")}
    load_pipelines(namespace, strict=True)
    name = str(config["name"])
    return {
        key.removeprefix(f"{name}__"): value
        for key, value in namespace.items()
        if isinstance(value, DAG) and key.startswith(f"{name}__")
    }


@dataclass
class Ran:
    """One run of a DAG: its tasks' states, and the exceptions that they ended with, try by try."""

    dag: DAG
    run_id: str
    state: str
    errors: dict[str, list[BaseException]] = field(default_factory=dict)

    @property
    def tasks(self) -> dict[str, str]:
        """The state of every task; of a mapped one, of its last instance."""
        with create_session() as session:
            return {item.task_id: str(item.state) for item in self._instances(session)}

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return what a task pushed."""
        with create_session() as session:
            found = [i for i in self._instances(session, task_id) if i.map_index == map_index]
            return found[0].xcom_pull(task_ids=task_id, key=key, session=session, map_indexes=map_index)

    def tries(self, task_id: str) -> int:
        """Return how often a task was tried."""
        with create_session() as session:
            return int(self._instances(session, task_id)[0].try_number)

    def error(self, task_id: str) -> str:
        """Return the message of a task's last failure."""
        return str(self.errors[task_id][-1])

    def _instances(self, session: Any, task_id: str | None = None) -> list[TaskInstance]:
        run = session.query(DagRun).filter_by(dag_id=self.dag.dag_id, run_id=self.run_id).one()
        return [item for item in run.get_task_instances(session=session) if task_id in (None, item.task_id)]


def run(dag: DAG, *, own_callbacks: bool = False, **options: Any) -> Ran:
    """Store a DAG and run it once, task by task in this process; retries follow without a delay.

    ``own_callbacks`` leaves the tasks their callbacks; the errors are then not collected.
    """
    store(dag)
    errors = _collected(dag, own_callbacks=own_callbacks)
    with _quick_looks():
        found = dag.test(**options)
    return Ran(dag, found.run_id, str(found.state), errors)


@contextmanager
def _quick_looks() -> Iterator[None]:
    """Let dag.test() look again at once where it sleeps a second between two looks at the tasks left."""
    sleep = time.sleep

    def shorter(seconds: float) -> None:
        caller = sys._getframe(1).f_globals["__name__"]
        sleep(min(seconds, 0.02) if caller == "airflow.sdk.definitions.dag" else seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", shorter)
        yield


def run_again(ran: Ran, *task_ids: str) -> Ran:
    """Clear tasks of a run that has ended, as a person does in the UI, and run them in this order."""
    from airflow.models.taskinstance import clear_task_instances
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.state import TaskInstanceState

    errors = _collected(ran.dag)
    errors.update(ran.errors)
    ran.errors = errors
    with create_session() as session:
        cleared = {item.task_id: item for item in ran._instances(session) if item.task_id in task_ids}
        clear_task_instances([cleared[task_id] for task_id in task_ids], session)
        session.commit()
        for task_id in task_ids:
            [instance] = ran._instances(session, task_id)
            instance.try_number += 1
            instance.state = TaskInstanceState.SCHEDULED
            session.commit()
            _run_task(ti=instance, task=ran.dag.get_task(task_id), run_triggerer=True)
    return ran


def store(dag: DAG) -> None:
    """Write a DAG into the database, which dag.test() expects."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
        session.commit()
        update_dag_parsing_results_in_db(
            "dags-folder", None, [LazyDeserializedDAG.from_dag(dag)], {}, None, set(), session
        )


def _collected(dag: DAG, *, own_callbacks: bool = False) -> dict[str, list[BaseException]]:
    errors: dict[str, list[BaseException]] = {}

    def collect(context: Any) -> None:
        errors.setdefault(context["ti"].task_id, []).append(context["exception"])

    for task in dag.tasks:
        if hasattr(task, "retry_delay"):
            task.retry_delay, task.retry_exponential_backoff = timedelta(0), 0
        for kind in () if own_callbacks else ("on_failure_callback", "on_retry_callback"):
            if not hasattr(task, "partial_kwargs"):
                setattr(task, kind, [collect])
    return errors


DEPLOY: dict[str, Any] = {
    "canary": {
        "steps": [50],
        "hold": "0.5s",
        "min_requests": 20,
        "poll": "0.2s",
        "step_timeout": "2m",
        "guards": {"error_rate": {"tolerance": 0.4}},
    }
}
"""A canary that ends in seconds when there is traffic."""

CUSTOMER = {"seen_at": "2024-05-01T10:00:00Z", "plan": "plus", "spend": 50.0, "visits": 4}


@contextmanager
def model_server(name: str, tracking_uri: str, state_dir: Path, port: int = 0) -> Iterator[Client]:
    """Serve in a process of its own, as users do; yields a client with the token."""
    port, admin_port = port or free_port(), free_port()
    command = [sys.executable, "-m", "airflow_mlops", "serve", "--name", name, "--port", str(port)]
    command += [
        "--tracking-uri",
        tracking_uri,
        "--state-dir",
        str(state_dir),
        "--admin-port",
        str(admin_port),
    ]
    environment = {**ENVIRONMENT, **TOKENS}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            admin_url, url = f"http://127.0.0.1:{admin_port}", f"http://127.0.0.1:{port}"
            with Client(admin_url, base_url=url, headers=headers, timeout=30) as client:
                _wait_for(client)
                yield client
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(client: Client) -> None:
    for _ in range(600):
        with suppress(httpx.HTTPError):
            client.get("/admin/state").raise_for_status()
            return
        time.sleep(0.1)
    raise AssertionError("the model server did not start within a minute")


def connection(name: str, host: str, token: str = ADMIN_TOKEN, **extra: Any) -> pytest.MonkeyPatch:
    """Define the Airflow connection of a model server in the environment; undo the patch afterwards."""
    patch = pytest.MonkeyPatch()
    value = {"conn_type": "mlops_serving", "host": host, "password": token, "extra": extra}
    patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
    return patch


@contextmanager
def traffic(client: Client, row: Mapping[str, Any] = CUSTOMER) -> Iterator[None]:
    """Ask the server for predictions until the block ends."""
    ended = threading.Event()
    headers, url = dict(client.headers), f"{client.base_url}/invocations"

    def ask() -> None:
        with httpx.Client(headers=headers, timeout=10) as caller:
            while not ended.wait(0.005):
                with suppress(httpx.HTTPError):
                    caller.post(url, json={"dataframe_records": [row]})

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)
