"""The demo itself, on a smaller slice of the data, so that it cannot rot.

The first run is killed in the middle without a chance to clean up; the second one must not care.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

CHECKOUT = Path(__file__).parents[2]
pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


def command(root: Path) -> list[str]:
    slice_ = ["--every", "3", "--first-month", "2013-08", "--rate", "30"]
    return [sys.executable, "-m", "demo", "--root", str(root), "run", *slice_]


def kill_in_the_middle(root: Path) -> list[int]:
    """Start a demo, kill it while its first training runs, and return the processes that it leaves."""
    demo = subprocess.Popen(command(root), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    with demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "ingest" in line:
                break
        demo.send_signal(signal.SIGKILL)
    left = [pid for pid, _ in json.loads((root / "pids.json").read_text()).values()]
    assert any(psutil.pid_exists(pid) for pid in left)
    return left


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def output(root: Path) -> str:
    left = kill_in_the_middle(root)
    done = subprocess.run(command(root), cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "interrupted demo had left running" in done.stdout
    assert not [pid for pid in left if psutil.pid_exists(pid)]
    return done.stdout


@pytest.fixture(scope="module")
def summary(root: Path, output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "summary.json").read_text())
    return found


@pytest.fixture(scope="module")
def registry(root: Path, output: str) -> MlflowClient:
    uri = f"sqlite:///{root / 'mlflow.db'}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def query(root: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(root / "airflow" / "airflow.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_mlflow_holds_four_versions_and_the_right_aliases(
    registry: MlflowClient, summary: dict[str, Any]
) -> None:
    aliases = {alias: int(one) for alias, one in registry.get_registered_model("flights").aliases.items()}
    assert aliases == {"champion": 4, "previous": 2}
    assert (summary["champion"], summary["previous"]) == (4, 2)
    moves = [(move["alias"], move["version"]) for move in summary["alias_moves"]]
    assert moves == [("champion", 1), ("champion", 2), ("previous", 1), ("champion", 4), ("previous", 2)]
    versions = {int(one.version): one for one in registry.search_model_versions("name='flights'")}
    assert sorted(versions) == [1, 2, 3, 4] == [one["version"] for one in summary["versions"]]
    assert {one["version"]: one["tags"] for one in summary["versions"]} == {
        number: dict(one.tags) for number, one in versions.items()
    }


def test_the_broken_version_was_rolled_back_with_its_reason_and_evidence(
    registry: MlflowClient, summary: dict[str, Any], tmp_path: Path
) -> None:
    broken = registry.get_model_version("flights", "3")
    assert broken.tags["mlops.rollout.outcome"] == "ROLLED_BACK"
    reason = broken.tags["mlops.rollout.reason"]
    # By the evidence, or by the hard floor when more than half of its first 20 requests failed.
    assert re.search(r"the canary fails more often|\d+ of \d+ canary requests failed", reason), reason
    name = f"rollout/{broken.tags['mlops.rollout.id']}.json"
    evidence = json.loads(Path(registry.download_artifacts(broken.run_id, name, str(tmp_path))).read_text())
    assert evidence["evidence"]["canary"]["failures"] > 0
    assert evidence["evidence"]["champion"]["failures"] == 0
    states = [event["to"] for event in evidence["history"]]
    assert states.index("ROLLING_BACK") < states.index("ROLLED_BACK")
    told = next(one for one in summary["rollouts"] if one["model_version"] == 3)
    assert told["outcome"] == "ROLLED_BACK"
    assert told["evidence"] == evidence["evidence"]


def test_airflow_ran_every_step_and_started_what_events_start(root: Path, summary: dict[str, Any]) -> None:
    runs = dict(query(root, "select run_id, run_type || ' ' || state from dag_run"))
    every = [run for of_dag in summary["runs"].values() for run in of_dag]
    told = {run["dag_run_id"]: f"{run['run_type']} {run['state']}" for run in every}
    assert told == runs
    deploys = query(root, "select run_type, state from dag_run where dag_id = 'flights__deploy' order by id")
    asset = "asset_triggered"
    assert deploys == [(asset, "success"), (asset, "success"), (asset, "failed"), (asset, "success")]
    trainings = query(root, "select run_type, state from dag_run where dag_id = 'flights__train' order by id")
    assert trainings == [("manual", "success")] * 3 + [(asset, "success")]
    by_person = query(root, "select count(*) from hitl_detail where responded_by is not null")
    assert by_person == [(4,)]


def test_decay_was_found_in_its_months_and_started_the_retraining(
    root: Path, summary: dict[str, Any]
) -> None:
    months = {one["month"]: one for one in summary["monitor"]}
    assert list(months) == ["2013-08", "2013-09", "2013-10"]
    assert months["2013-10"]["performance"] == "decay"
    assert all("temp" in one["drifted"] and "distance" not in one["drifted"] for one in months.values())
    retrain = summary["retrain"]
    assert retrain["cause"]["causes"] == ["performance"]
    assert retrain["cause"]["model_version"] == 2
    started = query(
        root, "select run_id from dag_run where dag_id = 'flights__train' order by id desc limit 1"
    )
    assert [tuple(retrain["started"])] == started
    tags = {one["version"]: one["tags"] for one in summary["versions"]}
    assert retrain["started"][0] in tags[4]["mlops.task_key"]


def test_no_live_request_failed_and_the_canary_was_rescued(summary: dict[str, Any]) -> None:
    traffic = summary["traffic"]
    assert traffic["requests"] > 1000
    assert traffic.get("failed", 0) == 0
    assert traffic["rescued by the champion"] >= 1


def test_each_stage_tells_what_it_cost(summary: dict[str, Any]) -> None:
    cost = {(one["dag"], one["task"]): one for one in summary["stages"]}
    for task in ("ingest", "validate", "features", "tune", "train", "evaluate", "refit", "register"):
        assert cost["flights__train", task]["cpu_seconds"] > 0


def test_the_story_is_told(output: str) -> None:
    assert "version 3 ROLLED_BACK" in output
    assert "Version 4 serves; version 2 is one roll back away." in output
    assert "Traceback" not in output


def test_nothing_is_left_running(root: Path, output: str) -> None:
    assert not (root / "pids.json").exists()
    mine = [one for one in psutil.process_iter(["environ"]) if _of(one, root)]
    assert mine == []


def _of(process: psutil.Process, root: Path) -> bool:
    environment = process.info["environ"] or {}
    return process.pid != os.getpid() and environment.get("AIRFLOW_HOME") == str(root / "airflow")
