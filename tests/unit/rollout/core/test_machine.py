from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.rollout.core import (
    Counts,
    Ensure,
    EpochCounts,
    GuardPlan,
    Health,
    Observation,
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
    verified,
    wanted,
)
from tests.support.labels import with_labels
from tests.support.rollout_states import PLAN, SHADOWED, at_step, epoch, look, shadow_look


def test_a_good_canary_walks_through_its_steps() -> None:
    state = at_step()
    state, actions = advance(state, look(5, "ok", epoch(5, (400, 0))), 20)
    assert (state.label, actions[-1]) == ("STEP 2/2 (50 %)", SetWeight(3, 2, 50))
    state, _ = advance(state, look(50), 20)
    state, actions = advance(state, look(50, "ok", epoch(50, (400, 1))), 40)
    assert (state.phase, actions[-1]) == (Phase.PROMOTING, SetWeight(3, 2, 50))
    assert state.needs_registry
    state, actions = advance(verified(state), look(50), 40)
    assert (state.needs_registry, actions[-1]) == (False, SetWeight(3, 2, 100))
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
    assert (state.phase, actions[-1]) == (Phase.PROMOTING, SetWeight(1, None, 0))
    assert wanted(verified(state))[-1] == SetWeight(1, None, 100)


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


LIMITS = dataclasses.replace(PLAN, step_timeout_s=100.0, gap_s=1000.0)


@pytest.mark.parametrize(("now", "phase"), [(100, Phase.WARMING), (101, Phase.ROLLING_BACK)])
@pytest.mark.parametrize("health", ["loading", "absent"])
def test_a_version_that_never_loads_is_given_up_after_the_time_of_a_step(
    health: str, now: float, phase: Phase
) -> None:
    state, _ = advance(new_state(LIMITS, 0), look(), 0)
    state, _ = advance(state, look(0, health), now)
    assert state.phase is phase
    if phase is Phase.ROLLING_BACK:
        assert state.reason == "the version did not load within 100 s"
        assert state.history[-1].who == "guard"


def without_champion(seen: Observation) -> Observation:
    return dataclasses.replace(seen, champion_health=Health("failed", "its files are gone"))


def test_no_canary_begins_beside_a_champion_that_does_not_load() -> None:
    state, _ = advance(new_state(PLAN, 0), look(), 0)
    state, _ = advance(state, without_champion(look()), 1)
    assert (state.phase, state.rejected, state.percent) == (Phase.ROLLING_BACK, False, 0)
    assert state.reason == (
        "champion version 2 of churn does not load: its files are gone; a canary needs it to fall back to"
    )
    assert state.history[-1].who == "controller"


def test_a_step_whose_champion_is_gone_pauses_keeps_its_traffic_and_waits_for_a_person() -> None:
    good = look(5, "ok", epoch(5, (500, 0)))
    plan = dataclasses.replace(PLAN, pause_timeout_s=60)
    state, _ = advance(at_step(plan), without_champion(good), 11)
    assert (state.phase, state.percent) == (Phase.PAUSED, 5)
    assert state.reason == (
        "champion version 2 of churn does not load: its files are gone: there is no way back. "
        "Promote the version, or abort"
    )
    later, _ = advance(state, without_champion(good), 71)
    assert (later.phase, later.percent) == (Phase.PAUSED, 5)  # All traffic back would be no answer at all.
    back, _ = advance(state, good, 71)
    assert (back.phase, back.reason.partition(" (")[0]) == (
        Phase.ROLLING_BACK,
        "nobody answered the pause within 60 s",
    )


def test_loading_remembers_the_weight_epoch_from_before_the_rollout() -> None:
    state, actions = advance(new_state(PLAN, 0), dataclasses.replace(look(), epoch=17), 3)
    assert (state.phase, state.since, state.reason) == (Phase.WARMING, 17, "loading")
    assert actions == wanted(state)
    assert state.history[-1].who == "controller"


@pytest.mark.parametrize(
    ("detail", "reason"), [("", "loaded and healthy"), ("loaded in 2 s", "loaded in 2 s")]
)
def test_a_loaded_version_goes_to_its_first_phase(detail: str, reason: str) -> None:
    seen = dataclasses.replace(look(), health=Health("ok", detail))
    for plan, phase, step in (
        (PLAN, Phase.STEP, 0),
        (SHADOWED, Phase.SHADOW, -1),
        (dataclasses.replace(PLAN, champion_version=None), Phase.PROMOTING, 0),
        (dataclasses.replace(SHADOWED, steps=()), Phase.PROMOTING, 0),
    ):
        state, _ = advance(new_state(plan, 0), look(), 0)
        state, _ = advance(state, seen, 1)
        assert (state.phase, state.step, state.reason) == (phase, step, reason)
        assert state.history[-1].who == "controller"


def test_a_phase_changes_once_per_look_and_an_ended_rollout_never() -> None:
    state = at_step()
    for phase in ("PROMOTED", "ROLLED_BACK", "CONFLICT", "SUPERSEDED"):
        ended = dataclasses.replace(state, phase=Phase(phase))
        assert advance(ended, look(0, "failed", epoch(5, (100, 100))), 1e9) == (ended, ())
    after, _ = advance(state, look(5, "ok", epoch(5, (400, 0)), epoch(50, (400, 0))), 20)
    assert after.label == "STEP 2/2 (50 %)"
    assert len(after.history) == len(state.history) + 1


@pytest.mark.parametrize(
    ("now", "requests", "champion", "label"),
    [
        (10, 400, 2, "STEP 2/2 (50 %)"),
        (9.9, 400, 2, "STEP 1/2 (5 %)"),
        (10, 400, 7, "STEP 1/2 (5 %)"),
    ],
)
def test_a_step_passes_at_the_end_of_its_hold_with_the_right_champion(
    now: float, requests: int, champion: int, label: str
) -> None:
    state, _ = advance(new_state(PLAN, 0), look(), 0)
    state, _ = advance(state, look(), 0)
    state, _ = advance(state, look(5, champion=champion), 0)
    state, _ = advance(state, look(5, "ok", epoch(5, (requests, 0)), champion=champion), now)
    assert state.label == label


@pytest.mark.parametrize(("requests", "label"), [(50, "STEP 2/2 (50 %)"), (49, "STEP 1/2 (5 %)")])
def test_a_step_passes_with_just_the_requests_of_its_own_split(requests: int, label: str) -> None:
    # Plenty of requests of another split are evidence, but not requests of this step.
    plan = dataclasses.replace(PLAN, min_requests=50)
    counts = (epoch(5, (requests, 0), (5000, 0)), epoch(50, (5000, 0), (5000, 0)))
    state, _ = advance(at_step(plan), look(5, "ok", *counts), 10)
    assert state.label == label


@pytest.mark.parametrize(("now", "phase"), [(99.9, Phase.STEP), (100, Phase.PAUSED), (101, Phase.PAUSED)])
def test_a_step_ends_with_its_time(now: float, phase: Phase) -> None:
    state, _ = advance(at_step(LIMITS), look(5, "ok", epoch(5, (60, 0))), now)
    assert state.phase is phase


def test_an_inconclusive_step_says_what_it_had() -> None:
    state, _ = advance(at_step(LIMITS), look(5, "ok", epoch(5, (60, 0))), 100)
    assert state.reason == (
        "inconclusive after 100 s at 5 %: 60 canary requests (at least 50 needed), not enough evidence"
    )
    assert state.history[-1].who == "guard"
    assert state.history[-1].evidence["canary"] == {"requests": 60, "failures": 0}
    state, _ = advance(at_step(LIMITS), look(5, "ok", epoch(5, (0, 0), (0, 0))), 100)
    assert state.reason.endswith("error_rate was not measured (0 canary and 0 champion requests)")
    promoting = dataclasses.replace(LIMITS, on_inconclusive="promote")
    state, _ = advance(at_step(promoting), look(5, "ok", epoch(5, (60, 0))), 100)
    assert state.reason.endswith("not enough evidence; on_inconclusive: promote")


@pytest.mark.parametrize("settled", [True, False])
def test_an_inconclusive_step_is_promoted_only_when_its_traffic_was_there(settled: bool) -> None:
    plan = dataclasses.replace(LIMITS, on_inconclusive="promote")
    state = dataclasses.replace(at_step(plan), settled=settled)
    state, _ = advance(state, look(5 if settled else 7, "ok", epoch(5, (60, 0))), 100)
    assert state.label == ("STEP 2/2 (50 %)" if settled else "PAUSED")


def test_the_time_of_a_step_starts_when_its_traffic_is_read_back_and_only_then() -> None:
    state, _ = advance(new_state(LIMITS, 0), look(), 0)
    state, _ = advance(state, look(), 0)
    state, _ = advance(state, look(0), 40)
    assert (state.settled, state.watched) == (False, 40)
    state, _ = advance(state, look(5, "ok", epoch(5, (1, 0))), 50)
    assert (state.settled, state.watched, state.fresh) == (True, 0, 0)
    state, _ = advance(state, look(5), 60)
    state, _ = advance(state, look(0), 70)
    assert (state.settled, state.watched) == (True, 20)


def shadow_at(
    now: float, canary: Counts, champion: Counts | None = None, plan: RolloutPlan = SHADOWED
) -> RolloutState:
    return advance(in_shadow(plan), shadow_look(canary, champion or canary), now)[0]


@pytest.mark.parametrize(("requests", "phase"), [(50, Phase.STEP), (49, Phase.SHADOW)])
def test_a_shadow_needs_as_many_requests_as_a_step(requests: int, phase: Phase) -> None:
    state = shadow_at(30, Counts(requests))
    assert state.phase is phase
    if phase is Phase.STEP:
        assert (state.reason, state.step) == (f"no harm found in {requests} shadowed requests", 0)
        assert state.history[-1].who == "guard"
        assert state.history[-1].evidence["canary"]["requests"] == requests


@pytest.mark.parametrize(
    ("name", "phase"),
    [("quality", Phase.STEP), ("latency_p95", Phase.SHADOW), ("prediction_shift", Phase.SHADOW)],
)
def test_a_shadow_waits_for_every_guard_but_the_one_whose_labels_come_later(name: str, phase: Phase) -> None:
    plan = dataclasses.replace(SHADOWED, guards=(GuardPlan(name=name, max_ratio=2),))
    assert shadow_at(30, Counts(60), plan=plan).phase is phase


@pytest.mark.parametrize("seen", [look(), look(5), look(champion=7)])
def test_a_shadow_counts_its_time_only_once_the_target_copies_requests(seen: Observation) -> None:
    state = new_state(SHADOWED, 0)
    for _ in range(2):
        state, _ = advance(state, look(), 0)
    copies = 3 if seen.champion != 2 or seen.percent else None
    counts = EpochCounts(1, 0, Counts(60), Counts(60), Counts())
    seen = dataclasses.replace(seen, shadow=copies, epochs=(counts,))
    state, _ = advance(state, seen, 100)
    assert (state.phase, state.settled, state.watched) == (Phase.SHADOW, False, 100)


@pytest.mark.parametrize(("now", "phase"), [(129, Phase.SHADOW), (130, Phase.PAUSED)])
def test_a_shadow_without_enough_requests_ends_with_its_time_and_a_steps(now: float, phase: Phase) -> None:
    plan = dataclasses.replace(SHADOWED, gap_s=1000.0)
    assert shadow_at(now, Counts(49), plan=plan).phase is phase


@pytest.mark.parametrize(("requests", "label"), [(49, "PAUSED"), (60, "PAUSED")])
def test_an_inconclusive_shadow_is_promoted_only_when_it_saw_enough(requests: int, label: str) -> None:
    guards = (GuardPlan(name="latency_p95", max_ratio=2),)
    plan = dataclasses.replace(SHADOWED, gap_s=1000.0, on_inconclusive="promote", guards=guards)
    assert shadow_at(130, Counts(requests), plan=plan).label == label
    unsettled, _ = advance(new_state(dataclasses.replace(plan, guards=()), 0), look(), 0)
    unsettled, _ = advance(unsettled, look(), 0)
    counts = EpochCounts(1, 0, Counts(requests), Counts(requests), Counts())
    ended, _ = advance(unsettled, look(0, "ok", counts), 130)
    assert ended.label == ("STEP 1/2 (5 %)" if requests >= 50 else "PAUSED")


@pytest.mark.parametrize("phase", ["SHADOW", "STEP", "PAUSED"])
def test_a_version_that_dies_is_taken_back_with_its_evidence(phase: str) -> None:
    step = -1 if phase == "SHADOW" else 0
    state = dataclasses.replace(at_step(), phase=Phase(phase), step=step)
    state, _ = advance(state, look(5, "failed", epoch(5, (40, 1))), 1)
    assert (state.phase, state.reason) == (Phase.ROLLING_BACK, "the version does not load: why")
    assert state.history[-1].evidence["canary"] == {"requests": 40, "failures": 1}
    assert state.history[-1].who == "guard"


@pytest.mark.parametrize(("now", "phase"), [(299, Phase.PAUSED), (300, Phase.ROLLING_BACK)])
def test_a_pause_ends_with_its_time(now: float, phase: Phase) -> None:
    plan = dataclasses.replace(PLAN, pause_timeout_s=300, gap_s=1000)
    state, _ = advance(decide(at_step(plan), "pause", "ann", 0), look(5), now)
    assert state.phase is phase


def test_a_pause_counts_what_is_seen_meanwhile() -> None:
    state, _ = advance(paused(), look(5, "ok", epoch(5, (40, 0))), 11)
    assert (state.phase, state.epochs) == (Phase.PAUSED, (epoch(5, (40, 0)),))


def test_a_promotion_of_a_version_that_does_not_load_goes_back_even_when_aliases_have_moved() -> None:
    promoting = dataclasses.replace(at_step(), phase=Phase.PROMOTING, settled=False, verified=True)
    for moving in (False, True):
        state, _ = advance(dataclasses.replace(promoting, moving=moving), look(100, "failed"), 1)
        assert (state.phase, state.moving, state.verified) == (Phase.ROLLING_BACK, False, False)
    assert [advance(promoting, look(percent), 1)[0].settled for percent in (99, 100)] == [False, True]
    settled = dataclasses.replace(promoting, settled=True)
    assert not advance(settled, look(50), 1)[0].settled
    unverified = dataclasses.replace(promoting, verified=False)
    assert not advance(unverified, look(100), 1)[0].settled


def test_traffic_is_back_when_the_canary_has_none() -> None:
    back = dataclasses.replace(at_step(), phase=Phase.ROLLING_BACK)
    assert [advance(back, look(percent), 1)[0].settled for percent in (1, 0)] == [False, True]


def test_a_guard_that_asks_to_wait_does_so_once() -> None:
    guard = GuardPlan(name="quality", max_ratio=1.5, action="pause")
    state = at_step(dataclasses.replace(PLAN, guards=(guard,)))
    counts = Counts(400, 0, 0, 0, 400, 200), Counts(4000, 0, 0, 0, 4000, 400)
    wrong = with_labels(EpochCounts(5, 5, *counts))
    stopped, _ = advance(state, look(5, "ok", wrong), 1)
    assert stopped.phase is Phase.PAUSED
    assert stopped.reason.startswith("the canary is wrong more often")
    assert stopped.history[-1].who == "guard"
    assert "quality" in stopped.history[-1].evidence["guards"]
    accepted = dataclasses.replace(state, accepted=("quality",))
    assert advance(accepted, look(5, "ok", wrong), 1)[0].phase is Phase.STEP


@pytest.mark.parametrize(
    ("silent", "gap", "watched", "told"),
    [
        (100, 100, 400, True),
        (99, 100, 396, False),  # within the gap between two looks
        (99, 60, 400, False),  # less than a quarter of the step
        (100, 60, 400, True),
    ],
)
def test_a_step_is_told_to_have_dried_up_after_a_quarter_of_its_time(
    silent: float, gap: float, watched: float, told: bool
) -> None:
    plan = dataclasses.replace(PLAN, step_timeout_s=watched, gap_s=gap)
    state = dataclasses.replace(
        at_step(plan), watched=watched, fresh=watched - silent, epochs=(epoch(5, (60, 0)),)
    )
    state, _ = advance(state, look(5, "ok", epoch(5, (60, 0))), 0)
    assert state.phase is Phase.PAUSED
    assert (f"no new request was counted in the last {silent} s" in state.reason) is told


def test_an_empty_step_has_not_dried_up() -> None:
    state = dataclasses.replace(at_step(LIMITS), watched=100.0)
    assert "no new request" not in advance(state, look(5), 0)[0].reason


def test_a_later_look_replaces_an_earlier_one_and_a_lost_one_loses_nothing() -> None:
    first, more, less = epoch(5, (40, 0)), epoch(5, (41, 1)), epoch(5, (39, 0))
    same = epoch(5, (40, 2))
    state, _ = advance(at_step(), look(5, "ok", first), 1)
    assert advance(state, look(5, "ok", more), 2)[0].epochs == (more,)
    assert advance(state, look(5, "ok", less), 2)[0].epochs == (first,)
    assert advance(state, look(5, "ok", same), 2)[0].epochs == (same,)
    assert advance(state, look(5), 2)[0].epochs == (first,)
    fewer = EpochCounts(5, 5, Counts(60), Counts(900))
    assert advance(state, look(5, "ok", fewer), 2)[0].epochs == (first,)
    other = epoch(3, (7, 0))
    assert advance(state, look(5, "ok", other), 2)[0].epochs == (other, first)


def test_the_clock_of_fresh_requests_stands_still_without_any() -> None:
    state, _ = advance(at_step(), look(5, "ok", epoch(5, (40, 0), (900, 0))), 4)
    assert state.fresh == 4
    assert advance(state, look(5, "ok", epoch(5, (40, 0), (900, 0))), 6)[0].fresh == 4
    assert advance(state, look(5, "ok", epoch(5, (40, 0), (901, 0))), 6)[0].fresh == 6
    assert advance(state, look(5, "ok", epoch(5, (41, 0), (900, 0))), 6)[0].fresh == 6


def test_what_was_measured_of_the_champion_is_kept() -> None:
    state = at_step()
    for reference in ({"latency_p95": 0.2}, {"deciles": [1]}, {"latency_p95": 0.3}):
        state, _ = advance(state, dataclasses.replace(look(5), reference=reference), 1)
    assert state.reference == {"latency_p95": 0.3, "deciles": [1]}


def test_time_is_counted_from_the_last_look_or_the_start_of_the_phase() -> None:
    state = dataclasses.replace(at_step(), looked=None, entered=10.0)
    assert advance(state, look(5), 14)[0].watched == 4
    state = dataclasses.replace(state, looked=12.0)
    after, _ = advance(state, look(5), 14)
    assert (after.watched, after.looked) == (2, 14)


def test_the_history_says_that_a_guard_decided() -> None:
    """In the same words whoever reads it later: pages and alerts look for ``guard``."""
    waiting = dataclasses.replace(LIMITS, on_inconclusive="rollback")
    promoting = dataclasses.replace(LIMITS, on_inconclusive="promote")
    few, harmful = look(5, "ok", epoch(5, (60, 0))), look(5, "ok", epoch(5, (400, 30), (7600, 20)))
    stopped = decide(at_step(LIMITS), "pause", "ann", 0)
    unanswered = decide(at_step(dataclasses.replace(LIMITS, pause_timeout_s=50)), "pause", "ann", 0)
    loading, _ = advance(new_state(PLAN, 0), look(), 0)
    moving = dataclasses.replace(at_step(), phase=Phase.PROMOTING)
    ends = [
        advance(loading, look(0, "failed"), 1),
        advance(at_step(), look(5, "ok", epoch(5, (400, 0))), 20),
        advance(at_step(), harmful, 1),
        advance(at_step(), look(5, "failed"), 1),
        advance(at_step(waiting), few, 100),
        advance(at_step(promoting), few, 100),
        advance(at_step(LIMITS), few, 100),
        advance(stopped, harmful, 1),
        advance(stopped, look(5, "failed"), 1),
        advance(unanswered, look(5), 50),
        advance(moving, look(100, "failed"), 1),
    ]
    assert [state.history[-1].who for state, _ in ends] == ["guard"] * len(ends)


def test_requests_of_both_versions_keep_a_step_fresh() -> None:
    # One more of the canary and one less of the champion is no new request; one more of both is.
    state, _ = advance(at_step(), look(5, "ok", epoch(5, (40, 0), (900, 0))), 4)
    moved, _ = advance(state, look(5, "ok", epoch(5, (41, 0), (899, 0))), 6)
    assert (moved.fresh, moved.epochs[0].canary.requests) == (4, 41)
    assert advance(state, look(5, "ok", epoch(5, (41, 0), (901, 0))), 6)[0].fresh == 6


def test_every_guard_that_was_not_measured_is_named() -> None:
    guards = tuple(GuardPlan(name=name, max_ratio=2) for name in ("latency_p95", "quality"))
    state, _ = advance(
        at_step(dataclasses.replace(LIMITS, guards=guards)), look(5, "ok", epoch(5, (60, 0))), 100
    )
    assert state.reason.endswith(
        "latency_p95 has nothing to compare yet: it waits until the version's time to settle "
        "(deploy.canary.settle) is over and the champion has answered 200 requests, which say what is slow; "
        "quality was not measured (0 canary and 0 champion requests)"
    )
