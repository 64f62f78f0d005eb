"""A canary without settings is the same from a pipeline file and from a plan that is built by hand."""

from __future__ import annotations

from airflow_mlops.config.models import Canary
from airflow_mlops.core.canary_defaults import LEASE_S
from airflow_mlops.rollout.core import RolloutPlan
from airflow_mlops.rollout.plan import plan_rollout


def test_the_defaults_of_the_file_and_of_the_plan_agree() -> None:
    by_hand = RolloutPlan(name="churn", model_version=2, model_uri="models:/churn/2", champion_version=1)
    by_file = plan_rollout(
        Canary(), name="churn", model_version=2, model_uri="models:/churn/2", champion_version=1
    )
    assert by_file == by_hand
    assert (by_hand.steps, by_hand.hold_s, by_hand.alpha) == ((5, 25, 50), 1800.0, 0.05)


def test_the_defaults_are_those_that_the_guide_names() -> None:
    plan = RolloutPlan(name="churn", model_version=2, model_uri="models:/churn/2", champion_version=1)
    assert plan.step_timeout_s == 6 * 60 * 60
    assert plan.pause_timeout_s == 3 * 24 * 60 * 60
    assert (plan.min_requests, plan.max_ratio, plan.tolerance) == (100, 2.0, None)
    assert LEASE_S == 2 * 60
