"""A training that is killed again and again ends with one version, one run per task and the right aliases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import connect
from tests.support.project import ENVIRONMENT, Project, customers
from tests.support.training_crasher import TASKS

KILLS = int(os.environ.get("TRAINING_KILLS", "10"))
TUNE = {"space": {"max_leaf_nodes": [3, 5]}, "n_trials": 2}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, Any]]:
    project = Project.create(
        tmp_path_factory.mktemp("killed"),
        customers(300),
        train={
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "params": {"max_iter": 3},
            "tune": TUNE,
        },
        evaluate={"metrics": ["accuracy"], "against_champion": {"accuracy": ">= -1"}},
    )
    features = project.run("features", {"dataset": project.run("ingest", {})})
    (project.root / "journal.json").write_text(json.dumps({"features": features}))
    asked = {
        "root": str(project.root),
        "tracking_uri": project.tracking_uri,
        "config": dict(project.config),
        "kills": KILLS,
        "seed": int(os.environ.get("TRAINING_SEED", "0")),
        "within": 40,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.training_crasher", json.dumps(asked)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        cwd=Path(__file__).parents[3],
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return project, json.loads(done.stdout)


def test_it_ends_after_kills_in_several_places(killed: tuple[Project, dict[str, Any]]) -> None:
    _, found = killed
    assert found["ended"] == 0
    assert len(found["points"]) >= KILLS / 2
    assert len(set(found["points"])) > 1


def test_each_task_has_one_run(killed: tuple[Project, dict[str, Any]]) -> None:
    client = connect(killed[0].tracking_uri)
    experiment = client.get_experiment_by_name("churn").experiment_id
    tasks = [run.data.tags["mlops.task_key"].split("/")[2] for run in client.search_runs([experiment])]
    assert sorted(tasks) == ["refit", "train", "tune"]


def test_there_is_one_version_with_its_alias_and_its_twin(killed: tuple[Project, dict[str, Any]]) -> None:
    project, _ = killed
    records = json.loads((project.root / "journal.json").read_text())
    assert set(TASKS) < set(records)
    registry = Registry(project.tracking_uri, "churn")
    [version] = registry.versions()
    assert version.aliases == ("champion",)
    assert version.model_uri == records["refit"]["model_uri"]
    assert version.tags["mlops.judged_model_uri"] == records["train"]["model_uri"]
    assert version.tags["mlops.evaluation"] == "passed"
