"""Rollouts of the pure state machine: a plan, what can be seen of a target, states that rollouts get to."""

from __future__ import annotations

import dataclasses

from airflow_mlops.rollout.core import (
    Counts,
    EpochCounts,
    Health,
    Observation,
    Phase,
    RolloutPlan,
    RolloutState,
    advance,
    new_state,
)

PLAN = RolloutPlan(
    name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(5, 50),
    hold_s=10, step_timeout_s=100, min_requests=50, tolerance=0.02,
)  # fmt: skip
SHADOWED = dataclasses.replace(PLAN, shadow_s=30)


def look(percent: int = 0, health: str = "ok", *epochs: EpochCounts, champion: int | None = 2) -> Observation:
    """Return what a target shows: the canary's share of the traffic, its health, counts."""
    return Observation(
        health=Health(health, "why"), percent=percent, champion=champion, epoch=1, epochs=epochs
    )


def epoch(percent: int, canary: tuple[int, int], champion: tuple[int, int] = (1000, 0)) -> EpochCounts:
    """Return (requests, failures) of both versions while the canary had ``percent`` of the traffic."""
    return EpochCounts(percent, percent, Counts(*canary), Counts(*champion))


def at_step(plan: RolloutPlan = PLAN) -> RolloutState:
    """Return a rollout in its first step, whose traffic was read back at the time 0."""
    state = new_state(plan, 0)
    for seen in (look(), look(), look(plan.steps[0])):
        state, _ = advance(state, seen, 0)
    assert (state.phase, state.step, state.settled) == (Phase.STEP, 0, True)
    return state


def shadow_look(canary: Counts, champion: Counts, both: Counts | None = None) -> Observation:
    """Return what a target shows while version 3 answers copies of the champion's requests."""
    counts = EpochCounts(1, 0, canary, champion, both or Counts())
    return dataclasses.replace(look(0, "ok", counts), shadow=3)
