"""MLflow as a stage sees it: one address with its credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_mlops import process_environment
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import TaskRun, connect, task_run


@dataclass(frozen=True)
class Mlflow:
    """MLflow at ``uri``.

    ``credentials`` are the environment variables that MLflow's client takes its login from. Every method
    raises BackendError when MLflow does not answer.
    """

    uri: str
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @contextmanager
    def signed_in(self) -> Iterator[None]:
        """Give MLflow's client the credentials while the block runs."""
        with process_environment.changed(self.credentials):
            yield

    def registry(self, name: str) -> Registry:
        """Return the registered model ``name``."""
        return Registry(self.uri, name)

    def run(self, run_id: str) -> TaskRun:
        """Return a run that exists."""
        return TaskRun(connect(self.uri), self.uri, run_id)

    def task_run(
        self, pipeline: str, task_key: str, artifacts: str, tags: Mapping[str, str]
    ) -> AbstractContextManager[TaskRun]:
        """Open the one run of a task; see ``tracking.task_run``."""
        return task_run(self.uri, pipeline, task_key, artifacts, tags)

    def load_model(self, model_uri: str) -> Any:
        """Load a scikit-learn model."""
        from airflow_mlops.training.models import load_model

        return load_model(self.uri, model_uri)
