"""A person's no: the challenger is taken off, who said it is kept, and the run ends without a rollout."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.models import TaskInstance
from airflow.models.hitl import HITLDetail
from airflow.sdk import DAG
from airflow.sdk.definitions.dag import _run_task
from airflow.utils.session import create_session
from fastapi import HTTPException

from airflow_mlops.core.errors import BackendError
from airflow_mlops.hooks.rollouts import rollouts_place
from airflow_mlops.operators.approve import ApproveOperator
from airflow_mlops.operators.prepare import PrepareOperator
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.training.registry import Registry
from tests.support.airflow import DEPLOY, Ran, project, run, run_again


def answer(
    dag_id: str, choice: str, ended: threading.Event, task_id: str = "approve", user: str = "ada"
) -> int:
    """Answer the open request as a user, through the function behind Airflow's API; returns its status."""
    create_auth_manager()
    while not ended.wait(0.2):
        with create_session() as session:
            waiting = (
                session.query(TaskInstance)
                .filter_by(dag_id=dag_id, task_id=task_id, state="awaiting_input")
                .one_or_none()
            )
            if waiting is not None:
                try:
                    update_hitl_detail(
                        dag_id=dag_id,
                        dag_run_id=waiting.run_id,
                        task_id=task_id,
                        update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[choice]),
                        user=SimpleAuthManagerUser(username=user, role="ADMIN"),
                        session=session,
                    )
                except HTTPException as error:
                    return int(error.status_code)
                return 200
    return 0


@contextmanager
def people(dag_id: str, *answers: tuple[str, str, str]) -> Iterator[list[int]]:
    """Give answers (task, user, choice) in order while the block runs; yields the status of each."""
    ended, said = threading.Event(), list[int]()

    def give() -> None:
        for task_id, user, choice in answers:
            said.append(answer(dag_id, choice, ended, task_id, user))

    thread = threading.Thread(target=give)
    thread.start()
    try:
        yield said
    finally:
        ended.set()
        thread.join(30)


def question(ran: Ran, task_id: str) -> HITLDetail:
    """Return the request of a task as Airflow shows it."""
    with create_session() as session:
        [instance] = session.query(TaskInstance).filter_by(
            dag_id=ran.dag.dag_id, run_id=ran.run_id, task_id=task_id
        )
        found = session.query(HITLDetail).filter_by(ti_id=instance.id).one()
        session.expunge_all()
        return found


def test_a_refused_version_is_no_challenger_any_more(tmp_path: Path, mlflow_uri: str) -> None:
    dags = project(tmp_path, name="refused", deploy=DEPLOY, approve={"by": ["ada"]})
    assert run(dags["train"]).state == "success"
    registry = Registry(mlflow_uri, "refused")
    assert registry.get("challenger") == 1
    with people("refused__deploy", ("approve", "ada", "Reject")):
        ran = run(dags["deploy"])
    assert ran.errors == {}
    assert ran.tasks == {
        "prepare": "success",
        "approve": "success",
        "rollout": "skipped",
        "finalize": "skipped",
        "restore": "success",
    }
    assert ran.errors == {}
    assert (registry.get("challenger"), registry.get("champion")) == (None, None)
    tags = registry.version(1).tags
    assert (tags["mlops.approval"], tags["mlops.approval.by"]) == ("Reject", "ada")
    assert tags["mlops.approval.at"]
    assert RolloutStore(rollouts_place()).latest("refused") is None


@pytest.mark.parametrize(("choice", "champion"), [("Approve", 2), ("Reject", 1)])
def test_a_person_decides_about_a_model_without_enough_evidence(
    tmp_path: Path, mlflow_uri: str, choice: str, champion: int
) -> None:
    name = f"asked_{choice.lower()}"
    evaluate = {"metrics": ["accuracy"], "against_champion": {"accuracy": ">= 0"}, "on_inconclusive": "ask"}
    approve = {"by": ["ada", "ben"], "needs": 2}
    gate: dict[str, Any] = {"name": name, "evaluate": evaluate, "approve": approve}
    first = run(project(tmp_path, **gate)["train"])
    assert first.errors == {}
    assert first.tasks["decide"] == "success"  # there is no champion, and nothing to ask
    other = {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"C": 0.001}}
    dags = project(tmp_path, **gate, train=other)
    with people(f"{name}__train", ("decide", "ada", "Approve"), ("decide_2", "ben", choice)):
        ran = run(dags["train"])
    assert ran.errors == {}
    assert ran.xcom("evaluate")["outcome"] == "inconclusive"
    passed = choice == "Approve"
    assert ran.tasks["register"] == ("success" if passed else "skipped")
    assert ran.xcom("decide_2", "evaluation")["passed"] is passed
    registry = Registry(mlflow_uri, name)
    assert registry.get("champion") == champion
    if passed:
        caution = registry.version(2).tags["mlops.gate.caution"]
        assert re.match(r"accepted by ada at 2\S+ \S+ and ben at 2", caution)


NAME = "several"
DEPLOY_ID = f"{NAME}__deploy"
AUTHOR = "dag_test"
"""Who triggers the runs of ``dag.test()``."""


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, mlflow_uri: str) -> DAG:
    """A deploy that two of three people must approve, one of whom has started the training."""
    approve = {"by": ["ada", "ben", AUTHOR], "needs": 2}
    dags = project(tmp_path_factory.mktemp(NAME), name=NAME, deploy=DEPLOY, approve=approve)
    assert run(dags["train"]).errors == {}
    return dags["deploy"]


def test_two_people_approve_and_the_author_is_not_one_of_them(several: DAG, mlflow_uri: str) -> None:
    registry = Registry(mlflow_uri, NAME)
    assert registry.version(1).tags["mlops.author"] == AUTHOR
    answers = (
        ("approve", AUTHOR, "Approve"),
        ("approve", "ada", "Approve"),
        ("approve_2", "ada", "Approve"),
        ("approve_2", "ben", "Approve"),
    )
    with people(DEPLOY_ID, *answers) as said:
        ran = run(several, run_conf={"version": 1}, mark_success_pattern="rollout|finalize|restore")
    assert ran.errors == {}
    assert said == [403, 200, 403, 200]
    assert set(ran.tasks.values()) == {"success"}
    first, second = question(ran, "approve"), question(ran, "approve_2")
    assert [user["id"] for user in first.assigned_users] == ["ada", "ben"]
    assert [user["id"] for user in second.assigned_users] == ["ben"]
    assert "| author | dag_test |" in str(first.body)
    assert "- dag_test started the training and requested this deploy, and may not" in str(first.body)
    assert "- **approvals**: 1 of 2 different people, so far ada" in str(second.body)
    tags = registry.version(1).tags
    assert (tags["mlops.approval"], tags["mlops.approval.by"]) == ("Approve", "ada, ben")
    assert re.fullmatch(r"Approve by ada at 2.+; Approve by ben at 2.+", tags["mlops.approval.answers"])


def test_who_has_answered_is_checked_without_the_help_of_airflow(
    several: DAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An auth manager may let others answer: their approval is refused, and the task asks again."""
    monkeypatch.setattr(SimpleAuthManager, "is_authorized_hitl_task", lambda *_, **__: True)
    answers = (
        ("approve", AUTHOR, "Approve"),
        ("approve", "eve", "Reject"),
        ("approve", "ada", "Approve"),
        ("approve_2", "ada", "Approve"),
        ("approve_2", AUTHOR, "Reject"),
    )
    with people(DEPLOY_ID, *answers) as said:
        ran = run(several, run_conf={"version": 1})
    assert ran.errors == {}
    assert said == [200] * 5
    assert (ran.tasks["approve_2"], ran.tasks["rollout"], ran.tasks["finalize"]) == (
        "success",
        "skipped",
        "skipped",
    )
    assert [item["by"] for item in ran.xcom("approve_2", "approval")["answers"]] == ["ada", AUTHOR]
    assert RolloutStore(rollouts_place()).latest(NAME) is None


def test_the_first_rejection_skips_the_further_requests_and_the_rollout(several: DAG) -> None:
    with people(DEPLOY_ID, ("approve", "ben", "Reject")):
        ran = run(several, run_conf={"version": 1})
    assert ran.errors == {}
    assert {ran.tasks[task] for task in ("approve_2", "rollout", "finalize")} == {"skipped"}


def test_a_cleared_request_asks_again_but_never_with_an_old_text(several: DAG, mlflow_uri: str) -> None:
    answers = (("approve", "ada", "Approve"), ("approve_2", "ben", "Approve"))
    done = "rollout|finalize|restore"
    with people(DEPLOY_ID, *answers):
        ran = run(several, run_conf={"version": 1}, mark_success_pattern=done)
    asked_at = question(ran, "approve_2").created_at
    with people(DEPLOY_ID, ("approve_2", "ben", "Approve")):
        run_again(ran, "approve_2")
        assert ran.tasks["approve_2"] == "awaiting_input"
        resume(ran, "approve_2")
    assert (ran.tasks["approve_2"], ran.errors) == ("success", {})
    assert question(ran, "approve_2").created_at == asked_at  # Airflow keeps the first request of a run
    with people(DEPLOY_ID, ("approve", "ben", "Approve"), ("approve", "ada", "Approve")):
        run_again(ran, "approve")
        resume(ran, "approve")  # ben has answered the other request, which was not cleared
        resume(ran, "approve")
    assert ran.xcom("approve", "approval")["by"] == "ada"
    Registry(mlflow_uri, NAME).tag(1, {"mlops.gate.caution": "another evidence"})
    run_again(ran, "prepare", "approve")
    assert "Airflow keeps showing its first request; start a new run" in ran.error("approve")


def test_one_task_in_a_dag_of_ones_own_asks_until_there_are_enough(several: DAG, mlflow_uri: str) -> None:
    pipeline = several.get_task("approve").pipeline
    with DAG("by_hand", schedule=None, params={"version": 1}) as dag:
        asks = ApproveOperator(task_id="approve", pipeline=pipeline)
        PrepareOperator(task_id="prepare", pipeline=pipeline) >> asks
    answers = ("approve", "ada", "Approve"), ("approve", "ada", "Approve"), ("approve", "ben", "Approve")
    with people("by_hand", *answers) as said:
        ran = run(dag)
    assert (ran.errors, said) == ({}, [200] * 3)
    assert [item["by"] for item in ran.xcom("approve", "approval")["answers"]] == ["ada", "ben"]
    assert Registry(mlflow_uri, NAME).version(1).tags["mlops.approval.by"] == "ada, ben"


def test_a_retry_acts_on_the_answer_that_was_given(
    several: DAG, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow is away while an answer is kept: the person is not asked again."""
    pipeline, tag, calls = several.get_task("approve").pipeline, Registry.tag, list[int]()

    def away_at_first(self: Registry, version: int, tags: Mapping[str, str]) -> None:
        calls.append(version)
        if len(calls) == 1:
            raise BackendError("MLflow is away")
        tag(self, version, tags)

    monkeypatch.setattr(Registry, "tag", away_at_first)
    with DAG("by_hand_again", schedule=None, params={"version": 1}) as dag:
        asks = ApproveOperator(task_id="approve", pipeline=pipeline, retries=1)
        PrepareOperator(task_id="prepare", pipeline=pipeline) >> asks
    with people("by_hand_again", ("approve", "ada", "Approve"), ("approve", "ben", "Reject")) as said:
        ran = run(dag)
    assert (said, ran.state, ran.tries("approve")) == ([200, 200], "success", 2)
    assert [item["by"] for item in ran.xcom("approve", "approval")["answers"]] == ["ada", "ben"]


def resume(ran: Ran, task_id: str) -> None:
    """Run a task further, once a person has answered it."""
    while ran.tasks[task_id] == "awaiting_input":
        time.sleep(0.05)
    with create_session() as session:
        [instance] = ran._instances(session, task_id)
        _run_task(ti=instance, task=ran.dag.get_task(task_id), run_triggerer=True)
