from __future__ import annotations

import dataclasses

from airflow_mlops.rollout.core import Phase, advance, judge, new_state
from airflow_mlops.rollout.core.transitions import evidence_of, move, roll_back
from tests.support.rollout_states import PLAN, at_step, epoch, look


def test_a_new_phase_starts_its_clocks_and_leaves_an_entry() -> None:
    before = dataclasses.replace(at_step(), watched=40.0, looked=40.0, fresh=30.0)
    after = move(before, Phase.PAUSED, 50, "ann", "paused by ann", {"a": 1}, accepted=("quality",))
    assert (after.phase, after.reason, after.accepted) == (Phase.PAUSED, "paused by ann", ("quality",))
    assert (after.entered, after.looked, after.watched, after.fresh, after.settled) == (50, 50, 0, 0, False)
    assert after.history[:-1] == before.history
    entry = after.history[-1]
    assert (entry.at, entry.who, entry.source, entry.to) == (50, "ann", "STEP 1/2 (5 %)", "PAUSED")
    assert (entry.reason, entry.evidence) == ("paused by ann", {"a": 1})
    assert move(before, Phase.PAUSED, 50, "ann", "").history[-1].evidence == {}


def test_a_history_never_goes_back_in_time() -> None:
    state = move(new_state(PLAN, 100), Phase.WARMING, 90, "controller", "")
    assert (state.entered, state.history[-1].at, state.looked) == (100, 100, 90)
    assert move(move(state, Phase.STEP, 200, "controller", ""), Phase.PAUSED, 150, "ann", "").entered == 200
    bare = dataclasses.replace(state, history=())
    assert move(bare, Phase.STEP, 80, "controller", "").entered == 80


def test_going_back_keeps_its_reason_and_its_evidence() -> None:
    state = roll_back(at_step(), 9, "guard", "too many failures", {"x": 1})
    entry = state.history[-1]
    assert (state.phase, state.reason) == (Phase.ROLLING_BACK, "too many failures")
    assert (entry.at, entry.who, entry.evidence) == (9, "guard", {"x": 1})


def test_evidence_has_the_reference_that_it_was_measured_against() -> None:
    assert evidence_of(new_state(PLAN, 0)) == {}
    empty = judge([], PLAN)
    assert evidence_of(new_state(PLAN, 0), empty) == empty.evidence()
    state, _ = advance(at_step(), look(5, "ok", epoch(5, (40, 1))), 1)
    judged = judge(state.epochs, PLAN)
    assert evidence_of(state) == evidence_of(state, judged) == judged.evidence()
    measured = dataclasses.replace(state, reference={"latency_p95": 0.2})
    assert evidence_of(measured) == {**judged.evidence(), "reference": {"latency_p95": 0.2}}
