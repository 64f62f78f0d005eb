"""What Airflow stores of a DAG: it depends on the DAG's own sections, and it is small."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.serialization.serialized_objects import DagSerialization

from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.factory.builder import build

EVERYTHING = Path(__file__).parents[2] / "corpus" / "valid" / "everything.yaml"


def stored(file: Path) -> dict[str, str]:
    """Return what Airflow stores, by the kind of the DAG."""
    return {
        dag_id.rpartition("__")[2]: json.dumps(DagSerialization.to_dict(dag), sort_keys=True)
        for dag_id, dag in build(load_pipeline(file), str(file.parent)).items()
    }


EXAMPLE = EVERYTHING.parents[3] / "dags" / "pipelines" / "flights.yaml"
BYTES_PER_TASK = 800


@pytest.mark.parametrize("file", [EVERYTHING, EXAMPLE], ids=lambda file: file.stem)
def test_a_task_is_small(file: Path) -> None:
    tasks = [task for dag in stored(file).values() for task in json.loads(dag)["dag"]["tasks"]]
    assert sum(len(json.dumps(task)) for task in tasks) / len(tasks) <= BYTES_PER_TASK


def test_what_tasks_share_is_stored_once() -> None:
    """The parameters of the DAG, and of the configuration only the name."""
    dags = stored(EVERYTHING)
    assert json.loads(dags["deploy"])["dag"]["params"]
    for dag in dags.values():
        for task in json.loads(dag)["dag"]["tasks"]:
            assert "params" not in task["__var"]
            assert "HistGradientBoosting" not in json.dumps(task)


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        ("approve.by", ["bob"], {"deploy"}),
        ("approve.within", "2h", {"deploy"}),
        ("deploy.canary.steps", [10, 50], {"deploy"}),
        ("deploy.canary.guards.error_rate.max_ratio", 3.0, {"deploy"}),
        ("monitor.drift.threshold", 0.4, {"monitor"}),
        ("monitor.retrain.cooldown", "7d", {"monitor"}),
        ("validate.max_quarantine", 0.1, {"train"}),
        ("train.params", {"random_state": 8}, {"train"}),
        ("train.tune.n_trials", 5, {"train"}),
        ("evaluate.require", {"roc_auc": ">= 0.9"}, {"train"}),
        ("data.holdout", 0.3, {"train"}),
        ("description", "Another one.", {"train", "deploy", "monitor"}),
        ("retries", 5, {"train", "deploy", "monitor"}),
    ],
)
def test_a_section_makes_a_new_version_of_its_own_dag_alone(
    tmp_path: Path, path: str, value: Any, changed: set[str]
) -> None:
    file = tmp_path / "everything.yaml"
    file.write_text(EVERYTHING.read_text())
    before = stored(file)
    tree = yaml.safe_load(EVERYTHING.read_text())
    *parents, key = path.split(".")
    section = tree
    for parent in parents:
        section = section[parent]
    section[key] = value
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    after = stored(file)
    assert {kind for kind in before if after[kind] != before[kind]} == changed
