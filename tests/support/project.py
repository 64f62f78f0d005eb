"""A small pipeline with real files, a real MLflow store and real user code; ``airflow-mlops run`` in it."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import airflow_mlops
from airflow_mlops.__main__ import main
from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.records import FeatureSet
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.lifecycle.runner import StageRequest, StageResult, run_stage
from tests.support.mlflow_store import new_store

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(airflow_mlops.__file__).parent.parent)}
"""For a process that imports this package from where the test did."""

FEATURES = """
import pandas as pd

PLANS = {"basic": 0, "plus": 1, "pro": 2}

def build(rows):
    times = pd.to_datetime(rows["seen_at"], utc=True)
    features = rows[["spend", "visits"]].assign(plan=rows["plan"].map(PLANS), hour=times.dt.hour)
    return features
"""


def customers(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Rows with text, gaps, whole numbers, an hourly time and a target that features explain."""
    rng = np.random.default_rng(seed)
    spend = rng.normal(50, 20, rows)
    visits = rng.poisson(5, rows)
    churned = (spend + 4 * visits + rng.normal(0, 15, rows) < 65).astype(int)
    spend[rng.random(rows) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "customer_id": rng.permutation(rows),
            "seen_at": pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC"),
            "plan": rng.choice(["basic", "plus", "pro"], rows),
            "spend": spend,
            "visits": visits,
            "refund": churned * 10.0,
            "churned": churned,
        }
    )


def stored(features: Mapping[str, Any], side: str) -> pd.DataFrame:
    """Return rows that the stage features has stored, from its record as JSON."""
    return read_dataset(getattr(FeatureSet.from_json(features), side))


@dataclass(frozen=True)
class Project:
    """A folder with data, user code and an MLflow store."""

    root: Path
    tracking_uri: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, root: Path, frame: pd.DataFrame | None = None, **changes: Any) -> Project:
        """Write the files of a project; ``changes`` replace sections of its pipeline file."""
        (root / "churn_features.py").write_text(FEATURES)
        (customers() if frame is None else frame).to_parquet(root / "customers.parquet", index=False)
        config = {
            "name": "churn",
            "data": {
                "source": {"type": "parquet", "filepath": "customers.parquet"},
                "target": "churned",
                "keys": ["customer_id", "seen_at"],
            },
            "features": "churn_features:build",
            "train": {
                "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
                "params": {"max_iter": 20},
            },
            "evaluate": {"metrics": ["roc_auc", "log_loss"]},
            **changes,
        }
        return cls(root, new_store(root), {k: v for k, v in config.items() if v is not None})

    def changed(self, **changes: Any) -> Project:
        """Return the project with other sections."""
        return Project(self.root, self.tracking_uri, {**self.config, **changes})

    @property
    def pipeline(self) -> Pipeline:
        """The checked configuration."""
        return Pipeline.model_validate(self.config)

    def request(self, stage: str, inputs: Mapping[str, Any], key: str = "run1", **more: Any) -> StageRequest:
        """Return the request that an operator would build."""
        fields: dict[str, Any] = {
            "stage": stage,
            "pipeline": self.pipeline.effective(),
            "task_key": f"churn__train/{key}/{stage}/{more.get('options', {}).get('worker', -1)}",
            "artifacts": str(self.root / "artifacts"),
            "tracking_uri": self.tracking_uri,
            "base": str(self.root),
            "inputs": inputs,
        }
        return StageRequest(**{**fields, **more})

    def run(self, stage: str, inputs: Mapping[str, Any], key: str = "run1", **more: Any) -> dict[str, Any]:
        """Run one stage and return its record."""
        return dict(self.result(stage, inputs, key, **more).record)

    def result(self, stage: str, inputs: Mapping[str, Any], key: str = "run1", **more: Any) -> StageResult:
        """Run one stage and return its result."""
        return run_stage(self.request(stage, inputs, key, **more))

    def trained(self, key: str = "run1", **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run ingest to train and return the features and model records."""
        dataset = self.run("ingest", {}, key, **more)
        features = self.run("features", {"dataset": dataset}, key)
        tune = [self.run("tune", {"features": features}, key)] if self.pipeline.train.tune else []
        return features, self.run("train", {"features": features, "tune": tune}, key)


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
        import mlflow

        found = mlflow.MlflowClient(self.uri, self.uri).get_registered_model("churn").aliases
        return {alias: int(version) for alias, version in found.items()}

    def mlflow_runs(self) -> list[tuple[str, str]]:
        """Return (task, status) of every MLflow run, oldest first."""
        import mlflow

        client = mlflow.MlflowClient(self.uri, self.uri)
        experiment = client.get_experiment_by_name("churn")
        found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
        return [(run.info.run_name.split("/")[2], run.info.status) for run in found]


def states(document: dict[str, Any]) -> dict[str, str]:
    """Return the state of each task of a run's document."""
    return {line["task"]: line["state"] for line in document["tasks"]}
