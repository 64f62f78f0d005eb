"""`airflow-mlops status`: what it prints of real stores, and how it ends."""

import json
import re
from pathlib import Path

import pytest

from airflow_mlops.__main__ import main
from airflow_mlops.monitoring.history import MonitorHistory
from airflow_mlops.rollout.store.store import RolloutStore
from tests.support import stores

PIPELINE = """
name: churn
owner: ds
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: sklearn.linear_model.LogisticRegression}
evaluate: {metrics: [roc_auc]}
approve: {by: [anna, bob]}
deploy: {}
monitor: {schedule: "@daily"}
"""
PASSED = {"mlops.evaluation": "passed", "mlops.metric.roc_auc": "0.8123456"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with one pipeline."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "churn.yaml").write_text(PIPELINE)
    return tmp_path


def test_a_new_pipeline_says_how_to_begin_and_nothing_is_created(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    assert capsys.readouterr().out == (
        "churn  pipelines/churn.yaml  trains by hand, owner ds\n"
        "  versions  none yet: train the first with `airflow-mlops run pipelines/churn.yaml`\n"
    )
    assert [path.name for path in project.iterdir()] == ["pipelines"]


def test_everything_stored_is_shown_in_text_and_json(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approved = {"mlops.approval": "Approve", "mlops.approval.by": "anna"}
    stores.registry_with(project, [{**PASSED, **approved}, PASSED], {"champion": 1, "challenger": 2})
    artifacts = project / "mlops-artifacts"
    stores.rollout_in_step_one(RolloutStore(artifacts / "rollouts.db"))
    history = MonitorHistory(str(artifacts), "churn")
    history.write(stores.window(0))
    history.write(stores.drift(0))
    history.write(stores.triage(0, "block", "b has gaps"))
    assert main(["status", "pipelines/churn.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"  champion    version 1, \d+ (s|min) old, roc_auc 0.8123, approved by anna", lines[1]
    )
    assert re.fullmatch(r"  challenger  version 2, \d+ (s|min) old, roc_auc 0.8123", lines[2])
    assert lines[3] == (
        "  rollout     version 2, STEP 1/2 (5 %): 40 of 100 requests, "
        "holds for 8 min more, times out in 58 min"
    )
    assert lines[4] == "              error_rate: open, not enough evidence"
    assert lines[7:9] == [
        "  window      2026-03-01 00:00, version 1, 900 rows, drift: b",
        "              → block: b has gaps",
    ]
    assert lines[9].startswith("  waiting     data fault in the window of 2026-03-01 00:00, for ds: correct")
    assert len(lines) == 10

    assert main(["status", "--format", "json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["file"] == "pipelines/churn.yaml"
    assert document["versions"]["champion"]["version"] == 1
    assert document["rollouts"]["running"]["started"] == "2026-03-01T00:00:00+00:00"
    assert document["windows"]["windows"][0]["drift"]["drifted"] == ["b"]
    assert document["pending"][0]["whom"] == "ds"


def test_a_faulty_file_is_reported_and_the_others_are_shown(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pipelines" / "bad.yaml").write_text("name: bad\nscheduel: x\n")
    assert main(["status"]) == 1
    printed = capsys.readouterr()
    assert "churn  pipelines/churn.yaml" in printed.out
    assert "pipelines/bad.yaml:2:1: scheduel: is not a" in printed.err


def test_a_registry_that_does_not_answer_ends_with_3_and_the_rest_is_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores.rollout_in_step_one(RolloutStore(project / "mlops-artifacts" / "rollouts.db"))
    (project / "mlflow.db").write_text("this is not a database")
    assert main(["status"]) == 3
    printed = capsys.readouterr()
    assert "STEP 1/2 (5 %)" in printed.out
    assert "none yet" not in printed.out
    assert "mlflow.db is not an SQLite database" in printed.err
    assert len(printed.err.splitlines()) == 1
