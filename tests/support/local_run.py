"""A project folder with one pipeline, and `airflow-mlops run` in it, for tests of runs without Airflow."""

from __future__ import annotations

import getpass
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml

from airflow_mlops.__main__ import main
from tests.support.project import Project, customers

APPROVED = {"approve": {"by": [getpass.getuser()]}, "deploy": {"canary": {"steps": [50]}}}
"""Sections of a pipeline whose version a person lets through to a canary of one step."""


@dataclass
class Laptop:
    """A folder that the command is called in; ``folder/pipelines/churn.yaml`` is the only pipeline."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def file(self) -> Path:
        return self.folder / "pipelines" / "churn.yaml"

    @property
    def code(self) -> Path:
        return self.folder / "pipelines" / "churn_features.py"

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    def write(self, **changes: Any) -> None:
        """Write the pipeline, its data and its code; ``changes`` replace sections of it."""
        self.file.parent.mkdir(exist_ok=True)
        project = Project.create(self.file.parent, customers(2_000), **changes)
        self.file.write_text(yaml.safe_dump(dict(project.config)))

    def run(self, *words: str) -> tuple[int, str, str]:
        """Return the exit code, standard output and standard error of ``airflow-mlops run``.

        Each call imports the user's code anew, as a process of its own would.
        """
        sys.modules.pop("churn_features", None)
        code = main(["run", *words])
        out, err = self.capsys.readouterr()
        return code, out, err

    def document(self, *words: str) -> dict[str, Any]:
        """Return the JSON document of a run; its exit code is the process's."""
        code, out, _ = self.run(*words, "--format", "json")
        found: dict[str, Any] = json.loads(out)
        assert found["exit_code"] == code
        return found

    def aliases(self) -> dict[str, int]:
        found = mlflow.MlflowClient(self.uri, self.uri).get_registered_model("churn").aliases
        return {alias: int(version) for alias, version in found.items()}

    def mlflow_runs(self) -> list[tuple[str, str]]:
        """Return (task, status) of every MLflow run, oldest first."""
        client = mlflow.MlflowClient(self.uri, self.uri)
        experiment = client.get_experiment_by_name("churn")
        found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
        return [(run.info.run_name.split("/")[2], run.info.status) for run in found]


def states(document: dict[str, Any]) -> dict[str, str]:
    """Return the state of each task of a run's document."""
    return {line["task"]: line["state"] for line in document["tasks"]}
