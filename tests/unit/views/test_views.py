"""The views on real stores: full, empty and partly written ones."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import BackendError
from airflow_mlops.core.records import Failure
from airflow_mlops.monitoring.history import MonitorHistory
from airflow_mlops.rollout.aliases import outcome_tags
from airflow_mlops.rollout.core import advance, close, restore
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.views.pipelines import pipeline_view
from airflow_mlops.views.rollouts import read_rollouts, rollout_view
from airflow_mlops.views.status import StatusView, read_status
from airflow_mlops.views.versions import read_versions
from airflow_mlops.views.windows import read_windows
from tests.support import stores
from tests.support.project import ENVIRONMENT
from tests.support.stores import EPOCH, NAME, START, day

PIPELINE = Pipeline.model_validate(
    {
        "name": NAME,
        "owner": "ds",
        "schedule": "@weekly",
        "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "y"},
        "train": {"estimator": "sklearn.linear_model.LogisticRegression"},
        "evaluate": {"metrics": ["roc_auc"]},
        "approve": {"by": ["anna", "bob"]},
        "deploy": {},
        "monitor": {"schedule": "@daily", "performance": {"require": {"roc_auc": ">= 0.7"}}},
    }
)
PASSED = {"mlops.evaluation": "passed", "mlops.metric.roc_auc": "0.81"}
APPROVED = {
    "mlops.approval": "Approve",
    "mlops.approval.by": "anna",
    "mlops.approval.at": "2026-03-01T02:00:00+01:00",
}


@pytest.fixture
def store(tmp_path: Path) -> RolloutStore:
    return RolloutStore(tmp_path / "rollouts.db")


@pytest.fixture
def history(tmp_path: Path) -> MonitorHistory:
    return MonitorHistory(str(tmp_path / "artifacts"), NAME)


def status(**stored: Any) -> StatusView:
    return read_status(PIPELINE, **{"registry": None, "rollouts": None, "monitor": None, **stored})


def test_a_pipeline_is_described_by_its_sections_dags_and_owner() -> None:
    view = pipeline_view(PIPELINE)
    assert (view.name, view.owner, view.schedule) == (NAME, "ds", "@weekly")
    assert view.sections == ("approve", "deploy", "monitor")
    assert view.approvers == ("anna", "bob")
    assert [dag.dag_id for dag in view.dags] == ["churn__train", "churn__deploy", "churn__monitor"]
    assert view.dags[1].tasks == ("prepare", "approve", "rollout", "finalize", "restore")
    assert json.loads(json.dumps(view.to_json()))["dags"][0]["schedule"] == ["@weekly"]


def test_versions_have_role_figures_verdict_approval_and_outcome(tmp_path: Path) -> None:
    ended = {
        "mlops.rollout.outcome": "ROLLED_BACK",
        "mlops.rollout.reason": "too many failures",
        "mlops.rollout.id": "churn-3-x",
        "mlops.rollout.at": "2026-03-02T00:00:00+00:00",
    }
    tags: list[dict[str, str]] = [{**PASSED, **APPROVED}, {**PASSED, "mlops.metric.roc_auc": "0.83"}, ended]
    registry = stores.registry_with(tmp_path, tags, {"champion": 1, "challenger": 2})
    view = read_versions(registry)
    assert view.champion is not None
    assert view.challenger is not None
    assert (view.champion.version, view.challenger.version, view.previous) == (1, 2, None)
    assert [item.version for item in view.versions] == [3, 2, 1]
    assert view.champion.metrics == {"roc_auc": 0.81}
    assert view.champion.evaluation == "passed"
    assert view.champion.approval is not None
    assert view.champion.approval.at == datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert view.versions[0].rollout is not None
    assert view.versions[0].rollout.outcome == "ROLLED_BACK"
    assert (view.versions[0].metrics, view.versions[0].role) == ({}, "")
    assert timedelta(0) <= view.champion.age(datetime.now(UTC)) < timedelta(minutes=5)
    document = json.loads(json.dumps(view.to_json()))
    assert document["champion"]["approval"]["at"] == "2026-03-01T01:00:00+00:00"


def test_damaged_tags_and_an_alias_without_its_version_are_left_out(tmp_path: Path) -> None:
    tags = {"mlops.metric.roc_auc": "high", "mlops.approval": "Reject", "mlops.approval.at": "yesterday"}
    registry = stores.registry_with(tmp_path, [tags], {"previous": 1})
    (version,) = read_versions(registry).versions
    assert version.metrics == {}
    assert version.approval is not None
    assert (version.approval.answer, version.approval.by, version.approval.at) == ("Reject", "", None)
    assert version.rollout is None
    registry.client.delete_model_version(NAME, "1")
    assert read_versions(registry).previous is None


def test_a_running_rollout_shows_its_step_guards_and_the_time_left(store: RolloutStore) -> None:
    state = stores.rollout_in_step_one(store)
    view = read_rollouts(NAME, store).running
    assert view is not None
    assert (view.label, view.percent, view.step, view.settled) == ("STEP 1/2 (5 %)", 5, 1, True)
    assert (view.requests, view.min_requests) == (40, 100)
    assert (view.hold_left_s, view.timeout_left_s) == (600 - state.watched, 3600 - state.watched)
    assert view.polled == datetime.fromtimestamp(EPOCH + 150, UTC)
    errors, quality, shift = view.guards
    assert (errors.name, errors.verdict, errors.text) == ("error_rate", "open", "not enough evidence")
    assert errors.canary == {"requests": 40, "failures": 0}
    assert errors.line[-1].harm is not None
    assert errors.harm_limit is not None
    assert errors.line[-1].harm < errors.harm_limit
    assert errors.pass_limit is not None
    assert (quality.verdict, shift.verdict) == ("no data", "pass")
    assert "was not measured" in quality.text
    assert (shift.pass_limit, shift.line[-1].passed) == (None, None)
    assert [event.what for event in view.history] == ["PENDING", "WARMING", "STEP 1/2 (5 %)"]
    assert view.history[0].at == START
    assert json.loads(json.dumps(view.to_json()))["started"] == "2026-03-01T00:00:00+00:00"


def test_the_line_of_a_guard_ends_at_the_evidence_that_decided(store: RolloutStore) -> None:
    state = stores.rollout_in_step_one(store, failures=30)
    view = rollout_view(state)
    assert view.phase == "ROLLING_BACK"
    errors = view.guards[0]
    assert (errors.verdict, errors.harm_limit is not None) == ("harm", True)
    assert [point.at for point in errors.line] == [datetime.fromtimestamp(EPOCH + 150, UTC)] * 2
    assert errors.line[0] == errors.line[1]
    assert errors.line[0].harm is not None
    assert errors.harm_limit is not None
    assert errors.line[0].harm >= errors.harm_limit
    ended, _ = advance(state, stores.seen(0, 2), EPOCH + 160)
    assert (rollout_view(ended).hold_left_s, rollout_view(ended).timeout_left_s) == (None, None)


def test_an_ended_rollout_is_past_and_an_empty_store_has_none(store: RolloutStore) -> None:
    assert read_rollouts(NAME, store).to_json() == {"name": NAME, "running": None, "past": []}
    state = stores.rollout_in_step_one(store)
    revision = store.get(state.id)[1]
    back = restore(state, "no longer wanted", "anna", EPOCH + 200)
    back, _ = advance(back, stores.seen(0, 2), EPOCH + 210)
    ended = close(back, EPOCH + 220)
    store.save(ended, revision)
    view = read_rollouts(NAME, store)
    assert view.running is None
    assert [item.phase for item in view.past] == ["ROLLED_BACK"]
    assert view.past[0].history[-2].who == "anna"
    assert view.past[0].ended


def test_windows_show_every_report_newest_first_beside_the_band(
    tmp_path: Path, history: MonitorHistory
) -> None:
    for number, value in ((0, 0.75), (1, 0.79), (2, 0.6)):
        history.write(stores.window(number))
        history.write(stores.performance(number, value, verdict="ok" if value >= 0.7 else "decay"))
    history.write(stores.drift(2))
    history.write(stores.triage(2, "alert", "roc_auc fell"))
    history.write(stores.performance(3, 0.99, version=7))
    versions = read_versions(stores.registry_with(tmp_path, [PASSED], {"champion": 1}))
    view = read_windows(PIPELINE, history, versions, limit=3)
    assert [item.start.day for item in view.windows] == [4, 3, 2]
    newest, third, second = view.windows
    assert (newest.version, newest.validation, newest.triage, newest.rows) == (7, None, None, 900)
    assert third.validation is not None
    assert third.drift is not None
    assert third.triage is not None
    assert (third.validation.passed, third.drift.drifted, third.triage.action) == (True, ("b",), "alert")
    assert third.end == datetime.fromisoformat(day(3))
    assert second.drift is None
    band = view.bands["roc_auc"]
    assert (band.limit, band.holdout, band.low, band.high) == (">= 0.7", 0.81, 0.79, 0.79)
    assert json.loads(json.dumps(view.to_json()))["windows"][1]["drift"]["verdict"] == "drift"


def test_a_damaged_or_empty_window_does_not_hide_the_others(tmp_path: Path, history: MonitorHistory) -> None:
    history.write(stores.drift(0))
    damaged = Path(history.write(stores.drift(1)))
    damaged.write_text('{"kind": "DriftReport", ')
    Path(history.window_folder(1, day(2))).mkdir()
    (Path(history.root) / "1" / "notes").mkdir()
    windows = read_windows(PIPELINE, history, status().versions).windows
    assert [(item.start.day, item.drift is None, item.end is None) for item in windows] == [
        (3, True, True),
        (2, True, True),
        (1, False, False),
    ]
    assert str(damaged) in windows[1].damage
    assert (windows[0].damage, windows[2].damage) == ("", "")


def test_nothing_at_all_is_a_status_too() -> None:
    view = status()
    assert (view.versions.versions, view.rollouts.running, view.windows.windows) == ((), None, ())
    assert (view.pending, view.history, view.unavailable) == ((), (), ())
    assert json.loads(json.dumps(view.to_json()))["windows"] == {"name": NAME, "windows": [], "bands": {}}


def test_the_time_line_joins_registry_rollout_and_monitor(
    tmp_path: Path, store: RolloutStore, history: MonitorHistory
) -> None:
    rollout = stores.rollout_in_step_one(store)
    own = {**PASSED, **outcome_tags(rollout, EPOCH + 500)}
    older = {**PASSED, **APPROVED, **own, "mlops.rollout.id": "churn-1-gone"}
    history.write(stores.triage(0, "retrain", "drift in b"))
    history.write(stores.triage(1, "none"))
    registry = stores.registry_with(tmp_path, [older, own], {"champion": 1})
    events = status(registry=registry, rollouts=store, monitor=history).history
    told = [(event.source, event.what, event.who, event.version) for event in events]
    assert told[:2] == [("registry", "registered", "train", 2), ("registry", "registered", "train", 1)]
    assert told[2:] == [
        ("monitor", "retrain", "triage", 1),
        ("registry", "approved", "anna", 1),
        ("registry", "STEP", "rollout", 1),
        ("rollout", "STEP 1/2 (5 %)", "controller", 2),
        ("rollout", "WARMING", "controller", 2),
        ("rollout", "PENDING", "controller", 2),
    ]
    assert events[2].why == "drift in b"


def test_an_event_without_a_time_comes_last(tmp_path: Path) -> None:
    tags = {**PASSED, "mlops.approval": "Reject"}
    events = status(registry=stores.registry_with(tmp_path, [tags], {})).history
    assert [(event.what, event.at is None) for event in events] == [("registered", False), ("rejected", True)]


def test_a_challenger_waits_for_its_approvers_and_then_for_its_rollout(tmp_path: Path) -> None:
    registry = stores.registry_with(tmp_path, [PASSED], {"challenger": 1})
    (pending,) = status(registry=registry).pending
    assert (pending.what, pending.whom) == ("approval of version 1", "anna or bob")
    registry.tag(1, APPROVED)
    (pending,) = status(registry=registry).pending
    assert (pending.what, pending.whom) == ("rollout of version 1", "churn__deploy")
    registry.tag(1, {"mlops.approval": "1 of 2", "mlops.approval.by": "anna"})
    (pending,) = status(registry=registry).pending
    assert (pending.what, pending.whom) == ("approval of version 1", "bob")
    registry.tag(1, {"mlops.approval": "Reject"})
    assert status(registry=registry).pending == ()


def test_a_pause_a_data_fault_and_missing_labels_wait_for_somebody(
    store: RolloutStore, history: MonitorHistory
) -> None:
    state = stores.rollout_in_step_one(store)
    revision = store.get(state.id)[1]
    while str(state.phase) == "STEP":
        state, _ = advance(state, stores.seen(5, 1), (state.looked or 0) + 120)
    store.save(state, revision)
    failures = (Failure("not_null", "a", "3 rows"),)
    history.write(stores.window(0, failures=failures))
    history.write(stores.triage(0, "block", "a has gaps"))
    history.write(stores.performance(0, 0.0, verdict="waiting"))
    pending = status(rollouts=store, monitor=history).pending
    assert [(item.whom, item.what.partition(" ")[0]) for item in pending] == [
        ("a person", "paused"),
        ("ds", "data"),
        ("the label source", "labels"),
        ("the label source", "overdue"),
    ]


def test_a_store_that_fails_is_named_and_the_others_are_read(
    tmp_path: Path, store: RolloutStore, history: MonitorHistory
) -> None:
    stores.rollout_in_step_one(store)
    (tmp_path / "artifacts").write_text("not a folder")
    view = status(rollouts=store, monitor=history, unavailable=["MLflow does not answer"])
    assert view.unavailable[0] == "MLflow does not answer"
    assert str(tmp_path) in view.unavailable[1]
    assert view.rollouts.running is not None
    assert view.pending == ()
    with pytest.raises(BackendError):
        read_windows(PIPELINE, history, view.versions)


def test_the_views_import_nothing_heavy() -> None:
    modules = ("history", "pipelines", "rollouts", "status", "versions", "windows")
    heavy = ("airflow", "pandas", "numpy", "sklearn", "mlflow", "scipy", "sqlalchemy", "fsspec", "optuna")
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module("airflow_mlops.views." + name)
sys.exit([name for name in {heavy!r} if name in sys.modules] or 0)
"""
    run = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
