from __future__ import annotations

import dataclasses
import math

import pytest

from airflow_mlops.rollout.core import Phase, RolloutPlan
from airflow_mlops.rollout.core.passing import simulate_ends
from airflow_mlops.rollout.core.simulation import simulate

PLAN = RolloutPlan(
    name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(20, 50),
    hold_s=300, step_timeout_s=4800, min_requests=100, tolerance=0.02,
)  # fmt: skip


def test_it_agrees_with_rollouts_that_are_simulated_one_by_one() -> None:
    """The state machine itself, 60 times; both draw, so both have a standard error."""
    ends = simulate_ends(PLAN, ratio=1, rps=2, error_rate=0.014, rollouts=1000)
    story = [simulate(PLAN, fault="none", rps=2, error_rate=0.014, poll_s=100, seed=s) for s in range(60)]
    promoted = sum(one.state.phase is Phase.PROMOTING for one in story) / 60
    share = ends.promoted / ends.rollouts
    assert 0.1 < share < 0.92  # a figure that could be wrong in both directions
    error = math.sqrt(share * (1 - share) * (1 / 60 + 1 / 1000))
    assert abs(promoted - share) < 4 * error
    assert ends.promoted + ends.rolled_back + ends.waiting == 1000


def test_what_a_shadow_shows_helps_the_steps() -> None:
    plan = dataclasses.replace(PLAN, shadow_s=1500, step_timeout_s=600, steps=(20,))
    ends = simulate_ends(plan, ratio=1, rps=2, error_rate=0.014, rollouts=1000)
    share = ends.promoted / ends.rollouts
    story = [simulate(plan, fault="none", rps=2, error_rate=0.014, poll_s=100, seed=s) for s in range(40)]
    promoted = sum(one.state.phase is Phase.PROMOTING for one in story) / 40
    assert 0.1 < share < 0.92
    assert abs(promoted - share) < 4 * math.sqrt(share * (1 - share) * (1 / 40 + 1 / 1000))
    unseen = dataclasses.replace(plan, shadow_s=0.0)
    assert simulate_ends(unseen, ratio=1, rps=2, error_rate=0.014, rollouts=1000).promoted < ends.promoted / 2
    harmful = simulate_ends(plan, ratio=5, rps=2, error_rate=0.014, rollouts=1000)
    assert (harmful.promoted, harmful.waiting) == (0, 0)


def test_a_shadow_without_enough_requests_waits_for_a_person() -> None:
    plan = dataclasses.replace(PLAN, shadow_s=600, step_timeout_s=60)
    assert simulate_ends(plan, ratio=1, rps=0.01, error_rate=0.0, rollouts=50).waiting == 50


def test_a_version_beyond_the_margin_is_promoted_by_chance_only() -> None:
    """Alpha bounds it: 5 % of 1,000, and four standard errors."""
    plan = dataclasses.replace(PLAN, tolerance=0.002)
    ends = simulate_ends(plan, ratio=2, rps=50, error_rate=0.001, rollouts=1000)
    assert ends.per_hundred(ends.promoted) <= 5 + 100 * 4 * math.sqrt(0.05 * 0.95 / 1000)
    worse = simulate_ends(plan, ratio=5, rps=50, error_rate=0.001, rollouts=1000)
    assert worse.promoted == 0


@pytest.mark.parametrize(("choice", "end"), [("pause", "waiting"), ("rollback", "rolled_back")])
def test_a_step_without_evidence_ends_as_the_plan_says(choice: str, end: str) -> None:
    ends = simulate_ends(
        dataclasses.replace(PLAN, on_inconclusive=choice), ratio=1, rps=0.001, error_rate=0.01, rollouts=50
    )
    assert getattr(ends, end) == 50


def test_a_step_without_evidence_is_promoted_only_with_enough_requests() -> None:
    plan = dataclasses.replace(PLAN, on_inconclusive="promote", tolerance=1e-6, max_ratio=1.01)
    assert simulate_ends(plan, ratio=1, rps=1, error_rate=0.01, rollouts=50).promoted > 40
    assert simulate_ends(plan, ratio=1, rps=0.001, error_rate=0.01, rollouts=50).waiting == 50
