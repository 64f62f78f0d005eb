"""MLflow runs: one per Airflow task however many tries, and MLflow's faults in one line."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from airflow_mlops import process_environment
from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import BackendError, ConfigError, MlopsError
from airflow_mlops.core.json_keys import with_text_keys
from airflow_mlops.core.tags import PIPELINE, TASK_KEY, retried_tag
from airflow_mlops.training.mlflow_address import database_file, reach
from airflow_mlops.training.open_runs import beating, close_dead, signs_of_life

PATIENCE_S: Final = 600.0
"""How long a task that has fitted a model waits for MLflow, in seconds."""
_ASK_S: Final = 15.0
_LOG: Final = logging.getLogger(__name__)
_FORBIDDEN: Final = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
_GONE: Final = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "ENDPOINT_NOT_FOUND", "INVALID_STATE")
"""Codes of MLflow for what is not there or was deleted: another try does not help."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system reports when a disk, a quota or a file is full."""


def connect(uri: str) -> Any:
    """Return an ``MlflowClient`` for ``uri`` once its address is known to answer.

    Raises BackendError when the host or the database file cannot be reached, ConfigError for a URI that
    MLflow does not know.
    """
    reach(uri)
    if (alembic := logging.getLogger("alembic")).level == logging.NOTSET:
        alembic.setLevel(logging.WARNING)  # sixty lines of migrations in the log of the first task
    import mlflow

    with translated(uri):
        if uri.startswith("sqlite:") and ":memory:" not in uri:
            _create_tables(uri)
        return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@functools.cache
def _create_tables(uri: str) -> None:
    """Let one process at a time create the tables of a new SQLite store; once in each process.

    MLflow 3.17 locks the creation but not the migrations after it (its tracking store's constructor).
    """
    import mlflow

    file = database_file(uri)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f"{file.name}.lock")):
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn MLflow's exceptions into BackendError (try again) or ConfigError (it is for good)."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlopsError:
        raise
    except MlflowException as error:
        line = _first_line(error)
        code = getattr(error, "error_code", "")
        if code in _FORBIDDEN:
            raise ConfigError(
                f"MLflow at {shown(uri)} refuses: {line}; check the connection's login"
            ) from error
        if code in _GONE:
            raise ConfigError(f"MLflow at {shown(uri)}: {line}") from error
        if type(error).__name__ == "UnsupportedModelRegistryStoreURIException":
            raise ConfigError(f"MLflow does not know the URI {shown(uri)}: {line}") from error
        raise BackendError(f"MLflow at {shown(uri)}: {line}") from error
    except (SQLAlchemyError, OSError) as error:
        advice = "check that it runs and is reachable"
        if isinstance(error, OSError) and error.errno in _FULL:
            advice = (
                f"free space in the folder of its artifacts and in {tempfile.gettempdir()}, where a model is "
                "written first"
            )
        raise BackendError(f"MLflow at {shown(uri)}: {_first_line(error)}; {advice}") from error


@contextlib.contextmanager
def fluent(uri: str) -> Iterator[Any]:
    """Point MLflow's module-level functions at ``uri`` for a while."""
    import mlflow

    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    before = [os.environ.get(name) for name in names]
    # MLflow's setters write the environment too, and would pin it for whatever runs next.
    with process_environment.changed(dict.fromkeys(names, uri)):
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        try:
            with translated(uri):
                yield mlflow
        finally:
            mlflow.set_tracking_uri(before[0])  # None: not set
            mlflow.set_registry_uri(before[1])


@dataclass(frozen=True)
class TaskRun:
    """The MLflow run of one Airflow task."""

    client: Any
    uri: str
    run_id: str

    def await_answer(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until MLflow answers again, so that an outage of minutes does not cost what was fitted.

        It has answered in this task before, so its address is right. Raises BackendError after ``patience_s``
        seconds.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return reach(self.uri)
            except BackendError as error:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                _LOG.warning("waiting up to %.0f s more for MLflow: %s", left, error)
                time.sleep(min(_ASK_S, left))

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; a later try with other values overwrites nothing and is kept as a tag."""
        from mlflow.entities import Param

        known = self.client.get_run(self.run_id).data.params
        text = {key: str(value)[:6000] for key, value in values.items()}
        fresh = [Param(key, value) for key, value in text.items() if key not in known]
        self.client.log_batch(self.run_id, params=fresh)
        for key, value in text.items():
            if known.get(key, value) != value:
                self.client.set_tag(self.run_id, retried_tag(key), value[:5000])

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

    def text(self, content: str, filename: str) -> None:
        """Store a text, such as a page, as an artifact."""
        with translated(self.uri):
            self.client.log_text(self.run_id, content, filename)

    def json(self, payload: Mapping[str, Any], filename: str) -> None:
        """Store ``payload`` as a JSON artifact."""
        self.text(json.dumps(with_text_keys(payload), indent=1, default=str), filename)


@contextlib.contextmanager
def task_run(
    uri: str, pipeline: str, task_key: str, artifacts: str, tags: Mapping[str, str]
) -> Iterator[TaskRun]:
    """Open the run of ``task_key``, found again by its tag on a retry, and close it as finished or failed.

    The experiment has the pipeline's name. Its artifacts go to ``<artifacts>/<pipeline>/mlflow`` when the
    store is a local database or folder; a server decides for itself. Runs that dead tasks of the pipeline
    left open are closed, see ``open_runs``.
    """
    client = connect(uri)
    with translated(uri):
        experiment = _experiment(client, uri, pipeline, artifacts)
        every = {PIPELINE: pipeline, TASK_KEY: task_key, **signs_of_life(), **tags}
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
        with translated(uri), beating(client, run_id):
            close_dead(client, experiment, run_id)
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


def _first_line(error: BaseException) -> str:
    """Return an error in one line; a database's in the words of its driver, also where MLflow wraps them."""
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_mlops.storage.sql_errors import driver_message

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SQLAlchemyError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, SQLAlchemyError):
        return driver_message(cause)
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]
