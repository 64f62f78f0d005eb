"""A version's way to champion and back, on a real Airflow with a real model server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_mlops.core.records import DeployRequest
from airflow_mlops.hooks.rollouts import rollouts_place
from airflow_mlops.rollout.core import Phase, rollback_to
from airflow_mlops.rollout.store.store import RolloutStore
from tests.support.airflow import Ran, run, run_again, traffic
from tests.support.deploy import Snapshot, Stage, rollout_driver, rollout_plan, staged

NAME = "live"


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, mlflow_uri: str, mlflow_connection: None
) -> Iterator[Stage]:
    with staged(NAME, tmp_path_factory.mktemp("live"), mlflow_uri) as stage:
        yield stage


@pytest.fixture(scope="module")
def first(stage: Stage) -> tuple[Ran, Snapshot]:
    return stage.deploy(version=1), stage.snapshot()


@pytest.fixture(scope="module")
def second(stage: Stage, first: tuple[Ran, Snapshot]) -> tuple[Ran, Snapshot]:
    with traffic(stage.client):
        return stage.deploy(version=2), stage.snapshot()


@pytest.fixture(scope="module")
def back(stage: Stage, second: tuple[Ran, Snapshot]) -> tuple[Ran, Snapshot]:
    dag = stage.with_sections(approve={"by": ["ada"]})
    return run(dag, run_conf={"action": "rollback"}), stage.snapshot()


def test_a_first_version_goes_live(first: tuple[Ran, Snapshot]) -> None:
    ran, after = first
    assert ran.state == "success", ran.errors
    assert set(ran.tasks.values()) == {"success"}
    assert after["traffic"] == (1, {})
    assert (after["champion"], after["previous"]) == (1, None)
    assert ran.xcom("finalize")["outcome"] == "PROMOTED"
    assert ran.xcom("restore")["phase"] == "PROMOTED"


def test_a_second_version_takes_over_after_its_canary(stage: Stage, second: tuple[Ran, Snapshot]) -> None:
    ran, after = second
    assert ran.state == "success", ran.errors
    assert after["traffic"] == (2, {})
    assert (after["champion"], after["previous"]) == (2, 1)
    passed = [entry["to"] for entry in ran.xcom("rollout")["history"]]
    assert passed == ["PENDING", "WARMING", "STEP 1/1 (50 %)", "PROMOTING", "PROMOTED"]
    assert stage.registry.version(2).tags["mlops.rollout.outcome"] == "PROMOTED"


def test_a_rollout_task_that_is_run_again_finds_the_finished_rollout(
    stage: Stage, second: tuple[Ran, Snapshot]
) -> None:
    ran, _ = second
    record, before = ran.xcom("rollout"), stage.snapshot()
    run_again(ran, "rollout", "finalize", "restore")
    assert (ran.tasks["rollout"], ran.tasks["finalize"]) == ("success", "success")
    assert ran.xcom("rollout") == record
    assert stage.snapshot() == before


def test_rollback_by_hand_brings_the_previous_version_back_and_asks_nobody(
    back: tuple[Ran, Snapshot],
) -> None:
    ran, after = back
    assert ran.state == "success", ran.errors
    assert (ran.tasks["approve"], ran.tasks["rollout"]) == ("skipped", "success")
    assert after["traffic"] == (1, {})
    assert (after["champion"], after["previous"]) == (1, 2)


def test_the_champion_is_not_deployed_again(stage: Stage, back: tuple[Ran, Snapshot]) -> None:
    ran = stage.deploy(version=1)
    assert ran.state == "success", ran.errors
    assert [ran.tasks[task] for task in ("prepare", "rollout", "finalize")] == ["skipped"] * 3


def test_a_rollout_that_breaks_off_gives_the_traffic_back(stage: Stage, back: tuple[Ran, Snapshot]) -> None:
    before = stage.snapshot()
    dag = stage.dag
    seen: list[Any] = []

    def die_in_the_middle(context: Any) -> None:
        task = dag.get_task("rollout")
        request = DeployRequest.from_json(context["ti"].xcom_pull(task_ids="prepare"))
        driver = rollout_driver(task.pipeline)
        state = driver.start(rollout_plan(task.pipeline, request))
        while not state.terminal and not (state.percent == 50 and state.settled):
            state = driver.poll(state.id)
        seen.append(stage.snapshot()["traffic"])
        raise AirflowFailException("the worker is gone")

    dag.get_task("rollout")._pre_execute_hook = die_in_the_middle
    ran = run(dag, run_conf={"version": 3})
    assert seen == [(1, {"3": 50})]
    assert ran.state == "failed"
    assert (ran.tasks["rollout"], ran.tasks["restore"]) == ("failed", "success")
    assert ran.xcom("restore")["phase"] == "ROLLED_BACK"
    assert ran.error("finalize") == "the rollout of version 3 did not end: see task rollout"
    after = stage.snapshot()
    assert {**after, "epoch": 0} == {**before, "epoch": 0, "challenger": None}
    assert stage.registry.version(3).tags["mlops.rollout.reason"] == (
        "the deploy run ended before the rollout"
    )


def test_a_version_that_does_not_load_ends_the_run_as_failed(
    stage: Stage, back: tuple[Ran, Snapshot]
) -> None:
    import shutil
    from urllib.parse import urlsplit

    model = stage.registry.client.get_logged_model(stage.registry.version(2).model_uri.rpartition("/")[2])
    place = Path(urlsplit(model.artifact_location).path)
    shutil.rmtree(place)
    before = stage.snapshot()
    ran = stage.deploy(version=2)
    assert ran.state == "failed"
    assert (ran.tasks["rollout"], ran.tasks["finalize"], ran.tasks["restore"]) == (
        "success",
        "failed",
        "success",
    )
    assert ran.tries("finalize") == 1
    assert ran.error("finalize").startswith("version 2 ROLLED_BACK: the version does not load: ")
    assert len(ran.error("finalize").splitlines()) == 1
    after = stage.snapshot()
    assert after["traffic"] == before["traffic"] == (1, {})
    assert after["champion"] == 1


def test_an_unknown_version_names_those_that_exist(stage: Stage) -> None:
    ran = stage.deploy(version=99)
    assert ran.error("prepare") == "live has no version 99; there are: 3, 2, 1"
    assert (ran.tasks["rollout"], ran.state) == ("upstream_failed", "failed")


def test_a_decision_without_a_rollout_is_refused(stage: Stage) -> None:
    ran = stage.deploy(action="promote")
    assert ran.error("prepare") == "promote: no rollout of live is running, so there is nothing to decide"


def test_a_deploy_while_another_rollout_runs_is_refused_and_rollback_ends_it(
    stage: Stage, back: tuple[Ran, Snapshot]
) -> None:
    store = RolloutStore(rollouts_place())
    other = store.create_or_get(rollback_to(NAME, 2, champion=1, request="somebody else"), time.time())
    ran = stage.deploy(version=3)
    assert isinstance(ran.errors["rollout"][-1], AirflowFailException)
    assert ran.error("rollout") == (
        f"rollout {other.id} of live is still PENDING: only one may move traffic. "
        "Wait for it, or end it: trigger live__deploy with action = rollback"
    )
    assert ran.xcom("restore")["phase"] == "none"
    assert store.running(NAME) is not None
    ended = stage.deploy(action="rollback")
    assert ended.state == "success", ended.errors
    assert [ended.tasks[task] for task in ("prepare", "rollout", "finalize")] == ["skipped"] * 3
    assert store.get(other.id)[0].phase is Phase.ROLLED_BACK
    assert store.running(NAME) is None
    assert stage.snapshot()["traffic"] == (1, {})
