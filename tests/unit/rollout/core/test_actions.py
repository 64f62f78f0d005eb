from __future__ import annotations

import dataclasses

import pytest

from airflow_mlops.rollout.core import (
    Action,
    Ensure,
    Phase,
    RolloutPlan,
    SetWeight,
    Shadow,
    new_state,
    wanted,
)
from tests.support.rollout_states import PLAN, at_step

OLD, NEW = Ensure(2, "models:/churn/2"), Ensure(3, "models:/churn/3")


@pytest.mark.parametrize(
    ("phase", "step", "actions"),
    [
        ("PENDING", 0, ()),
        ("WARMING", 0, (OLD, NEW)),
        ("SHADOW", -1, (OLD, NEW, Shadow(3, 2))),
        ("STEP", 0, (OLD, NEW, SetWeight(3, 2, 5))),
        ("STEP", 1, (OLD, NEW, SetWeight(3, 2, 50))),
        ("PAUSED", 1, (OLD, NEW, SetWeight(3, 2, 50))),
        ("PAUSED", -1, (OLD, NEW, Shadow(3, 2))),
        ("PROMOTING", 1, (OLD, NEW, SetWeight(3, 2, 50))),
        ("PROMOTING", -1, (OLD, NEW, SetWeight(3, 2, 0))),
        ("ROLLING_BACK", 1, (OLD, SetWeight(3, 2, 0))),
        ("PROMOTED", 1, ()),
        ("ROLLED_BACK", 1, ()),
        ("CONFLICT", 1, ()),
        ("SUPERSEDED", 1, ()),
    ],
)
def test_what_each_phase_asks_of_the_target(phase: str, step: int, actions: tuple[Action, ...]) -> None:
    assert wanted(dataclasses.replace(at_step(), phase=Phase(phase), step=step)) == actions


def test_an_order_to_load_names_the_model() -> None:
    state = dataclasses.replace(at_step(), digest="of 3", champion_digest="of 2")
    loads = [action for action in wanted(state) if isinstance(action, Ensure)]
    assert loads == [Ensure(2, "models:/churn/2", "of 2"), Ensure(3, "models:/churn/3", "of 3")]


@pytest.mark.parametrize("phase", ["WARMING", "PROMOTING", "ROLLING_BACK"])
def test_a_first_version_has_no_champion_to_keep(phase: str) -> None:
    plan = RolloutPlan(name="churn", model_version=1, model_uri="models:/churn/1")
    actions = wanted(dataclasses.replace(new_state(plan, 0), phase=Phase(phase)))
    first = Ensure(1, "models:/churn/1")
    assert (
        actions
        == {
            "WARMING": (first,),
            "PROMOTING": (first, SetWeight(1, None, 0)),
            "ROLLING_BACK": (SetWeight(1, None, 0),),
        }[phase]
    )


@pytest.mark.parametrize("verified", [{"verified": True}, {"moving": True}])
def test_all_traffic_is_asked_for_once_the_registry_is_known_to_follow(verified: dict[str, bool]) -> None:
    promoting = dataclasses.replace(at_step(), phase=Phase.PROMOTING, **verified)
    assert wanted(promoting) == (OLD, NEW, SetWeight(3, 2, 100))
    first = new_state(RolloutPlan(name="churn", model_version=1, model_uri="models:/churn/1"), 0)
    promoting = dataclasses.replace(first, phase=Phase.PROMOTING, **verified)
    assert wanted(promoting) == (Ensure(1, "models:/churn/1"), SetWeight(1, None, 100))


def test_a_first_version_is_never_a_shadow() -> None:
    state = dataclasses.replace(new_state(dataclasses.replace(PLAN, champion_version=None), 0), step=-1)
    assert not any(isinstance(a, Shadow) for a in wanted(dataclasses.replace(state, phase=Phase.SHADOW)))
