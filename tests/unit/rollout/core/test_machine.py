from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.rollout.core import (
    Counts,
    Ensure,
    Phase,
    RolloutPlan,
    RolloutState,
    SetWeight,
    Shadow,
    advance,
    decide,
    judge,
    new_state,
    result,
    wanted,
)
from tests.support.rollout_states import PLAN, SHADOWED, at_step, epoch, look, shadow_look


def test_a_good_canary_walks_through_its_steps() -> None:
    state = at_step()
    state, actions = advance(state, look(5, "ok", epoch(5, (400, 0))), 20)
    assert (state.label, actions[-1]) == ("STEP 2/2 (50 %)", SetWeight(3, 2, 50))
    state, _ = advance(state, look(50), 20)
    state, actions = advance(state, look(50, "ok", epoch(50, (400, 1))), 40)
    assert (state.phase, actions[-1]) == (Phase.PROMOTING, SetWeight(3, 2, 100))
    assert not state.needs_registry
    state, _ = advance(state, look(100), 41)
    assert state.needs_registry
    assert [t.to for t in state.history] == [
        "PENDING", "WARMING", "STEP 1/2 (5 %)", "STEP 2/2 (50 %)", "PROMOTING",
    ]  # fmt: skip
    assert state.history[-1].evidence["canary"] == {"requests": 800, "failures": 1}


@pytest.mark.parametrize(("now", "requests"), [(9, 400), (20, 49), (20, 60)])
def test_a_step_needs_time_requests_and_evidence(now: float, requests: int) -> None:
    state, _ = advance(at_step(), look(5, "ok", epoch(5, (requests, 0))), now)
    assert (state.phase, state.step) == (Phase.STEP, 0)


def test_a_step_does_not_start_before_the_traffic_is_read_back() -> None:
    state, _ = advance(new_state(PLAN, 0), look(), 0)
    state, actions = advance(state, look(), 0)
    assert actions == (Ensure(2, "models:/churn/2"), Ensure(3, "models:/churn/3"), SetWeight(3, 2, 5))
    state, _ = advance(state, look(0, "ok", epoch(5, (400, 0))), 50)
    assert (state.step, state.settled) == (0, False)
    state, _ = advance(state, look(5, champion=7), 50)
    assert not state.settled


def test_more_failures_than_the_champion_roll_back() -> None:
    state, actions = advance(at_step(), look(5, "ok", epoch(5, (400, 30), (7600, 20))), 1)
    assert (state.phase, actions[-1]) == (Phase.ROLLING_BACK, SetWeight(3, 2, 0))
    assert "30 of 400 failed against 20 of 7600" in state.reason
    state, _ = advance(state, look(0), 2)
    assert state.needs_registry


@pytest.mark.parametrize(
    ("canary", "champion", "phase"),
    [
        ((20, 11), (20, 8), Phase.ROLLING_BACK),
        ((19, 11), (20, 8), Phase.STEP),
        ((40, 30), (40, 30), Phase.STEP),
    ],
)
def test_hard_floor(canary: tuple[int, int], champion: tuple[int, int], phase: Phase) -> None:
    state, _ = advance(at_step(), look(5, "ok", epoch(50, canary, champion)), 1)
    assert state.phase is phase


@pytest.mark.parametrize("phase", ["WARMING", "STEP", "PROMOTING"])
def test_a_version_that_does_not_load_rolls_back(phase: str) -> None:
    state = dataclasses.replace(at_step(), phase=Phase(phase))
    state, _ = advance(state, look(5, "failed"), 1)
    assert state.phase is Phase.ROLLING_BACK
    assert "does not load" in state.reason


@pytest.mark.parametrize(
    ("choice", "requests", "ends"),
    [("pause", 60, "PAUSED"), ("promote", 60, "STEP 2/2 (50 %)"), ("rollback", 60, "ROLLING_BACK"),
     ("pause", 0, "PAUSED"), ("promote", 0, "PAUSED"), ("rollback", 0, "ROLLING_BACK")],
)  # fmt: skip
def test_a_step_without_evidence_ends_as_the_plan_says(choice: str, requests: int, ends: str) -> None:
    state = at_step(dataclasses.replace(PLAN, on_inconclusive=choice))
    state, _ = advance(state, look(5, "ok", epoch(5, (requests, 0))), 100)
    assert state.label == ends
    assert "inconclusive" in state.reason
    assert f"{requests} canary requests" in state.reason


def test_no_traffic_is_neither_pass_nor_harm() -> None:
    judgement = judge([], PLAN)
    assert (judgement.harm, judgement.pass_) == (None, None)


def test_the_first_version_goes_straight_to_all_traffic() -> None:
    plan = RolloutPlan(name="churn", model_version=1, model_uri="models:/churn/1")
    state, _ = advance(new_state(plan, 0), look(champion=None), 0)
    state, actions = advance(state, look(champion=None), 0)
    assert (state.phase, actions[-1]) == (Phase.PROMOTING, SetWeight(1, None, 100))


def test_a_paused_canary_is_still_guarded() -> None:
    paused = decide(at_step(), "pause", "ann", 5)
    state, _ = advance(paused, look(5, "ok", epoch(5, (40, 40))), 6)
    assert state.phase is Phase.ROLLING_BACK


def paused(now: float = 10) -> RolloutState:
    return decide(at_step(), "pause", "ann", now)


def watched(state: RolloutState, *nows: float) -> RolloutState:
    for now in nows:
        state, _ = advance(state, look(5), now)
    return state


def test_a_pause_that_nobody_answers_is_rolled_back() -> None:
    plan = dataclasses.replace(PLAN, pause_timeout_s=300)
    state = decide(at_step(plan), "pause", "ann", 10)
    assert watched(state, 120, 230).phase is Phase.PAUSED
    ended = watched(state, 120, 230, 340)
    assert ended.phase is Phase.ROLLING_BACK
    assert ended.reason == "nobody answered the pause within 300 s (paused by ann)"
    assert (ended.history[-1].who, ended.history[-2].who) == ("guard", "ann")


def test_a_paused_version_that_dies_is_rolled_back() -> None:
    state, _ = advance(paused(), look(5, "failed"), 11)
    assert state.phase is Phase.ROLLING_BACK


def test_a_clock_that_jumps_ahead_does_not_end_a_step() -> None:
    long = dataclasses.replace(PLAN, step_timeout_s=1000, gap_s=60)
    state = watched(at_step(long), 10, 10_000, 10_010)
    assert (state.phase, state.watched) == (Phase.STEP, 10 + 60 + 10)


def test_a_clock_that_goes_back_neither_ends_nor_prolongs_a_step() -> None:
    state = watched(at_step(dataclasses.replace(PLAN, gap_s=60)), 50, -5000, -4990)
    assert (state.phase, state.watched) == (Phase.STEP, 60)
    state = watched(state, -4950)
    assert state.phase is Phase.PAUSED
    assert state.reason.startswith("inconclusive after 100 s at 5 %")
    assert [t.at for t in state.history] == sorted(t.at for t in state.history)


def test_time_in_which_nobody_looked_does_not_count() -> None:
    """A controller that was dead for an hour: the server took the traffic away meanwhile."""
    state = watched(at_step(dataclasses.replace(PLAN, step_timeout_s=600)), 10, 3610, 3620)
    assert (state.phase, state.watched) == (Phase.STEP, 10 + 120 + 10)


@given(st.lists(st.floats(-1e9, 1e9), max_size=30))
def test_whatever_the_clock_says_a_look_adds_between_nothing_and_the_gap(nows: list[float]) -> None:
    state = at_step(dataclasses.replace(PLAN, step_timeout_s=1e12))
    for now in nows:
        before, state = state, advance(state, look(5), now)[0]
        assert 0 <= state.watched - before.watched <= PLAN.gap_s * (1 + 1e-9)  # sums of floats
    assert [t.at for t in state.history] == sorted(t.at for t in state.history)


def test_a_step_whose_callers_have_all_been_counted_says_so() -> None:
    plan = dataclasses.replace(PLAN, step_timeout_s=400, gap_s=60)
    state, counts = at_step(plan), epoch(5, (30, 0))
    for now in range(10, 410, 10):
        state, _ = advance(state, look(5, "ok", counts), now)
    assert state.phase is Phase.PAUSED
    assert (
        "no new request was counted in the last 390 s: with sticky routing a caller counts once"
        in state.reason
    )
    state = at_step(plan)
    for now in range(10, 410, 10):
        state, _ = advance(state, look(5, "ok", epoch(5, (now // 10, 0))), now)
    assert "no new request" not in state.reason


def in_shadow(plan: RolloutPlan = SHADOWED) -> RolloutState:
    state = new_state(plan, 0)
    for _ in range(2):
        state, actions = advance(state, look(), 0)
    assert (state.phase, state.percent, actions[-1]) == (Phase.SHADOW, 0, Shadow(3, 2))
    state, _ = advance(state, dataclasses.replace(look(), shadow=3), 0)
    assert state.settled
    return state


def test_a_shadow_without_harm_goes_on_to_the_first_step() -> None:
    fine = shadow_look(Counts(60), Counts(60))
    assert advance(in_shadow(), fine, 29)[0].phase is Phase.SHADOW
    state, actions = advance(in_shadow(), fine, 30)
    assert (state.label, actions[-1]) == ("STEP 1/2 (5 %)", SetWeight(3, 2, 5))


def test_a_shadow_that_fails_alone_is_rolled_back_before_anybody_saw_it() -> None:
    seen = shadow_look(Counts(400, 20), Counts(400, 4), Counts(400, 3))
    state, actions = advance(in_shadow(), seen, 5)
    assert (state.phase, actions[-1]) == (Phase.ROLLING_BACK, SetWeight(3, 2, 0))
    assert {t.to for t in state.history} == {"PENDING", "WARMING", "SHADOW", "ROLLING_BACK"}


def test_failures_that_both_versions_share_say_nothing() -> None:
    seen = shadow_look(Counts(400, 60), Counts(400, 60), Counts(400, 60))
    state, _ = advance(in_shadow(), seen, 5)
    assert state.phase is Phase.SHADOW
    assert judge(state.epochs, PLAN).evidence()["worse"]["log_e"] == pytest.approx(0)


def test_a_shadow_that_saw_nothing_pauses_and_can_go_on() -> None:
    state, _ = advance(in_shadow(), shadow_look(Counts(), Counts()), 65)
    assert state.phase is Phase.SHADOW
    state, _ = advance(state, shadow_look(Counts(), Counts()), 130)
    assert state.phase is Phase.PAUSED
    assert "in the shadow" in state.reason
    assert wanted(state)[-1] == Shadow(3, 2)
    again = decide(state, "continue", "ann", 131)
    assert (again.phase, wanted(again)[-1]) == (Phase.SHADOW, Shadow(3, 2))


OBSERVATIONS = st.lists(
    st.tuples(
        st.sampled_from([0, 5, 50, 100]),
        st.sampled_from(["ok", "ok", "ok", "loading", "failed", "absent"]),
        st.integers(0, 600),
        st.integers(0, 10),
        st.integers(0, 60),
    ),
    max_size=30,
)
NEXT = {
    "PENDING": {"WARMING"},
    "WARMING": {"STEP 1/2 (5 %)", "ROLLING_BACK"},
    "STEP 1/2 (5 %)": {"STEP 2/2 (50 %)", "PAUSED", "ROLLING_BACK"},
    "STEP 2/2 (50 %)": {"PROMOTING", "PAUSED", "ROLLING_BACK"},
    "PAUSED": {"ROLLING_BACK"},
    "PROMOTING": {"ROLLING_BACK"},
}


@given(OBSERVATIONS)
def test_any_sequence_of_looks_keeps_to_the_map(steps: list[tuple[int, str, int, int, int]]) -> None:
    state, now = new_state(PLAN, 0), 0.0
    for percent, health, requests, failures, wait in steps:
        now += wait
        before = state
        counts = epoch(percent, (requests, min(failures, requests)))
        state, actions = advance(state, look(percent, health, counts), now)
        assert RolloutState.from_json(json.loads(json.dumps(state.to_json()))) == state
        assert actions == wanted(state)
        if state.label != before.label:
            assert state.label in NEXT[before.label]
            assert state.history[-1].source == before.label
        if state.phase is Phase.PROMOTING:
            assert sum(e.canary.requests for e in state.epochs if e.percent == 50) >= PLAN.min_requests
    assert [t.at for t in state.history] == sorted(t.at for t in state.history)
    assert result(state).to_json()["outcome"] == state.phase
