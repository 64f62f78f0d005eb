"""Rollouts in PostgreSQL by a connection, and the deploy DAG that moves traffic behind HAProxy with them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import psycopg
import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions import dag as dag_module
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.hooks.rollouts import open_rollouts, place_of, rollouts_place
from airflow_mlops.rollout.core import RolloutPlan
from airflow_mlops.triggers.rollout import RolloutTrigger, TurnTrigger
from tests.support import free_port
from tests.support.airflow import DEPLOY, Ran, connection, project, run, traffic
from tests.support.haproxy import running_haproxy
from tests.support.postgres import Postgres, running_postgres
from tests.support.server import ADMIN_TOKEN, NAME, ROW, TOKEN, Client, Registry, running_server

PASSWORD = "hunter22-sesame"
PLACE = "conn_id://own_rollouts"


def define(patch: pytest.MonkeyPatch, name: str, **fields: Any) -> None:
    patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "postgres", **fields}))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL with a database of a user who has to give a password; the setting names its connection."""
    with running_postgres() as postgres, pytest.MonkeyPatch.context() as patch:
        postgres.make_user("airflow", password=PASSWORD)
        postgres.make("rollouts", owner="airflow")
        there = {"host": "127.0.0.1", "port": postgres.port, "schema": "rollouts", "login": "airflow"}
        define(patch, "own_rollouts", **there, password=PASSWORD)
        patch.setenv("AIRFLOW__MLOPS__ROLLOUTS", PLACE)
        yield postgres


@dataclass
class Behind:
    """A model behind HAProxy, its deploy DAG, and every trigger that its tasks waited in."""

    dag: DAG
    registry: Registry
    caller: Client
    triggers: list[BaseTrigger]

    def deploy(self, version: int) -> Ran:
        with traffic(self.caller, ROW):
            return run(self.dag, run_conf={"version": version})


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    before = mlflow.get_tracking_uri()
    yield Registry(tmp_path_factory.mktemp("behind_registry"))
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def behind(
    registry: Registry, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("behind")
    with ExitStack() as stack:
        slots = {name: stack.enter_context(running_server(registry, folder / name)) for name in "ab"}
        urls = {name: slot.admin_url for name, slot in slots.items()}
        addresses = [str(slot.base_url) for slot in slots.values()]
        haproxy = stack.enter_context(running_haproxy(free_port(), addresses))
        extra = {"haproxy": {"socket": haproxy.socket, "slots": urls}}
        stack.callback(connection("behind_haproxy", haproxy.url, **extra).undo)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        define(patch, "behind_mlflow", conn_type="mlops_mlflow", host=registry.uri)
        triggers: list[BaseTrigger] = []
        inline = dag_module._run_inline_trigger

        def watched(trigger: BaseTrigger, *others: Any) -> Any:
            triggers.append(trigger)
            return inline(trigger, *others)  # type: ignore[no-untyped-call]

        patch.setattr(dag_module, "_run_inline_trigger", watched)
        deploy = {"target": "haproxy", "conn_id": "behind_haproxy", "canary": DEPLOY["canary"]}
        dag = project(folder, name=NAME, mlflow_conn_id="behind_mlflow", deploy=deploy)["deploy"]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        caller = stack.enter_context(Client(base_url=haproxy.url, headers=headers, timeout=30))
        yield Behind(dag, registry, caller, triggers)


@pytest.fixture(scope="module")
def both(behind: Behind) -> tuple[Ran, Ran]:
    return behind.deploy(1), behind.deploy(2)


def test_a_version_takes_over_behind_haproxy_with_its_rollout_in_postgresql(
    behind: Behind, both: tuple[Ran, Ran], postgres: Postgres
) -> None:
    first, second = both
    assert (first.state, second.state) == ("success", "success"), (first.errors, second.errors)
    passed = [entry["to"] for entry in second.xcom("rollout")["history"]]
    assert passed == ["PENDING", "WARMING", "STEP 1/1 (50 %)", "PROMOTING", "PROMOTED"]
    assert (behind.registry.get("champion"), behind.registry.get("previous")) == (2, 1)
    assert {behind.caller.predict().headers["x-model-version"] for _ in range(10)} == {"2"}
    with psycopg.connect(postgres.url("rollouts")) as database:
        rows = database.execute("SELECT name, phase FROM mlops_rollouts ORDER BY number").fetchall()
        steps = "SELECT target FROM mlops_rollout_history WHERE rollout_id = %s ORDER BY seq"
        kept = database.execute(steps, [second.xcom("rollout", key="rollout_id")]).fetchall()
    assert rows == [(NAME, "PROMOTED"), (NAME, "PROMOTED")]
    assert [target for (target,) in kept] == passed


def test_nothing_that_airflow_keeps_of_the_wait_holds_a_secret(behind: Behind, both: tuple[Ran, Ran]) -> None:
    waited = [json.dumps(trigger.serialize()) for trigger in behind.triggers]
    assert len(waited) == 2
    assert all(json.loads(text)[1]["store"] == PLACE for text in waited)
    results = [json.dumps(ran.xcom(task)) for ran in both for task in ("prepare", "rollout", "finalize")]
    for text in (*waited, *results):
        assert PASSWORD not in text
        assert ADMIN_TOKEN not in text


def test_triggers_wait_for_a_database_that_is_away_for_a_while(postgres: Postgres) -> None:
    store = open_rollouts(rollouts_place())
    state = store.create_or_get(RolloutPlan(name="away", model_version=1, model_uri="models:/away/1"), 1.0)
    postgres.kill()
    waiting = TurnTrigger(name="nobody", store=PLACE, poll_seconds=1)
    back = threading.Timer(1.5, postgres.start)
    back.start()
    try:
        assert first_event(waiting) == {}
    finally:
        back.join()
    assert store.get(state.id) == (state, 1)


def test_a_database_that_stays_away_ends_the_wait_and_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    define(monkeypatch, "away_rollouts", host="127.0.0.1", port=free_port(), password=PASSWORD)
    patch = connection("away_server", f"http://127.0.0.1:{free_port()}")
    arguments = {"target": "local", "conn_id": "away_server", "poll_seconds": 0.05, "patience": 2}
    event = first_event(RolloutTrigger(rollout_id="x", store="conn_id://away_rollouts", **arguments))
    patch.undo()
    assert event["retryable"] is True
    assert "Connection refused; check that the database server runs" in event["error"]
    assert PASSWORD not in event["error"]


def first_event(trigger: BaseTrigger) -> dict[str, Any]:
    async def wait() -> TriggerEvent:
        return await anext(trigger.run())

    payload: dict[str, Any] = asyncio.run(asyncio.wait_for(wait(), 60)).payload
    return payload


@pytest.mark.parametrize("place", [PLACE, "postgresql://airflow@db/rollouts", "sqlite:////data/r.db"])
def test_a_place_without_a_secret_is_kept_as_it_is(place: str) -> None:
    assert place_of(place) == place


def test_a_file_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of("r.db") == str(tmp_path / "r.db")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (f"postgresql://me:{PASSWORD}@db/rollouts", "must not hold a password: create an Airflow connection"),
        (f"postgresql://me:#{PASSWORD}@db/rollouts", "must not hold a password"),
        (f"postgresql://me@db/rollouts?password={PASSWORD}", "must not hold a password"),
        (
            f"conn_id://me:{PASSWORD}@db",
            "conn_id:// must be followed by the name of an Airflow connection only",
        ),
        (f"postgresql://db:{PASSWORD}/rollouts", "is not the URL of a database"),
    ],
)
def test_a_place_with_a_secret_is_refused_without_telling_it(place: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        place_of(place)
    assert PASSWORD not in str(caught.value)


def test_a_connection_that_does_not_fit_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"no Airflow connection 'nowhere': add one of type postgres"):
        open_rollouts("conn_id://nowhere")
    define(monkeypatch, "other", conn_type="mysql", host="db")
    with pytest.raises(ConfigError, match=r"'other' must be of type postgres .* it is of type mysql"):
        open_rollouts("conn_id://other")


def test_a_wrong_password_is_told_without_it(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"host": "127.0.0.1", "port": postgres.port, "schema": "rollouts", "login": "airflow"}
    define(monkeypatch, "wrong_rollouts", **there, password=PASSWORD[::-1])
    with pytest.raises(BackendError, match="correct the login and password of the connection") as caught:
        open_rollouts("conn_id://wrong_rollouts")
    assert PASSWORD[::-1] not in str(caught.value)
