"""A person's no: the challenger is taken off, who said it is kept, and the run ends without a rollout."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.models import TaskInstance
from airflow.utils.session import create_session

from airflow_mlops.hooks.rollouts import rollouts_place
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.training.registry import Registry
from tests.support.airflow import DEPLOY, project, run


def answer(dag_id: str, choice: str, ended: threading.Event, task_id: str = "approve") -> None:
    """Answer the open request as the user ada, through the function behind Airflow's REST API."""
    create_auth_manager()
    while not ended.wait(0.2):
        with create_session() as session:
            waiting = (
                session.query(TaskInstance)
                .filter_by(dag_id=dag_id, task_id=task_id, state="awaiting_input")
                .one_or_none()
            )
            if waiting is not None:
                update_hitl_detail(
                    dag_id=dag_id,
                    dag_run_id=waiting.run_id,
                    task_id=task_id,
                    update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[choice]),
                    user=SimpleAuthManagerUser(username="ada", role="ADMIN"),
                    session=session,
                )
                return


def test_a_refused_version_is_no_challenger_any_more(tmp_path: Path, mlflow_uri: str) -> None:
    dags = project(tmp_path, name="refused", deploy=DEPLOY, approve={"by": ["ada"]})
    assert run(dags["train"]).state == "success"
    registry = Registry(mlflow_uri, "refused")
    assert registry.get("challenger") == 1
    ended = threading.Event()
    person = threading.Thread(target=answer, args=("refused__deploy", "Reject", ended))
    person.start()
    try:
        ran = run(dags["deploy"])
    finally:
        ended.set()
        person.join(30)
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
    gate: dict[str, Any] = {"name": name, "evaluate": evaluate, "approve": {"by": ["ada"]}}
    first = run(project(tmp_path, **gate)["train"])
    assert first.errors == {}
    assert first.tasks["decide"] == "success"  # there is no champion, and nothing to ask
    other = {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"C": 0.001}}
    dags = project(tmp_path, **gate, train=other)
    ended = threading.Event()
    person = threading.Thread(target=answer, args=(f"{name}__train", choice, ended, "decide"))
    person.start()
    try:
        ran = run(dags["train"])
    finally:
        ended.set()
        person.join(30)
    assert ran.errors == {}
    assert ran.xcom("evaluate")["outcome"] == "inconclusive"
    passed = choice == "Approve"
    assert ran.tasks["register"] == ("success" if passed else "skipped")
    assert ran.xcom("decide", "evaluation")["passed"] is passed
    registry = Registry(mlflow_uri, name)
    assert registry.get("champion") == champion
    if passed:
        assert registry.version(2).tags["mlops.gate.caution"].startswith("accepted by ada at 2")
