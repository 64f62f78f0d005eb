"""Approve and decide with several people, an author, and users that Airflow does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Answer, Approval, DeployRequest, Evaluation, ModelRef
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from airflow_mlops.training.registry import Registry
from tests.support.stores import registry_with

ADA = {"chosen": "Approve", "by": "ada", "user": "ada", "at": "2026-01-01T10:00:00+00:00"}
BEN = {**ADA, "by": "ben", "user": "ben", "at": "2026-01-01T11:00:00+00:00"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A model with one version, whose run names its author."""
    found = registry_with(tmp_path_factory.mktemp("mlflow"), [{}], {})
    found.client.set_tag(found.version(1).run_id, "mlops.author", "cleo")
    return found


def asked(
    registry: Registry,
    *,
    by: tuple[str, ...] = ("ada", "ben", "cleo"),
    stage: str = "approve",
    approve: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    people: Mapping[str, str] | None = None,
    **options: Any,
) -> Mapping[str, Any]:
    """Run a stage and return its record."""
    about = {
        "model_version": 1,
        "champion_version": None,
        **({"author": "cleo"} if people is None else people),
    }
    inputs = {"request": DeployRequest(name="churn", action="deploy", **about).to_json()}
    inputs |= {"before": before} if before else {}
    if stage == "decide":
        run_id = registry.version(1).run_id
        model = ModelRef(name="churn", model_uri="models:/m-1", run_id=run_id, digest="d", params={}, rows=9)
        evaluation = Evaluation(model=model, metrics={}, asks=True, reasons=("not enough evidence",))
        inputs = {"evaluation": before or evaluation.to_json()}
    request = StageRequest(
        stage=stage,
        pipeline={"name": "churn", "approve": {"by": list(by), **(approve or {"needs": 2})}},
        task_key=f"churn__deploy/run/{stage}/-1",
        artifacts="unused",
        tracking_uri=registry.uri,
        inputs=inputs,
        options=options,
    )
    found = dict(run_stage(request).record)
    return found | {"by": tuple(found["by"])} if isinstance(found.get("by"), list | tuple) else found


def test_the_deploy_waits_for_two_different_people(registry: Registry) -> None:
    registry.set("challenger", 1)
    first = asked(registry, answer=ADA)
    assert Approval.from_json(first).summary == "approved by ada, 1 more to approve"
    assert not Approval.from_json(first).approved
    assert registry.version(1).tags["mlops.approval"] == "1 of 2"
    again = asked(registry, before=first)
    assert again["by"] == ("ben",)
    assert again["subject"] == "Deploy version 1 of churn? (approval 2 of 2)"
    assert "- **approvals**: 1 of 2 different people, so far ada" in again["body"]
    refused = asked(registry, before=first, answer=ADA)
    assert refused["refused"] == "ada has approved already, and may not approve it"
    second = Approval.from_json(asked(registry, before=first, answer=BEN))
    assert (second.approved, second.summary) == (True, "approved by ada, ben")
    assert [str(answer) for answer in second.answers] == [
        "ada at 2026-01-01T10:00:00+00:00",
        "ben at 2026-01-01T11:00:00+00:00",
    ]
    tags = registry.version(1).tags
    assert (tags["mlops.approval"], tags["mlops.approval.by"]) == ("Approve", "ada, ben")
    assert tags["mlops.approval.answers"].count("Approve by") == 2
    assert registry.get("challenger") == 1


def test_one_rejection_rejects(registry: Registry) -> None:
    registry.set("challenger", 1)
    first = asked(registry, answer=ADA)
    second = Approval.from_json(asked(registry, before=first, answer={**BEN, "chosen": "Reject"}))
    assert second.rejection == "version 1 was rejected by ben"
    assert registry.get("challenger") is None
    assert registry.version(1).tags["mlops.approval.by"] == "ben"


def test_approvals_of_another_version_do_not_count(registry: Registry) -> None:
    other = Approval(
        name="churn",
        model_version=7,
        chosen="Approve",
        by="ada",
        at="",
        answers=(Answer(by="ada"),),
        missing=1,
    )
    assert asked(registry, before=other.to_json())["by"] == ("ada", "ben")


@pytest.mark.parametrize(
    ("by", "approve", "refuses"),
    [
        (("cleo",), {"needs": 1}, False),  # a team of one
        (("cleo", "ada"), {"needs": 1}, True),
        (("cleo", "ada"), {"needs": 2}, False),
        (("cleo", "ada"), {"needs": 1, "author": "allow"}, False),
    ],
)
def test_the_author_may_approve_where_nobody_else_could(
    registry: Registry, by: tuple[str, ...], approve: dict[str, Any], refuses: bool
) -> None:
    found = asked(registry, by=by, approve=approve)
    assert ("cleo" not in found["by"]) is refuses
    assert "| author | cleo |" in found["body"]
    answer = {**ADA, "by": "cleo", "user": "cleo"}
    assert bool(asked(registry, by=by, approve=approve, answer=answer).get("refused")) is refuses


def test_an_author_who_is_not_known_is_said_so(registry: Registry) -> None:
    body = asked(registry, people={"requested_by": "ben"}, approve={"needs": 1})["body"]
    assert "| author | not known: no person is on record as having started the training |" in body
    assert "| deploy requested by | ben |" in body
    assert "- ben requested this deploy, and may not approve it" in body


def test_a_request_that_nobody_could_answer_fails_at_once(registry: Registry) -> None:
    with pytest.raises(
        ConfigError, match=r"1 approval is missing, but 0 of approve.by may approve \(cleo started"
    ):
        asked(registry, by=("cleo",), approve={"author": "refuse"})
    both = {"author": "cleo", "requested_by": "ada"}
    with pytest.raises(ConfigError, match=r"name more people in approve.by, or write approve.author: allow"):
        asked(registry, by=("cleo", "ada"), approve={"needs": 1}, people=both)


def test_users_whom_airflow_does_not_know(registry: Registry) -> None:
    listed = {"names": ["ada"], "hint": "simple_auth_manager_users has ada"}
    caution = "- **caution**: Airflow may not know ben: simple_auth_manager_users has ada"
    assert caution in asked(registry, users=listed)["body"]
    with pytest.raises(ConfigError, match=r"approve.by names ben, who cannot answer"):
        asked(registry, users={**listed, "sure": True})
    sure = asked(registry, approve={"needs": 1}, users={**listed, "sure": True})
    assert caution in sure["body"]  # one of two can answer
    assert "may not know" not in asked(registry, users={"names": None})["body"]


def test_where_everybody_is_one_user_nothing_is_checked_and_that_is_said(registry: Registry) -> None:
    users = {"names": None, "anonymous": "Anonymous"}
    one = {"approve": {"needs": 1}, "users": users}
    assert "so who answers is not checked" in asked(registry, **one)["body"]
    answer = {**ADA, "by": "Anonymous", "user": "Anonymous"}
    assert asked(registry, answer=answer, **one)["kind"] == "Approval"
    with pytest.raises(ConfigError, match=r"approve\.needs: 2 cannot be checked"):
        asked(registry, users=users)


def test_decide_follows_the_same_rules(registry: Registry) -> None:
    found = asked(registry, stage="decide")
    assert found["by"] == ("ada", "ben")
    assert "- cleo started the training, and may not approve it" in found["body"]
    refused = asked(registry, stage="decide", answer={**ADA, "by": "cleo", "user": "cleo"})
    assert refused["refused"] == "cleo started the training, and may not approve it"
    first = asked(registry, stage="decide", answer=ADA)
    assert (first["asks"], first["passed"]) == (True, False)
    assert asked(registry, stage="decide", before=first)["by"] == ("ben",)
    second = asked(registry, stage="decide", before=first, answer=BEN)
    assert (second["asks"], second["passed"]) == (False, True)
    assert second["caution"].startswith(
        "accepted by ada at 2026-01-01T10:00:00+00:00 and ben at 2026-01-01T11"
    )
    rejected = asked(registry, stage="decide", before=first, answer={**BEN, "chosen": "Reject"})
    assert (rejected["asks"], rejected["passed"]) == (False, False)
    assert rejected["reasons"][-1] == "rejected by ben at 2026-01-01T11:00:00+00:00"
