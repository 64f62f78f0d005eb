"""What the records of a deploy say, and which answer ends it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_mlops.core.records import Approval, ApprovalRequest, DeployRequest, RolloutResult, TrafficCheck
from airflow_mlops.core.records.deployment import APPROVE, REJECT
from tests.support.defaults import said_by_default


def request(champion: int | None) -> DeployRequest:
    return DeployRequest(name="churn", action="deploy", model_version=7, champion_version=champion)


def test_a_request_says_what_is_deployed_beside_which_champion() -> None:
    assert request(6).summary == "deploy version 7, beside champion version 6"
    assert request(None).summary == "deploy version 7, the first: there is no champion yet"
    assert (request(6).reason, request(6).request) == ("", "")


def test_the_answers_are_the_words_of_the_buttons() -> None:
    assert (APPROVE, REJECT) == ("Approve", "Reject")


@pytest.mark.parametrize(
    ("chosen", "approved", "summary", "rejection"),
    [
        ("Approve", True, "approved by ann", ""),
        ("Reject", False, "rejected by ann", "version 7 was rejected by ann"),
        ("", False, "rejected by ann", "version 7 was rejected by ann"),
    ],
)
def test_only_an_approval_lets_the_deploy_proceed(
    chosen: str, approved: bool, summary: str, rejection: str
) -> None:
    answer = Approval(name="churn", model_version=7, chosen=chosen, by="ann", at="2026-01-31T06:00:00+00:00")
    assert (answer.approved, answer.summary, answer.rejection) == (approved, summary, rejection)


def test_a_rollout_says_how_it_ended_and_why() -> None:
    ended = RolloutResult(
        rollout_id="r", name="churn", model_version=7, champion_version=6, outcome="rolled_back",
        reason="3 of 90 requests failed",
    )  # fmt: skip
    assert ended.summary == "rolled_back: 3 of 90 requests failed"


def test_a_check_of_the_traffic_says_where_the_rollout_was_left() -> None:
    assert TrafficCheck(phase="promoted").summary == "rollout promoted"
    assert TrafficCheck(phase="none").summary == "no rollout"


@pytest.mark.parametrize(
    ("chosen", "missing", "approved", "unfinished", "summary"),
    [
        ("Approve", 0, True, False, "approved by ann"),
        ("Approve", 1, False, True, "approved by ann, 1 more to approve"),
        ("Reject", 1, False, False, "rejected by ann"),
    ],
)
def test_a_deploy_waits_until_enough_people_approved(
    chosen: str, missing: int, *, approved: bool, unfinished: bool, summary: str
) -> None:
    answer = Approval(name="churn", model_version=7, chosen=chosen, by="ann", at="", missing=missing)
    assert (answer.approved, answer.unfinished, answer.summary) == (approved, unfinished, summary)
    assert (answer.rejection == "") is (chosen == "Approve")


@pytest.mark.parametrize(
    ("kind", "said"),
    [(DeployRequest, {}), (ApprovalRequest, {}), (Approval, {}), (RolloutResult, {})],
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said
