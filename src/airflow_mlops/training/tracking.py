"""MLflow runs: one per Airflow task however many tries, and MLflow's faults in one line."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import BackendError, ConfigError, MlopsError

_MANNERS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_CONNECT_SECONDS: Final = 5.0
_CREATED: Final[set[str]] = set()
TASK_KEY: Final = "mlops.task_key"


def connect(uri: str) -> Any:
    """Return an ``MlflowClient`` for ``uri`` after a quick look whether anybody is there.

    Raises BackendError when the host or the database file cannot be reached, ConfigError for a URI that
    MLflow does not know.
    """
    for name, value in _MANNERS.items():
        os.environ.setdefault(name, value)
    _reach(uri)
    if (alembic := logging.getLogger("alembic")).level == logging.NOTSET:
        alembic.setLevel(logging.WARNING)  # sixty lines of migrations in the log of the first task
    import mlflow

    with translated(uri), _creation(uri):
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        if uri.startswith("sqlite:") and uri not in _CREATED:
            client.search_experiments(max_results=1)
            client.search_registered_models(max_results=1)
            _CREATED.add(uri)
    return client


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn MLflow's exceptions into BackendError (try again) or ConfigError (no right, bad URI)."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlopsError:
        raise
    except MlflowException as error:
        line = _first_line(error)
        if getattr(error, "error_code", "") in (
            "PERMISSION_DENIED",
            "UNAUTHENTICATED",
            "CUSTOMER_UNAUTHORIZED",
        ):
            raise ConfigError(
                f"MLflow at {shown(uri)} refuses: {line}; check the connection's login"
            ) from error
        if type(error).__name__ == "UnsupportedModelRegistryStoreURIException":
            raise ConfigError(f"MLflow does not know the URI {shown(uri)}: {line}") from error
        raise BackendError(f"MLflow at {shown(uri)}: {line}") from error
    except (SQLAlchemyError, OSError) as error:
        raise BackendError(
            f"MLflow at {shown(uri)}: {_first_line(error)}; check that it runs and is reachable"
        ) from error


@contextlib.contextmanager
def fluent(uri: str) -> Iterator[Any]:
    """Point MLflow's module-level functions at ``uri`` for a while."""
    import mlflow

    # What was said before stands in the environment too; what nobody said must not be said afterwards.
    before = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        with translated(uri):
            yield mlflow
    finally:
        mlflow.set_tracking_uri(before["MLFLOW_TRACKING_URI"])  # None: not set
        mlflow.set_registry_uri(before["MLFLOW_REGISTRY_URI"])
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


@dataclass(frozen=True)
class TaskRun:
    """The MLflow run of one Airflow task."""

    client: Any
    uri: str
    run_id: str

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; a later try with other values overwrites nothing and is kept as a tag."""
        from mlflow.entities import Param

        known = self.client.get_run(self.run_id).data.params
        text = {key: str(value)[:6000] for key, value in values.items()}
        fresh = [Param(key, value) for key, value in text.items() if key not in known]
        self.client.log_batch(self.run_id, params=fresh)
        for key, value in text.items():
            if known.get(key, value) != value:
                self.client.set_tag(self.run_id, f"mlops.retried.{key}", value[:5000])

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log figures at one step."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        figures = [Metric(key, float(value), now, step) for key, value in values.items()]
        with translated(self.uri):
            self.client.log_batch(self.run_id, metrics=figures)

    def tag(self, values: Mapping[str, str]) -> None:
        """Set tags of the run."""
        with translated(self.uri):
            for key, value in values.items():
                self.client.set_tag(self.run_id, key, value)

    def json(self, payload: Mapping[str, Any], filename: str) -> None:
        """Store ``payload`` as a JSON artifact."""
        with translated(self.uri):
            self.client.log_text(self.run_id, json.dumps(payload, indent=1, default=str), filename)


@contextlib.contextmanager
def task_run(
    uri: str, pipeline: str, task_key: str, artifacts: str, tags: Mapping[str, str]
) -> Iterator[TaskRun]:
    """Open the run of ``task_key``, found again by its tag on a retry, and close it as finished or failed.

    The experiment has the pipeline's name. Its artifacts go to ``<artifacts>/<pipeline>/mlflow`` when the
    store is a local database or folder; a server decides for itself.
    """
    client = connect(uri)
    with translated(uri):
        experiment = _experiment(client, uri, pipeline, artifacts)
        every = {"mlops.pipeline": pipeline, TASK_KEY: task_key, **tags}
        quote = '"' if "'" in task_key else "'"
        wanted = f"tags.`{TASK_KEY}` = {quote}{task_key}{quote}"
        found = client.search_runs([experiment], filter_string=wanted, max_results=1)
        if found:
            run_id = found[0].info.run_id
            client.update_run(run_id, status="RUNNING")
            for key, value in every.items():
                client.set_tag(run_id, key, value)
        else:
            run_id = client.create_run(experiment, tags=every, run_name=task_key).info.run_id
    try:
        with translated(uri):
            yield TaskRun(client, uri, run_id)
    except BaseException:
        with contextlib.suppress(Exception):
            client.set_terminated(run_id, status="FAILED")
        raise
    with translated(uri):
        client.set_terminated(run_id, status="FINISHED")


def abandon(uri: str, pipeline: str, key: str) -> int:
    """End, as killed, the runs still open of the tasks whose key begins with ``key``; returns how many.

    For tasks whose process died and that nobody will go on with.
    """
    client = connect(uri)
    with translated(uri):
        found = client.get_experiment_by_name(pipeline)
        if found is None:
            return 0
        wanted = f"tags.`{TASK_KEY}` LIKE '{key}%' AND attributes.status = 'RUNNING'"
        left = client.search_runs([found.experiment_id], filter_string=wanted)
        for run in left:
            client.set_terminated(run.info.run_id, status="KILLED")
    return len(left)


def is_local(uri: str) -> bool:
    """Return whether the store is a database file or a folder of this machine."""
    return uri.startswith("sqlite:") or "://" not in uri or uri.startswith("file:")


def _experiment(client: Any, uri: str, name: str, artifacts: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        place = f"{artifacts.rstrip('/')}/{name}/mlflow"
        if "://" not in place:
            place = str(Path(place).absolute())
        try:
            return str(client.create_experiment(name, artifact_location=place if is_local(uri) else None))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another task was faster
    if found is None or found.lifecycle_stage != "active":
        raise ConfigError(
            f"MLflow experiment {name!r} was deleted: restore it with mlflow experiments restore"
        )
    return str(found.experiment_id)


@contextlib.contextmanager
def _creation(uri: str) -> Iterator[None]:
    """Let one process at a time create the tables of a new SQLite store.

    MLflow 3.17 locks the creation but not the migrations after it (its tracking store's constructor).
    """
    if not uri.startswith("sqlite:") or ":memory:" in uri or uri in _CREATED:
        yield
        return
    import fcntl

    file = _database(uri)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _database(uri: str) -> Path:
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])


def _reach(uri: str) -> None:
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            raise BackendError(
                f"MLflow at {shown(uri)} does not answer ({error.strerror or error}): start it, or "
                "correct the host and port of the MLflow connection"
            ) from error
    elif parts.scheme == "sqlite" and ":memory:" not in uri:
        _reach_file(_database(uri), uri)


def _reach_file(file: Path, uri: str) -> None:
    """Ask before MLflow does, which would try ten times for minutes."""
    folder = next((parent for parent in file.absolute().parents if parent.exists()), Path("/"))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BackendError(
            f"MLflow at {shown(uri)}: cannot create a database in {folder}: correct the path or its rights"
        )
    if file.is_dir() or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        raise BackendError(
            f"MLflow at {shown(uri)}: {file} is not a database file that can be read and written"
        )
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as head:
            if head.read(15) != b"SQLite format 3":
                raise BackendError(
                    f"MLflow at {shown(uri)}: {file} is not an SQLite database: correct the path"
                )


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]
