"""The rollout store, by one contract on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from airflow_mlops.core.errors import BackendError, ConfigError, RolloutConflict
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState, decide, restore
from airflow_mlops.rollout.store import store as rollout_store
from airflow_mlops.rollout.store.store import RolloutStore
from tests.support.postgres import Postgres, running_postgres

PLAN = RolloutPlan(name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2)
DIE = """
import os, sys
from airflow_mlops.rollout.store import store as rollout_store
from airflow_mlops.rollout.core import restore
store = rollout_store.RolloutStore(sys.argv[1])
state, revision = store.get(sys.argv[2])
rollout_store._append = lambda *_: os._exit(9)   # between the two writes of one transaction
store.save(restore(state, "never", "nobody", 2.0), revision)
"""


def _race(url: str, wanted: int, barrier: multiprocessing.Barrier, told: multiprocessing.Queue) -> None:  # type: ignore[type-arg, valid-type]
    """Make the store, then one rollout of the same model among others who do the same."""
    plan = replace(PLAN, model_version=wanted, model_uri=f"models:/churn/{wanted}")
    barrier.wait(30)
    store = RolloutStore(url)
    try:
        told.put(store.create_or_get(plan, 1.0).id)
    except RolloutConflict as error:
        told.put(str(error))


def _add(url: str, id_: str, who: str, changes: int) -> None:
    """Read, change and write again whenever somebody else was quicker."""
    store, done = RolloutStore(url), 0
    while done < changes:
        state, revision = store.get(id_)
        try:
            store.save(_longer(state, who), revision)
        except RolloutConflict:
            continue
        done += 1


def _longer(state: RolloutState, who: str) -> RolloutState:
    return replace(state, history=(*state.history, replace(state.history[0], who=who)))


class RolloutStoreContract:
    """What a rollout store must do, whatever database it is on; ``url`` is that of an empty one."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def store(self, url: str) -> RolloutStore:
        return RolloutStore(url)

    def test_the_same_plan_finds_the_same_rollout(self, url: str) -> None:
        first = RolloutStore(url).create_or_get(PLAN, 1.0)
        again = RolloutStore(url).create_or_get(PLAN, 9.0)
        assert first == again == RolloutStore(url).find(first.id)

    def test_a_lost_update_is_noticed_and_changes_nothing(self, store: RolloutStore) -> None:
        state, revision = store.get(store.create_or_get(PLAN, 1.0).id)
        mine, theirs = restore(state, "mine", "a", 2.0), restore(state, "theirs", "b", 2.0)
        store.save(theirs, revision)
        with pytest.raises(RolloutConflict, match="no longer at revision 1"):
            store.save(mine, revision)
        assert store.get(state.id) == (theirs, 2)
        assert [h["reason"] for h in store.history(state.id)] == ["rollout requested", "theirs"]

    def test_only_one_rollout_of_a_model_runs(self, store: RolloutStore) -> None:
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
        assert [s.plan.name for s in store.recent()] == ["churn", "flights", "churn"]

    def test_history_keeps_its_order_and_cannot_be_rewritten(self, url: str, store: RolloutStore) -> None:
        id_ = store.create_or_get(PLAN, 1.0).id
        for number in range(12):
            state, revision = store.get(id_)
            store.save(_longer(state, f"w{number}"), revision)
        assert [h["who"] for h in store.history(id_)][1:] == [f"w{number}" for number in range(12)]
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text("UPDATE mlops_rollout_history SET who = 'nobody'"))
        engine.dispose()

    def test_two_first_users_at_once_make_one_set_of_tables_and_one_rollout(self, url: str) -> None:
        context = multiprocessing.get_context("fork")
        barrier, told = context.Barrier(4), context.Queue()
        racers = [
            context.Process(target=_race, args=(url, number % 2 + 3, barrier, told)) for number in range(4)
        ]
        for racer in racers:
            racer.start()
        words = [told.get(timeout=30) for _ in racers]
        for racer in racers:
            racer.join(30)
        [only] = RolloutStore(url).recent()
        assert words.count(only.id) == 2
        assert sum(f"{only.id} of churn is still PENDING" in word for word in words) == 2
        assert len(RolloutStore(url).history(only.id)) == 1

    def test_no_change_is_lost_among_processes_that_all_write(self, url: str, store: RolloutStore) -> None:
        id_ = store.create_or_get(PLAN, 1.0).id
        context = multiprocessing.get_context("fork")
        writers = [context.Process(target=_add, args=(url, id_, f"p{number}", 5)) for number in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        who = [h["who"] for h in store.history(id_)]
        assert sorted(who) == sorted(["controller", *["p0", "p1", "p2"] * 5])
        assert store.get(id_)[1] == 16
        assert [t.who for t in store.get(id_)[0].history] == who

    def test_a_process_that_dies_between_two_writes_changes_nothing(
        self, url: str, store: RolloutStore
    ) -> None:
        state, revision = store.get(store.create_or_get(PLAN, 1.0).id)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        died = subprocess.run([sys.executable, "-c", DIE, url, state.id], env=environment, check=False)
        assert died.returncode == 9
        assert store.get(state.id) == (state, revision)
        assert len(store.history(state.id)) == 1
        assert store.save(restore(state, "after", "a", 3.0), revision) == 2

    def test_an_unknown_rollout_is_named(self, store: RolloutStore) -> None:
        assert store.find("x") is None
        with pytest.raises(ConfigError, match="rollout 'x' does not exist"):
            store.get("x")

    def test_decisions_need_the_right_phase(self, store: RolloutStore) -> None:
        state = store.create_or_get(PLAN, 1.0)
        with pytest.raises(ConfigError, match="PENDING, not PAUSED"):
            decide(state, "continue", "ann", 2.0)


class TestSqlite(RolloutStoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/deep/rollouts.db"

    def test_a_plain_path_is_the_same_file(self, url: str, tmp_path: Path) -> None:
        made = RolloutStore(url).create_or_get(PLAN, 1.0)
        assert RolloutStore(tmp_path / "deep" / "rollouts.db").find(made.id) == made

    def test_a_file_that_is_no_database_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no database, but long enough to be looked at as one by sqlite" * 20)
        with pytest.raises(BackendError, match=f"{tmp_path}/file: file is not a database"):
            RolloutStore(tmp_path / "file")
        with pytest.raises(BackendError, match="Not a directory"):
            RolloutStore(tmp_path / "file" / "deeper" / "r.db")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        yield postgres


class TestPostgres(RolloutStoreContract):
    numbers = count()

    @pytest.fixture
    def url(self, postgres: Postgres) -> str:
        return postgres.make(f"rollouts_{next(self.numbers)}")

    def test_a_server_that_is_away_is_an_outside_fault_and_the_next_try_goes_on(
        self, url: str, postgres: Postgres
    ) -> None:
        store = RolloutStore(url)
        state, revision = store.get(store.create_or_get(PLAN, 1.0).id)
        postgres.kill()
        with pytest.raises(BackendError, match=r"127\.0\.0\.1.*Connection refused; check that") as caught:
            store.save(restore(state, "lost", "a", 2.0), revision)
        assert caught.value.retryable
        assert len(str(caught.value).splitlines()) == 1
        postgres.start()
        assert store.get(state.id) == (state, revision)
        assert store.save(restore(state, "found", "a", 2.0), revision) == 2

    def test_a_connection_that_is_lost_between_two_writes_leaves_neither(
        self, url: str, store: RolloutStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        state, revision = store.get(store.create_or_get(PLAN, 1.0).id)
        append = rollout_store._append

        def cut(connection: Connection, state: RolloutState) -> None:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            with psycopg.connect(url) as other:
                other.execute(others, ["airflow-mlops"])
            append(connection, state)

        with monkeypatch.context() as patch:
            patch.setattr(rollout_store, "_append", cut)
            with pytest.raises(BackendError, match=r"terminating connection|server closed") as caught:
                store.save(restore(state, "lost", "a", 2.0), revision)
        assert caught.value.retryable
        assert store.get(state.id) == (state, revision)
        assert len(store.history(state.id)) == 1
        assert store.save(restore(state, "found", "a", 2.0), revision) == 2

    def test_what_postgresql_refuses_is_told_with_the_next_step_and_without_the_password(
        self, url: str, postgres: Postgres
    ) -> None:
        postgres.make_user("guest", password="hunter2")
        postgres.make_user("poor")
        for wrong, told in {
            url.replace(
                "mlops@", "guest:hunter3@"
            ): "authentication failed .* correct the login and password of",
            url.replace("mlops@", "guest@"): "no password supplied; correct the login and password of",
            url.replace("mlops@", "nobody@"): 'role "nobody" does not exist; create that user',
            url.replace("mlops@", "poor@"): "permission denied for schema public; GRANT CREATE ON SCHEMA",
            postgres.url("nowhere"): 'database "nowhere" does not exist; create it with `createdb`',
        }.items():
            with pytest.raises(BackendError, match=told) as caught:
                RolloutStore(wrong)
            assert "hunter" not in str(caught.value)
            assert len(str(caught.value).splitlines()) == 1


def test_other_databases_and_a_missing_driver_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"mysql.*set sqlite:///path, a path or postgresql"):
        RolloutStore("mysql://host/db")
    with pytest.raises(ConfigError, match="not a database URL"):
        RolloutStore("nothing at all://")
    with pytest.raises(ConfigError, match=r"postgresql\+asyncpg:// is not supported"):
        RolloutStore("postgresql+asyncpg://host/db")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'airflow-mlops\[postgres\]'"):
        RolloutStore("postgresql://host/db")
