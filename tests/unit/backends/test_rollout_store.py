from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_mlops.backends.rollout_store import RolloutStore
from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.core.rollout import Phase, RolloutPlan, decide, restore

PLAN = RolloutPlan(name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2)


def test_the_same_plan_finds_the_same_rollout(tmp_path: Path) -> None:
    first = RolloutStore(tmp_path / "deep" / "rollouts.db").create_or_get(PLAN, 1.0)
    again = RolloutStore(f"sqlite:///{tmp_path}/deep/rollouts.db").create_or_get(PLAN, 9.0)
    assert first == again


def test_a_lost_update_is_noticed_and_changes_nothing(tmp_path: Path) -> None:
    store = RolloutStore(tmp_path / "r.db")
    state, revision = store.get(store.create_or_get(PLAN, 1.0).id)
    mine, theirs = restore(state, "mine", "a", 2.0), restore(state, "theirs", "b", 2.0)
    store.save(theirs, revision)
    with pytest.raises(RolloutConflict, match="no longer at revision 1"):
        store.save(mine, revision)
    assert store.get(state.id) == (theirs, 2)
    assert [h["reason"] for h in store.history(state.id)] == ["rollout requested", "theirs"]


def test_only_one_rollout_of_a_model_runs(tmp_path: Path) -> None:
    store = RolloutStore(tmp_path / "r.db")
    first = store.create_or_get(PLAN, 1.0)
    newer = replace(PLAN, model_version=4, model_uri="models:/churn/4")
    with pytest.raises(RolloutConflict, match=f"{first.id} of churn is still PENDING"):
        store.create_or_get(newer, 2.0)
    store.create_or_get(replace(newer, name="flights"), 2.0)
    state, revision = store.get(first.id)
    store.save(replace(state, phase=Phase.ROLLED_BACK), revision)
    second = store.create_or_get(newer, 3.0)
    assert store.running("churn") == store.latest("churn") == second
    assert [s.id for s in store.recent("churn")] == [second.id, first.id]


def test_history_cannot_be_rewritten(tmp_path: Path) -> None:
    store = RolloutStore(tmp_path / "r.db")
    store.create_or_get(PLAN, 1.0)
    with (
        closing(sqlite3.connect(tmp_path / "r.db")) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute("UPDATE history SET who = 'nobody'")


def test_unknown_rollouts_and_databases_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rollout 'x'"):
        RolloutStore(tmp_path / "r.db").get("x")
    with pytest.raises(ConfigError, match="mysql"):
        RolloutStore("mysql://host/db")
    (tmp_path / "file").write_text("no database, but long enough to be looked at as one by sqlite" * 20)
    with pytest.raises(BackendError, match="not a database"):
        RolloutStore(tmp_path / "file")


def test_decisions_need_the_right_phase(tmp_path: Path) -> None:
    store = RolloutStore(tmp_path / "r.db")
    state = store.create_or_get(PLAN, 1.0)
    with pytest.raises(ConfigError, match="PENDING, not PAUSED"):
        decide(state, "continue", "ann", 2.0)
