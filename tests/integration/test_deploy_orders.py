"""What becomes of a rollout when a newer version comes, a person steps in or its run disappears."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.models import DagRun
from airflow.utils.session import create_session

from airflow_mlops.core.records import DeployRequest
from airflow_mlops.hooks.rollouts import rollouts_place
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from tests.support.airflow import Ran, run, traffic
from tests.support.deploy import Stage, rollout_driver, rollout_plan, staged

NAME = "orders"
SLOW = {"step_timeout": "1h"}


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, mlflow_uri: str, mlflow_connection: None
) -> Iterator[Stage]:
    with staged(NAME, tmp_path_factory.mktemp(NAME), mlflow_uri) as stage:
        assert stage.deploy(version=1).state == "success"
        yield stage


def store() -> RolloutStore:
    return RolloutStore(rollouts_place())


def in_canary(stage: Stage, version: int, request: str = "") -> tuple[RolloutDriver, RolloutState]:
    """Begin the canary of a version, as another run would have; nobody calls, so it stays in its step."""
    pipeline = stage.with_sections(canary=SLOW).get_task("rollout").pipeline  # type: ignore[attr-defined]
    driver = rollout_driver(pipeline, stage.registry)
    champion = stage.registry.get("champion")
    asked = DeployRequest(
        name=NAME, action="deploy", model_version=version, champion_version=champion, request=request
    )
    state = driver.start(rollout_plan(pipeline, asked))
    while not (state.percent == 50 and state.settled):
        state = driver.poll(state.id)
    assert stage.snapshot()["traffic"] == (champion, {str(version): 50})
    return driver, state


def test_a_person_pauses_goes_on_and_ends_a_rollout_by_triggering(stage: Stage) -> None:
    driver, state = in_canary(stage, 2, "pause-test")
    for action, label in (("pause", "PAUSED"), ("continue", "STEP 1/1 (50 %)"), ("pause", "PAUSED")):
        ran = stage.deploy(action=action)
        assert (ran.state, ran.tasks["prepare"], ran.tasks["finalize"]) == ("success", "skipped", "skipped")
        assert driver.poll(state.id).label == label
    assert stage.snapshot()["traffic"] == (1, {"2": 50})
    refused = stage.deploy(action="pause")
    assert refused.error("prepare") == f"rollout {state.id} is PAUSED: only a SHADOW or a STEP can be paused"
    assert stage.deploy(action="rollback").state == "success"
    history = [(entry["to"], entry["who"]) for entry in store().history(state.id)]
    user = "dag_test"  # Who triggers a run of dag.test(), as Airflow notes it.
    assert history[-5:-1] == [
        ("PAUSED", user),
        ("STEP 1/1 (50 %)", user),
        ("PAUSED", user),
        ("ROLLING_BACK", user),
    ]
    assert stage.snapshot()["traffic"] == (1, {})


def test_a_newer_version_takes_the_place_of_a_canary_and_the_older_run_is_skipped(stage: Stage) -> None:
    """The older run sleeps in its canary when the newer one comes, as in the triggerer."""
    seen: list[Any] = []

    def newer_comes(context: Any) -> None:
        request = DeployRequest.from_json(context["ti"].xcom_pull(task_ids="prepare"))
        pipeline = older.get_task("rollout").pipeline  # type: ignore[attr-defined]
        driver = rollout_driver(pipeline, stage.registry)
        state = driver.start(rollout_plan(pipeline, request))
        while not (state.percent == 50 and state.settled):
            state = driver.poll(state.id)
        seen.append(stage.snapshot()["traffic"])
        _, later = in_superseding(stage, 3)
        seen.append(stage.snapshot()["traffic"])
        seen.append(later)

    older = stage.with_sections(canary=SLOW)
    older.get_task("rollout")._pre_execute_hook = newer_comes  # type: ignore[union-attr]
    ran = run(older, run_conf={"version": 2})
    assert seen[:2] == [(1, {"2": 50}), (1, {})]
    assert ran.errors == {}
    assert ran.xcom("rollout")["outcome"] == "SUPERSEDED"
    assert (ran.tasks["rollout"], ran.tasks["finalize"], ran.tasks["restore"]) == (
        "success",
        "skipped",
        "success",
    )
    assert stage.registry.version(2).tags["mlops.rollout.reason"] == "superseded by version 3"
    running = store().running(NAME)
    assert running is not None
    assert running.id == seen[2].id
    assert stage.deploy(action="rollback").state == "success"


def in_superseding(stage: Stage, version: int) -> tuple[RolloutDriver, RolloutState]:
    pipeline = stage.dag.get_task("rollout").pipeline  # type: ignore[attr-defined]
    driver = rollout_driver(pipeline, stage.registry)
    asked = DeployRequest(
        name=NAME, action="deploy", model_version=version, champion_version=1, request="newer"
    )
    return driver, driver.start(rollout_plan(pipeline, asked), on_newer=pipeline.deploy.canary.on_newer)


def test_a_deploy_by_hand_takes_the_place_of_a_canary_whose_run_was_deleted(stage: Stage) -> None:
    driver, orphan = in_canary(stage, 2, "deleted-run")
    with traffic(stage.client):
        ran = stage.deploy(version=3)
    assert ran.state == "success", ran.errors
    assert driver.poll(orphan.id).phase is Phase.SUPERSEDED
    assert stage.snapshot()["traffic"] == (3, {})
    back = stage.deploy(action="rollback")
    assert back.state == "success", back.errors
    assert stage.snapshot()["traffic"] == (1, {})


def test_a_newer_version_that_is_to_wait_begins_after_the_running_one(stage: Stage) -> None:
    driver, first = in_canary(stage, 3, "goes first")
    began = threading.Event()

    def end_it(context: Any) -> None:
        began.set()

    def person() -> None:
        assert began.wait(30)
        driver.restore(first.id, "rolled back by ann", "ann")

    dag = stage.with_sections(canary={"on_newer": "wait", "poll": "0.05s"})
    dag.get_task("rollout")._pre_execute_hook = end_it  # type: ignore[union-attr]
    ann = threading.Thread(target=person)
    ann.start()
    with traffic(stage.client):
        ran = run(dag, run_conf={"version": 2})
    ann.join(30)
    assert ran.state == "success", ran.errors
    assert store().get(first.id)[0].reason == "rolled back by ann"
    assert stage.snapshot()["traffic"] == (2, {})
    assert stage.deploy(action="rollback").state == "success"


def test_a_second_run_of_the_same_version_finds_the_canary(stage: Stage) -> None:
    _, state = in_canary(stage, 3)
    with traffic(stage.client):
        ran = stage.deploy(version=3)
    assert ran.state == "success", ran.errors
    assert ran.xcom("rollout")["rollout_id"] == state.id
    assert stage.deploy(action="rollback").state == "success"
    assert stage.snapshot()["traffic"] == (1, {})


def test_a_task_that_is_killed_takes_its_own_canary_back_and_no_other(stage: Stage) -> None:
    driver, state = in_canary(stage, 2, "killed")
    task: Any = stage.with_sections(canary=SLOW).get_task("rollout")
    task.request = request_of(state.plan, "another run")
    task.on_kill()
    assert driver.poll(state.id).phase is Phase.STEP
    task.request = request_of(state.plan, "killed")
    task.on_kill()
    ended = store().get(state.id)[0]
    assert (ended.phase, ended.reason) == (Phase.ROLLED_BACK, "the task was killed")
    assert stage.snapshot()["traffic"] == (1, {})


def request_of(plan: RolloutPlan, request: str) -> dict[str, Any]:
    return DeployRequest(
        name=NAME, action="deploy", model_version=plan.model_version,
        champion_version=plan.champion_version, request=request,
    ).to_json()  # fmt: skip


def test_a_run_marked_failed_in_its_canary_gives_the_traffic_back(stage: Stage) -> None:
    """As a person does in the UI: the tasks left are ended, the teardown still runs."""
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed

    dag = stage.with_sections(canary=SLOW)

    def marked(context: Any) -> None:
        request = DeployRequest.from_json(context["ti"].xcom_pull(task_ids="prepare"))
        pipeline = dag.get_task("rollout").pipeline  # type: ignore[attr-defined]
        driver = rollout_driver(pipeline, stage.registry)
        state = driver.start(rollout_plan(pipeline, request))
        while not (state.percent == 50 and state.settled):
            state = driver.poll(state.id)
        with create_session() as session:
            found = session.query(DagRun).filter_by(dag_id=dag.dag_id, run_id=context["ti"].run_id).one()
            set_dag_run_state_to_failed(
                dag=found.dag or dag, run_id=found.run_id, commit=True, session=session
            )

    dag.get_task("rollout")._pre_execute_hook = marked  # type: ignore[union-attr]
    ran: Ran = run(dag, run_conf={"version": 3})
    latest = store().latest(NAME)
    assert latest is not None
    assert (latest.plan.model_version, latest.phase) == (3, Phase.ROLLED_BACK)
    assert ran.tasks["restore"] == "success"
    assert stage.snapshot()["traffic"] == (1, {})
