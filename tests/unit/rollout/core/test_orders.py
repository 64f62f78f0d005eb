from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core import (
    TERMINAL,
    Counts,
    EpochCounts,
    GuardPlan,
    Phase,
    RolloutPlan,
    abort,
    advance,
    begin_move,
    close,
    conflict,
    decide,
    give_up,
    new_state,
    outdated,
    rebased,
    refused,
    restore,
    rollback_to,
    withdrawn,
    write_off,
)
from tests.support.labels import with_labels
from tests.support.rollout_states import PLAN, at_step, epoch, look


def test_a_person_decides_a_paused_rollout() -> None:
    paused = decide(at_step(), "pause", "ann", 5)
    assert paused.percent == 5
    assert decide(paused, "continue", "ann", 6).label == "STEP 1/2 (5 %)"
    assert decide(paused, "promote", "ann", 6).phase is Phase.PROMOTING
    rolled = decide(paused, "rollback", "ann", 6)
    assert (rolled.phase, rolled.history[-1].who) == (Phase.ROLLING_BACK, "ann")
    with pytest.raises(ConfigError, match="unknown decision 'stop'"):
        decide(paused, "stop", "ann", 6)
    with pytest.raises(ConfigError, match="not PAUSED"):
        decide(at_step(), "promote", "ann", 6)


EVERY = [phase for phase in Phase if phase not in TERMINAL]


@pytest.mark.parametrize("phase", EVERY)
def test_a_person_can_take_back_whatever_goes_on(phase: Phase) -> None:
    state = dataclasses.replace(at_step(), phase=phase, moving=phase is Phase.PROMOTING, verified=True)
    after = abort(state, "aborted by ann", "ann", 9)
    assert after.phase is Phase.ROLLING_BACK
    if phase is not Phase.ROLLING_BACK:
        assert (after.history[-1].who, after.reason) == ("ann", "aborted by ann")
        assert (after.moving, after.verified, after.percent) == (False, False, 0)


@pytest.mark.parametrize("phase", EVERY)
def test_a_person_can_end_what_nothing_answers_for(phase: Phase) -> None:
    state = dataclasses.replace(at_step(), phase=phase, moving=True, outcome=Phase.CONFLICT)
    ended = write_off(state, "written off", "ann", 9)
    assert ended.terminal
    assert ended.phase is (Phase.CONFLICT if phase is Phase.ROLLING_BACK else Phase.ROLLED_BACK)
    assert (ended.history[-1].who, ended.reason) == ("ann", "written off")


def test_what_has_ended_stays_as_it_is() -> None:
    ended = dataclasses.replace(at_step(), phase=Phase.PROMOTED)
    assert abort(ended, "x", "ann", 9) == write_off(ended, "x", "ann", 9) == ended


def test_a_promotion_that_cannot_be_completed_goes_back() -> None:
    moving = dataclasses.replace(at_step(), phase=Phase.PROMOTING, moving=True, verified=True)
    after = give_up(moving, "version 3 is gone", 9)
    assert (after.phase, after.moving, after.verified) == (Phase.ROLLING_BACK, False, False)
    assert (after.history[-1].who, after.reason) == ("controller", "version 3 is gone")


def test_a_rollout_whose_orders_are_refused_ends_as_a_conflict() -> None:
    after = refused(at_step(), "moved by another", 9)
    assert (after.phase, after.reason, after.history[-1].who) == (
        Phase.CONFLICT,
        "moved by another",
        "controller",
    )


def test_restore_leaves_a_promotion_that_moves_aliases() -> None:
    moving = dataclasses.replace(at_step(), phase=Phase.PROMOTING, moving=True)
    assert restore(moving, "killed", "airflow", 9) == moving
    assert restore(at_step(), "killed", "airflow", 9).phase is Phase.ROLLING_BACK


@pytest.mark.parametrize("phase", ["PENDING", "WARMING", "PAUSED", "PROMOTING"])
def test_only_a_step_or_a_shadow_can_be_paused(phase: str) -> None:
    state = dataclasses.replace(at_step(), phase=Phase(phase))
    with pytest.raises(ConfigError, match=f"is {phase}: only a SHADOW or a STEP can be paused"):
        decide(state, "pause", "ann", 1)


@pytest.mark.parametrize("choice", ["continue", "promote", "rollback"])
def test_a_decision_is_kept_with_who_made_it_and_what_was_known(choice: str) -> None:
    state, _ = advance(at_step(), look(5, "ok", epoch(5, (30, 1))), 1)
    paused = decide(state, "pause", "ann", 2)
    assert (paused.phase, paused.reason) == (Phase.PAUSED, "paused by ann")
    assert (paused.entered, paused.watched, paused.settled) == (2, 0, False)
    assert paused.history[-1].evidence["canary"] == {"requests": 30, "failures": 1}
    decided = decide(paused, choice, "bob", 3)
    words = {"continue": "continued by bob", "promote": "promoted by bob", "rollback": "rolled back by bob"}
    assert (decided.history[-1].who, decided.reason) == ("bob", words[choice])
    assert decided.history[-1].evidence["canary"] == {"requests": 30, "failures": 1}


def test_going_on_accepts_what_the_guards_that_asked_to_wait_had_found() -> None:
    guards = tuple(
        GuardPlan(name=name, max_ratio=2, action=action)
        for name, action in (("latency_p95", "pause"), ("quality", "warn"), ("prediction_shift", "pause"))
    )
    even = (100,) * 10
    champion = Counts(1000, 0, 1000, 50, 1000, 100, even)
    slow = dataclasses.replace(champion, slow=400, wrong=400)
    state = at_step(dataclasses.replace(PLAN, guards=guards, steps=(50,)))
    state, _ = advance(state, look(50, "ok", with_labels(EpochCounts(50, 50, slow, champion))), 1)
    assert state.phase is Phase.PAUSED
    before = dataclasses.replace(state, accepted=("prediction_shift",))
    assert decide(before, "continue", "ann", 2).accepted == ("latency_p95", "prediction_shift")


def test_a_shadow_can_be_paused_and_goes_on_as_a_shadow() -> None:
    shadow = dataclasses.replace(at_step(), phase=Phase.SHADOW, step=-1)
    paused = decide(shadow, "pause", "ann", 1)
    assert (paused.phase, paused.shadows) == (Phase.PAUSED, True)
    assert decide(paused, "continue", "ann", 2).phase is Phase.SHADOW


def test_what_cannot_be_taken_back_any_more_stays() -> None:
    for phase in ("PROMOTED", "ROLLED_BACK", "CONFLICT", "SUPERSEDED", "ROLLING_BACK"):
        state = dataclasses.replace(at_step(), phase=Phase(phase))
        assert restore(state, "stopped", "airflow", 9) is state
    gone = restore(at_step(), "stopped", "airflow", 9, Phase.SUPERSEDED)
    assert (gone.phase, gone.outcome, gone.reason) == (Phase.ROLLING_BACK, Phase.SUPERSEDED, "stopped")
    assert gone.history[-1].who == "airflow"


def test_a_champion_that_somebody_else_moved_gives_the_traffic_back() -> None:
    moving = dataclasses.replace(at_step(), phase=Phase.PROMOTING, moving=True)
    state = conflict(moving, 7, 9)
    assert (state.phase, state.outcome, state.moving) == (Phase.ROLLING_BACK, Phase.CONFLICT, False)
    assert state.history[-1].who == "guard"
    assert state.reason == (
        "alias champion of churn points at version 7, the rollout started from version 2: "
        "no alias was moved. Start a new rollout from the present champion"
    )
    back = restore(at_step(), "stopped", "airflow", 9)
    again = conflict(back, None, 10)
    assert (again.phase, again.outcome, again.history) == (Phase.ROLLING_BACK, Phase.CONFLICT, back.history)
    assert again.reason.startswith("stopped; alias champion of churn was deleted during the rollout: ")


def test_the_end_is_a_promotion_or_the_outcome_of_going_back() -> None:
    promoting = dataclasses.replace(at_step(), phase=Phase.PROMOTING, reason="fine")
    assert begin_move(promoting) == dataclasses.replace(promoting, moving=True)
    ended = close(promoting, 9)
    assert (ended.phase, ended.reason, ended.history[-1].who) == (Phase.PROMOTED, "fine", "controller")
    back = dataclasses.replace(at_step(), phase=Phase.ROLLING_BACK, outcome=Phase.SUPERSEDED)
    assert close(back, 9).phase is Phase.SUPERSEDED


def own(version: int = 3, champion: int | None = 2, request: str = "") -> RolloutPlan:
    return dataclasses.replace(PLAN, model_version=version, champion_version=champion, request=request)


@pytest.mark.parametrize(
    ("plan", "champion", "newer", "ended"),
    [
        pytest.param(own(), 2, None, None, id="nothing happened"),
        pytest.param(own(), None, None, None, id="the champion was taken away"),
        pytest.param(own(), 1, None, None, id="an older champion is one to replace"),
        pytest.param(own(), 3, None, "version 3 of churn is the champion already", id="it is champion"),
        pytest.param(own(), 4, None, "superseded by version 4, the champion by now", id="newer champion"),
        pytest.param(own(request="ann"), 4, None, None, id="asked for beside a newer champion"),
        pytest.param(own(), 2, 4, "superseded by version 4", id="a newer challenger"),
        pytest.param(own(), 2, 3, None, id="it is the challenger"),
        pytest.param(own(), 2, 1, None, id="an older challenger"),
        pytest.param(own(request="ann"), 2, 4, None, id="asked for beside a newer challenger"),
    ],
)
def test_a_plan_that_the_world_left_behind(
    plan: RolloutPlan, champion: int | None, newer: int | None, ended: str | None
) -> None:
    found = outdated(plan, champion, newer)
    assert found == (None if ended is None else (Phase.SUPERSEDED, ended))


@pytest.mark.parametrize(("champion", "conflicts"), [(3, False), (4, True), (None, True)])
def test_going_back_needs_the_champion_that_a_person_saw(champion: int | None, conflicts: bool) -> None:
    found = outdated(rollback_to("churn", 2, champion=3, request="ann"), champion, 9)
    if not conflicts:
        assert found is None
        return
    assert found is not None
    assert found[0] is Phase.CONFLICT
    seen = "no version" if champion is None else f"version {champion}"
    assert found[1].startswith(f"version 3 was to be rolled back, but {seen} is the champion now")


def test_a_rollout_that_never_began_has_ended() -> None:
    state = withdrawn(PLAN, Phase.SUPERSEDED, "superseded by version 4", "ann", 7)
    assert (state.phase, state.reason, state.terminal) == (Phase.SUPERSEDED, "superseded by version 4", True)
    assert [(entry.to, entry.who, entry.at) for entry in state.history] == [
        ("PENDING", "ann", 7),
        ("SUPERSEDED", "ann", 7),
    ]


def test_only_a_rollout_that_has_not_begun_takes_the_champion_of_now() -> None:
    pending = new_state(PLAN, 0)
    assert rebased(pending, 2, 5) is pending
    state = rebased(pending, 1, 5)
    assert (state.phase, state.plan.champion_version, state.id) == (Phase.PENDING, 1, pending.id)
    assert (state.reason, state.history[-1].who) == ("version 1 is champion by now", "controller")
    assert rebased(pending, None, 5).reason == "no version is champion by now"
    begun = at_step()
    assert rebased(begun, 1, 5) is begun


def test_an_unknown_decision_lists_the_known_ones() -> None:
    for state in (at_step(), new_state(PLAN, 0)):
        with pytest.raises(ConfigError, match="known: continue, promote, rollback, pause"):
            decide(state, "Promote", "ann", 1)


def test_a_decision_that_comes_too_late_changes_nothing() -> None:
    ended: Any = withdrawn(PLAN, Phase.SUPERSEDED, "", "ann", 7)
    for choice in ("continue", "promote", "rollback", "pause"):
        with pytest.raises(ConfigError, match="SUPERSEDED"):
            decide(ended, choice, "ann", 9)
