"""The first time of a version with traffic: its latency is reported and not judged."""

from __future__ import annotations

import dataclasses
import json

import pytest

from airflow_mlops.rollout.core import (
    Counts,
    EpochCounts,
    GuardPlan,
    Observation,
    Phase,
    RolloutPlan,
    RolloutState,
    advance,
    decide,
    judge,
    new_state,
)
from tests.support.rollout_states import PLAN, SHADOWED, at_step, look

LATENCY = GuardPlan(name="latency_p95", max_ratio=2.0)
SETTLING = dataclasses.replace(PLAN, guards=(LATENCY,), settle_s=30.0, step_timeout_s=1000, gap_s=1000)
COLD = Counts(100, timed=100, slow=100)
"""Every answer of the canary was slow."""


def counted(canary: Counts, champion: int = 1000, slow: int = 50) -> EpochCounts:
    return EpochCounts(5, 5, canary, Counts(champion, timed=champion, slow=slow))


def seen(canary: Counts, champion: int = 1000, slow: int = 50) -> Observation:
    return look(5, "ok", counted(canary, champion, slow))


def started(plan: RolloutPlan = SETTLING) -> RolloutState:
    """The first step, whose traffic was read back at 0."""
    state, _ = advance(at_step(plan), look(5), 0)
    assert (state.settled, state.watched) == (True, 0)
    return state


def test_slow_answers_while_the_version_settles_are_reported_and_not_judged() -> None:
    state, _ = advance(started(), seen(COLD), 29)
    assert (state.phase, state.cold) == (Phase.STEP, None)
    state, _ = advance(state, seen(COLD), 30)
    assert (state.phase, state.cold) == (Phase.STEP, (counted(COLD),))
    later = COLD + Counts(20_000, timed=20_000, slow=1000)
    state, _ = advance(state, seen(later, 380_000, 19_000), 100)
    assert state.label == "STEP 2/2 (50 %)"
    evidence = state.history[-1].evidence
    assert evidence["guards"]["latency_p95"]["canary"] == {"timed": 20_000, "slow": 1000}
    assert evidence["settling"] == {
        "settle_s": 30.0,
        "over": True,
        "canary": {"requests": 100, "failures": 0, "timed": 100, "slow": 100},
        "champion": {"requests": 1000, "failures": 0, "timed": 1000, "slow": 50},
    }


def test_while_the_version_settles_the_guard_says_what_it_waits_for() -> None:
    state, _ = advance(started(), seen(COLD), 29)
    assert judge(state.judged, state.plan).missing == (
        "latency_p95 has nothing to compare yet: it waits until the version's time to settle "
        "(deploy.canary.settle) is over and the champion has answered 200 requests, which say what is slow",
    )
    for canary, champion in ((Counts(), 1000), (COLD, 0)):  # One that nobody asks waits for requests.
        state, _ = advance(started(), seen(canary, champion, 0), 29)
        assert (
            "latency_p95 was not measured (0 canary and 0 champion requests)"
            in judge(state.judged, state.plan).missing
        )
    state, _ = advance(started(), seen(COLD), 30)
    state, _ = advance(state, seen(COLD + COLD, 1000), 31)
    assert judge(state.judged, state.plan).missing == (
        "latency_p95 was not measured (100 canary and 0 champion requests)",
    )


def test_a_version_that_stays_slow_is_rolled_back_once_it_has_settled() -> None:
    state, _ = advance(started(), seen(COLD), 30)
    state, _ = advance(state, seen(COLD + COLD, 3000, 150), 40)
    assert state.phase is Phase.ROLLING_BACK
    assert (
        "is slow more often than the champion times 2: 100 of 100 were slow against 100 of 2000"
        in state.reason
    )


def test_without_a_time_to_settle_the_same_answers_are_judged_at_once() -> None:
    plan = dataclasses.replace(SETTLING, settle_s=0.0)
    state, _ = advance(started(plan), seen(COLD), 1)
    assert state.phase is Phase.ROLLING_BACK
    assert "settling" not in state.history[-1].evidence


def test_failures_are_judged_from_the_first_request() -> None:
    state, _ = advance(started(), seen(Counts(30, 30, timed=30)), 1)
    assert state.phase is Phase.ROLLING_BACK
    assert "30 of 30 failed" in state.reason or "30 of 30 canary requests failed" in state.reason


def test_no_step_passes_before_the_version_has_settled() -> None:
    plan = dataclasses.replace(SETTLING, settle_s=500.0)
    plenty = seen(Counts(20_000, timed=20_000, slow=1000), 380_000, 19_000)
    state, _ = advance(started(plan), plenty, 499)
    assert (state.label, state.cold) == ("STEP 1/2 (5 %)", None)


def test_the_time_to_settle_begins_when_the_traffic_is_read_back() -> None:
    state = new_state(SETTLING, 0)
    for at, looked in ((100, look()), (100, look()), (100, look(4)), (150, look(4))):
        state, _ = advance(state, looked, at)
    assert (state.phase, state.settled, state.watched, state.cold) == (Phase.STEP, False, 50, None)
    state, _ = advance(state, seen(COLD), 200)
    assert (state.settled, state.watched, state.cold) == (True, 0, None)


def test_a_version_settles_once_and_a_pause_keeps_what_it_had() -> None:
    state, _ = advance(started(), seen(COLD), 30)
    state = decide(decide(state, "pause", "ann", 31), "continue", "ann", 32)
    state, _ = advance(state, seen(COLD + COLD, 3000, 150), 40)
    assert state.phase is Phase.ROLLING_BACK
    assert RolloutState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.parametrize("now", [29, 30])
def test_a_shadow_lets_the_version_settle_as_well(now: float) -> None:
    plan = dataclasses.replace(SHADOWED, guards=(LATENCY,), settle_s=30.0, gap_s=1000)
    state = new_state(plan, 0)
    for looked in (look(), look()):
        state, _ = advance(state, looked, 0)
    copies = EpochCounts(1, 0, COLD, Counts(100, timed=100, slow=5), Counts(timed=0, slow=4))
    for at in (0, now):
        shadowed = dataclasses.replace(look(0, "ok", copies), shadow=3)
        state, _ = advance(state, shadowed, at)
    assert state.phase is Phase.SHADOW
    assert (state.cold is not None) is (now == 30)
    assert [(epoch.both, epoch.canary.timed) for epoch in state.judged] == [(Counts(), 0)]


def test_a_limit_of_another_load_compares_nothing() -> None:
    plan = dataclasses.replace(SETTLING, settle_s=0.0)
    state, _ = advance(started(plan), seen(Counts(500, timed=500, slow=500), 1000, 501), 900)
    assert state.phase is Phase.STEP
    state, _ = advance(state, seen(Counts(500, timed=500, slow=500), 1000, 501), 1000)
    assert state.phase is Phase.PAUSED
    assert "latency_p95 cannot be compared: 501 of 1000 champion requests were slow" in state.reason
