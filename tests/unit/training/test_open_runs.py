"""Runs that killed tasks left open are closed by the next run of the pipeline, and no live one is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.tags import ALIVE_AT, CLOSED, PROCESS, TASK_KEY
from airflow_mlops.training import open_runs
from airflow_mlops.training.open_runs import SILENT_S, UNKNOWN_S, beating, signs_of_life, why_dead
from airflow_mlops.training.tracking import connect, task_run
from tests.support.mlflow_store import new_store

NOW = 1_800_000_000.0


def ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(NOW - seconds))


def elsewhere(**alive: str) -> dict[str, str]:
    return {PROCESS: json.dumps({"machine": "another", "pid": 1, "started": "5"}), **alive}


def dead_process() -> str:
    """Return the tag of a process of this machine that has ended."""
    code = (
        "from airflow_mlops.training.open_runs import signs_of_life, PROCESS; print(signs_of_life()[PROCESS])"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_own_process_is_alive_however_long_ago_its_last_sign_was() -> None:
    assert why_dead({**signs_of_life(), ALIVE_AT: ago(10 * SILENT_S)}, 0.0, NOW) == ""


def test_a_process_of_this_machine_that_ended_is_dead_at_once() -> None:
    tag = dead_process()
    assert "ended without closing it" in why_dead({PROCESS: tag, ALIVE_AT: ago(1)}, NOW, NOW)


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    process = json.loads(signs_of_life()[PROCESS])
    tags = {PROCESS: json.dumps({**process, "started": "1"}), ALIVE_AT: ago(1)}
    assert "ended without closing it" in why_dead(tags, NOW, NOW)


@pytest.mark.parametrize(
    ("tags", "started", "dead"),
    [
        (elsewhere(**{ALIVE_AT: ago(SILENT_S - 5)}), 0.0, False),
        (elsewhere(**{ALIVE_AT: ago(SILENT_S + 5)}), 0.0, True),
        ({}, NOW - UNKNOWN_S + 5, False),
        ({}, NOW - UNKNOWN_S - 5, True),
        ({PROCESS: "not json"}, NOW, False),
    ],
)
def test_a_task_elsewhere_is_dead_when_it_has_been_silent_for_long(
    tags: dict[str, str], started: float, dead: bool
) -> None:
    assert bool(why_dead(tags, started, NOW)) is dead


def test_signs_of_life_go_on_while_the_task_works_also_when_mlflow_fails() -> None:
    class Client:
        beats = 0
        enough = threading.Event()

        def set_tag(self, *_: Any) -> None:
            self.beats += 1
            if self.beats == 3:
                self.enough.set()
            raise OSError("MLflow is away")

    client = Client()
    with beating(client, "r", every_s=0.001):
        assert client.enough.wait(10)
    beats = client.beats
    assert "mlflow-run-alive" not in [thread.name for thread in threading.enumerate()]
    assert client.beats == beats


def test_the_next_run_closes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    client = connect(uri)
    experiment = client.create_experiment("shop", artifact_location=str(tmp_path / "files"))
    killed = client.create_run(experiment, tags={TASK_KEY: "a", PROCESS: dead_process()}).info.run_id
    alive = client.create_run(experiment, tags={TASK_KEY: "b", **signs_of_life()}).info.run_id
    users = client.create_run(experiment, tags={PROCESS: dead_process()}).info.run_id
    with task_run(uri, "shop", "c", str(tmp_path), {}) as run_:
        states = {one: client.get_run(one).info.status for one in (killed, alive, users, run_.run_id)}
    assert states == {killed: "KILLED", alive: "RUNNING", users: "RUNNING", run_.run_id: "RUNNING"}
    assert "ended without closing it" in client.get_run(killed).data.tags[CLOSED]
    assert client.get_run(run_.run_id).info.status == "FINISHED"


def test_a_task_without_the_linux_files_is_known_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_runs._signalled(1) == "running"
    assert open_runs._signalled(2**22 + 5) is None
