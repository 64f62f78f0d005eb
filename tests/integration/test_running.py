"""Pools, retries, callbacks, time limits and resources of a file reach Airflow and do what they say."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from tests.support.airflow import FEATURES_WITHOUT_GAPS, PIPELINE, Ran, project, run

TELLERS = """
import json
from pathlib import Path

from airflow.sdk import BaseNotifier

HERE = Path(__file__).parent


class Note(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text, **kwargs):
        super().__init__(**kwargs)
        self.text = text

    def notify(self, context):
        (HERE / "note.txt").write_text(f"{self.text}: {context['exception']}")


def count(context, event):
    file = HERE / f"{event}.txt"
    file.write_text((file.read_text() if file.exists() else "") + context["ti"].task_id + "\\n")


def broken(context):
    raise RuntimeError("the chat does not answer")
"""
FLAKY = """
from pathlib import Path

TRIES = Path(__file__).with_name("tries.txt")


class Gone(Exception):
    pass


class LongGone(Gone):
    pass


def build(rows):
    tries = int(TRIES.read_text()) if TRIES.exists() else 0
    TRIES.write_text(str(tries + 1))
    if tries < 2:
        raise %s
    return rows[["visits"]]
"""


def flaky(folder: Path, error: str, **changes: Any) -> Ran:
    code = FLAKY % error
    return run(project(folder, features=code, retries=3, **changes)["train"])


def test_something_outside_is_retried_with_growing_waits(tmp_path: Path) -> None:
    ran = flaky(tmp_path, "ConnectionResetError('the feature store hung up')", name="shop_outside")
    assert (ran.tasks["features"], ran.tries("features")) == ("success", 3)
    assert "the feature store hung up" in ran.error("features")
    retry = {"delay": "1m", "backoff": 3, "max_delay": "20m"}
    task = project(tmp_path, name="shop_waits", retry=retry)["train"].get_task("features")
    assert (task.retry_delay, task.max_retry_delay) == (timedelta(minutes=1), timedelta(minutes=20))
    assert task.retry_exponential_backoff == 3


@pytest.mark.parametrize(
    ("name", "error"),
    [("code", "KeyError('spnd')"), ("data", "ValueError('a date in the year 9999')")],
)
def test_what_a_retry_would_repeat_fails_at_once(tmp_path: Path, name: str, error: str) -> None:
    ran = flaky(tmp_path, error, name=f"shop_{name}")
    assert (ran.tasks["features"], ran.tries("features")) == ("failed", 1)


MOUNT = """
from pathlib import Path

HERE = Path(__file__).parent


def mount(context):
    if context["ti"].try_number == 3:
        (HERE / "volume").rename(HERE / "not_yet")
        (HERE / "volume").mkdir()
"""


def test_mlflow_may_be_away_for_five_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "mounting.py").write_text(MOUNT)
    (tmp_path / "pipelines" / "volume").write_text("not mounted yet")
    host = f"sqlite:///{tmp_path}/pipelines/volume/mlflow.db"
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", json.dumps({"conn_type": "mlops_mlflow", "host": host}))
    changes = {"retries": None, "mlflow_conn_id": "away"}
    callbacks = {"on_retry": [{"notifier": "mounting:mount"}]}
    dag = project(tmp_path, name="shop_away", callbacks=callbacks, **changes)["train"]
    assert shortest_waits(dag.get_task("train")) >= timedelta(minutes=5)
    ran = run(dag, own_callbacks=True)
    assert (ran.state, ran.tries("train")) == ("success", 4)


def shortest_waits(task: Any) -> timedelta:
    """Return the least time from a task's first failure to its last try, before Airflow's jitter."""
    growth, longest = task.retry_exponential_backoff, task.max_retry_delay
    waits = (min(task.retry_delay * growth**number, longest) for number in range(task.retries))
    return sum(waits, timedelta())


NOTIFIED = {
    "on_failure": [
        {"notifier": "tellers.Note", "args": {"text": "{{ ti.task_id }} of {{ dag.dag_id }}"}},
        {"notifier": "tellers:count", "args": {"event": "failed"}},
    ],
    "on_retry": [{"notifier": "tellers:count", "args": {"event": "retried"}}],
}


def tellers(folder: Path) -> Path:
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "tellers.py").write_text(TELLERS)
    return folder / "pipelines"


def test_notifiers_are_told_of_a_retry_and_of_the_failure_in_the_end(tmp_path: Path) -> None:
    beside = tellers(tmp_path)
    code = FEATURES_WITHOUT_GAPS.replace(
        "return features", "raise TimeoutError('no answer')\n    return features"
    )
    dag = project(tmp_path, features=code, name="shop_told", retries=2, callbacks=NOTIFIED)["train"]
    run(dag, own_callbacks=True)
    note = (beside / "note.txt").read_text()
    assert note.startswith("features of shop_told__train: ")
    assert "no answer" in note
    assert (beside / "retried.txt").read_text().split() == ["features"] * 2
    assert (beside / "failed.txt").read_text().split() == ["features"]


def test_a_notifier_that_fails_spoils_nothing(tmp_path: Path) -> None:
    tellers(tmp_path)
    validate = {"expect": [{"column": "visits", "max": 3}]}
    broken = {"on_failure": [{"notifier": "tellers:broken"}, {"notifier": "nowhere.Teller"}]}
    dag = project(tmp_path, name="shop_mute", validate=validate, callbacks=broken)["train"]
    assert run(dag, own_callbacks=True).tasks["validate"] == "failed"


def test_a_run_that_succeeds_is_told_once(tmp_path: Path) -> None:
    beside = tellers(tmp_path)
    happy = {"on_success": [{"notifier": "tellers:count", "args": {"event": "done"}}]}
    dag = project(tmp_path, name="shop_happy", callbacks=happy)["train"]
    run(dag, own_callbacks=True)
    assert len((beside / "done.txt").read_text().split()) == 1


def test_parsing_loads_no_notifier(tmp_path: Path) -> None:
    callbacks = {"on_failure": [{"notifier": "not_installed.anywhere.Notifier"}]}
    dags = project(tmp_path, name="shop_lazy", callbacks=callbacks)
    assert DagSerialization.to_dict(dags["train"])["dag"]["dag_id"] == "shop_lazy__train"


def test_pools_limits_and_tags_are_those_of_the_file(tmp_path: Path) -> None:
    dag = project(
        tmp_path,
        name="shop_pools",
        team="growth",
        pool="mlops",
        pool_slots=2,
        priority_weight=5,
        train={**PIPELINE["train"], "tune": {"space": {"alpha": [0.1, 1.0]}, "n_trials": 1}},
        tasks={
            "train": {"pool": "gpu", "pool_slots": 1, "timeout": "2h", "retries": 4, "queue": "big"},
            "tune": {"timeout": "1h", "priority_weight": 9},
        },
    )["train"]
    assert "team:growth" in dag.tags
    found = {
        task.task_id: (task.pool, task.pool_slots, task.priority_weight, task.execution_timeout)
        for task in dag.tasks
    }
    assert found["ingest"] == ("mlops", 2, 5, None)
    assert found["tune"] == ("mlops", 2, 9, timedelta(hours=1))
    assert found["train"] == ("gpu", 1, 5, timedelta(hours=2))
    train = dag.get_task("train")
    assert (train.retries, train.queue) == (4, "big")
    again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert again.get_task("train").pool == "gpu"


RESOURCES = {
    "train": {
        **PIPELINE["train"],
        "resources": {"cpu": 4, "memory": "8Gi", "gpu": 1, "image": "acme/shop:1"},
    },
    "tasks": {"ingest": {"resources": {"memory": "512Mi"}}},
}


def test_resources_are_the_pod_of_the_task_on_kubernetes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor,KubernetesExecutor")
    dag = project(tmp_path, name="shop_pods", **RESOURCES)["train"]
    again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    for found in (dag, again):
        [container] = found.get_task("train").executor_config["pod_override"].spec.containers
        assert (container.name, container.image) == ("base", "acme/shop:1")
        assert container.resources.requests == {"cpu": "4.0", "memory": "8Gi"}
        assert container.resources.limits == {"memory": "8Gi", "nvidia.com/gpu": "1"}
        [small] = found.get_task("ingest").executor_config["pod_override"].spec.containers
        assert (small.image, small.resources.limits) == (None, {"memory": "512Mi"})
        assert not found.get_task("evaluate").executor_config


def test_resources_are_no_matter_elsewhere(tmp_path: Path) -> None:
    dag = project(tmp_path, name="shop_plain", **RESOURCES)["train"]
    assert not dag.get_task("train").executor_config
