from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core import (
    GuardPlan,
    Phase,
    RolloutPlan,
    RolloutState,
    Transition,
    advance,
    new_state,
    result,
    rollback_to,
    rollout_id,
)
from tests.support.rollout_states import PLAN, at_step, epoch, look


@pytest.mark.parametrize("change", [
    {"steps": (50, 5)}, {"steps": (0,)}, {"on_inconclusive": "wait"}, {"champion_version": 3},
])  # fmt: skip
def test_impossible_plans_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(PLAN, **change)


def test_going_back_by_hand_has_no_canary_and_can_be_repeated() -> None:
    first = rollback_to("churn", 2, champion=3, request="run-1")
    state, _ = advance(new_state(first, 0), look(), 0)
    state, _ = advance(state, look(), 0)
    assert state.phase is Phase.PROMOTING
    assert rollout_id(first) != rollout_id(rollback_to("churn", 2, champion=3, request="run-2"))
    assert rollout_id(first) == rollout_id(rollback_to("churn", 2, champion=3, request="run-1"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": (5, 5)}, r"ascending percents between 1 and 99, got \[5, 5\]"),
        ({"steps": (-1, 5)}, "between 1 and 99"),
        ({"steps": (50, 100)}, "between 1 and 99"),
        ({"on_inconclusive": ""}, "pause, promote or rollback, got ''"),
        ({"guards": (GuardPlan(name="quality", max_ratio=2),) * 2}, r"\['quality', 'quality'\]"),
    ],
)
def test_a_plan_that_is_refused_says_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        dataclasses.replace(PLAN, **change)


@pytest.mark.parametrize("steps", [(), (1,), (99,), (1, 2, 99)])
def test_a_plan_may_have_any_ascending_percents(steps: tuple[int, ...]) -> None:
    assert dataclasses.replace(PLAN, steps=steps).steps == steps


def test_the_defaults_are_those_of_the_documentation() -> None:
    plan = RolloutPlan(name="churn", model_version=1, model_uri="models:/churn/1")
    assert plan.to_json() == {
        "kind": "RolloutPlan", "version": 1, "name": "churn", "model_version": 1,
        "model_uri": "models:/churn/1",
        "champion_version": None, "steps": [5, 25, 50],
        "hold_s": 1800.0, "step_timeout_s": 21600.0, "min_requests": 100, "alpha": 0.05, "max_ratio": 2.0,
        "tolerance": None, "on_inconclusive": "pause", "request": "", "guards": [], "shadow_s": 0.0,
        "pause_timeout_s": 259200.0, "gap_s": 120.0, "settle_s": 0.0, "model": "",
    }  # fmt: skip


def test_what_is_stored_keeps_its_keys() -> None:
    """Rollouts that an earlier release stored are read, and found by the same name."""
    assert set(at_step().to_json()) == {
        "kind", "version", "id", "plan", "phase", "step", "settled", "moving", "verified", "since", "entered",
        "watched", "looked", "fresh", "epochs", "outcome", "reason", "history", "accepted", "reference",
            "cold", "rejected", "digest", "champion_digest",
    }  # fmt: skip
    known = {key: value for key, value in PLAN.to_json().items() if key not in ("settle_s", "model")}
    stored = json.dumps(known, sort_keys=True).encode()
    assert rollout_id(PLAN) == f"churn-3-{hashlib.sha256(stored).hexdigest()[:12]}" == "churn-3-f4e28362d5b1"
    assert RolloutState.from_json(json.loads(json.dumps(at_step().to_json()))) == at_step()


def test_going_back_at_once_is_a_plan_without_steps_from_a_champion() -> None:
    assert rollback_to("churn", 2, champion=3, request="x").goes_back
    assert not PLAN.goes_back
    assert not RolloutPlan(name="churn", model_version=1, model_uri="m", steps=()).goes_back
    plan = rollback_to("churn", 2, champion=3, request="x")
    assert (plan.model_uri, plan.champion_uri, plan.steps) == ("models:/churn/2", "models:/churn/3", ())
    assert rollback_to("churn", 2, champion=3, request="x", model_uri="runs:/1/m").model_uri == "runs:/1/m"
    assert RolloutPlan(name="churn", model_version=1, model_uri="m").champion_uri is None


@pytest.mark.parametrize(
    ("phase", "step", "percent", "shadows", "label"),
    [
        ("PENDING", 0, 0, False, "PENDING"),
        ("WARMING", 0, 0, False, "WARMING"),
        ("SHADOW", -1, 0, True, "SHADOW"),
        ("STEP", 0, 5, False, "STEP 1/2 (5 %)"),
        ("STEP", 1, 50, False, "STEP 2/2 (50 %)"),
        ("PAUSED", 1, 50, False, "PAUSED"),
        ("PAUSED", -1, 0, True, "PAUSED"),
        ("PROMOTING", 1, 50, False, "PROMOTING"),
        ("PROMOTING", -1, 0, False, "PROMOTING"),
        ("PROMOTED", 1, 100, False, "PROMOTED"),
        ("ROLLING_BACK", -1, 0, False, "ROLLING_BACK"),
        ("ROLLED_BACK", 1, 0, False, "ROLLED_BACK"),
    ],
)
def test_each_phase_asks_for_its_share_of_the_traffic(
    phase: str, step: int, percent: int, shadows: bool, label: str
) -> None:
    state = dataclasses.replace(at_step(), phase=Phase(phase), step=step)
    assert (state.percent, state.shadows, state.label) == (percent, shadows, label)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("settled", [True, False])
def test_the_registry_moves_once_the_traffic_stands(phase: Phase, settled: bool) -> None:
    state = dataclasses.replace(at_step(), phase=phase, settled=settled, verified=True)
    assert state.needs_registry == (settled and phase.value in ("PROMOTING", "ROLLING_BACK"))
    assert state.terminal == (phase.value in ("PROMOTED", "ROLLED_BACK", "CONFLICT", "SUPERSEDED"))


def test_a_promotion_waits_for_the_registry_before_all_traffic_moves() -> None:
    promoting = dataclasses.replace(at_step(), phase=Phase.PROMOTING, settled=False)
    assert (promoting.needs_registry, promoting.may_take_all, promoting.percent) == (True, False, 5)
    for change in ({"verified": True}, {"moving": True}):  # moving alone: stored by an earlier release
        found = dataclasses.replace(promoting, **change)
        assert (found.needs_registry, found.may_take_all, found.percent) == (False, True, 100)


def test_a_rollout_begins_with_the_request_for_it() -> None:
    state = new_state(PLAN, 7.5, "ann")
    assert state.history == (
        Transition(at=7.5, who="ann", source="", to="PENDING", reason="rollout requested", evidence={}),
    )
    assert (state.entered, state.id, state.phase) == (7.5, rollout_id(PLAN), Phase.PENDING)
    assert (state.step, state.settled, state.moving, state.watched, state.fresh) == (0, False, False, 0, 0)
    assert new_state(PLAN, 0).history[0].who == "controller"


def test_the_record_of_a_rollout_has_the_last_evidence() -> None:
    first, last = {"canary": {"requests": 1}}, {"canary": {"requests": 2}}
    history = tuple(
        Transition(at=at, who="guard", source="", to="STEP", reason="", evidence=evidence)
        for at, evidence in enumerate((first, last, {}))
    )
    record = result(dataclasses.replace(at_step(), phase=Phase.PROMOTED, reason="fine", history=history))
    assert (record.rollout_id, record.name, record.model_version) == (rollout_id(PLAN), "churn", 3)
    assert (record.champion_version, record.outcome, record.reason) == (2, "PROMOTED", "fine")
    assert record.evidence == last
    assert [entry["at"] for entry in record.history] == [0, 1, 2]
    assert result(new_state(PLAN, 0)).evidence == {}


def test_evidence_survives_storage() -> None:
    state, _ = advance(at_step(), look(5, "ok", epoch(5, (400, 30), (7600, 20))), 1)
    assert RolloutState.from_json(json.loads(json.dumps(state.to_json()))) == state
    found = RolloutState.from_json(json.loads(json.dumps(state.to_json())))
    assert isinstance(found.phase, Phase)
    assert isinstance(found.outcome, Phase)


def test_only_requests_at_the_present_share_of_the_traffic_count_for_the_step() -> None:
    epochs = (epoch(0, (7, 0)), epoch(5, (40, 1)), epoch(5, (2, 0)), epoch(50, (500, 9)))
    state = dataclasses.replace(at_step(), epochs=epochs)
    assert state.percent == 5
    assert state.step_requests == 42
    assert dataclasses.replace(state, step=1).step_requests == 500
    assert dataclasses.replace(state, phase=Phase.SHADOW, step=-1).step_requests == 7


def test_a_state_that_was_told_nothing_has_seen_nothing() -> None:
    state = RolloutState(id="x", plan=PLAN)
    assert (state.entered, state.reason, state.outcome) == (0, "", Phase.ROLLED_BACK)
    assert (state.since, state.looked, state.epochs, state.accepted) == (None, None, (), ())
