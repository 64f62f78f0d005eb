"""Changes of a rollout from outside: a person's decision, a newer version, the registry. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.judgement import judge
from airflow_mlops.rollout.core.state import SHADOW_STEP, Phase, RolloutPlan, RolloutState, new_state
from airflow_mlops.rollout.core.transitions import NOT_MOVED, evidence_of, move, roll_back

CHOICES: Final = ("continue", "promote", "rollback", "pause")


def decide(state: RolloutState, choice: str, who: str, now: float) -> RolloutState:
    """Return the state after a person's decision.

    ``continue``, ``promote`` and ``rollback`` answer a PAUSED rollout, ``pause`` stops a SHADOW or a STEP
    where it is. Going on in spite of a guard that asked to wait accepts what it found.
    Raises ConfigError when the choice is unknown or does not fit the phase.
    """
    if choice not in CHOICES:
        raise ConfigError(f"unknown decision {choice!r}; known: {', '.join(CHOICES)}")
    if choice == "pause":
        if state.phase not in (Phase.SHADOW, Phase.STEP):
            raise ConfigError(f"rollout {state.id} is {state.label}: only a SHADOW or a STEP can be paused")
        return move(state, Phase.PAUSED, now, who, f"paused by {who}", evidence_of(state))
    if state.phase is not Phase.PAUSED:
        raise ConfigError(
            f"rollout {state.id} is {state.label}, not PAUSED: {choice!r} cannot be applied; "
            "see its history for what happened in between"
        )
    if choice == "continue":
        to = Phase.SHADOW if state.step == SHADOW_STEP else Phase.STEP
        raised = {finding.guard for finding in judge(state.judged, state.plan).raised("pause")}
        accepted = tuple(sorted({*state.accepted, *raised}))
        return move(state, to, now, who, f"continued by {who}", evidence_of(state), accepted=accepted)
    if choice == "promote":
        return move(state, Phase.PROMOTING, now, who, f"promoted by {who}", evidence_of(state))
    return roll_back(state, now, who, f"rolled back by {who}", evidence_of(state))


def restore(
    state: RolloutState,
    reason: str,
    who: str,
    now: float,
    outcome: Phase = Phase.ROLLED_BACK,
    *,
    rejected: bool = False,
) -> RolloutState:
    """Return the state that takes a running rollout back to the champion on record, to end as ``outcome``.

    ``rejected``: because of the version, which is then not tried again by itself. A rollout that has ended,
    is going back already, or whose aliases have begun to move stays as it is.
    """
    if state.terminal or state.moving or state.phase is Phase.ROLLING_BACK:
        return state
    changes = {"outcome": outcome, "rejected": rejected}
    return move(state, Phase.ROLLING_BACK, now, who, reason, evidence_of(state), **changes)


def conflict(state: RolloutState, found: int | None, now: float) -> RolloutState:
    """Return the state that gives traffic back because the champion alias is not the one on record."""
    plan = state.plan
    if found is None:
        reason = (
            f"alias champion of {plan.name} was deleted during the rollout: it is set to "
            f"{_version(plan.champion_version)} again, which serves. Deploy version {plan.model_version} anew"
        )
    else:
        reason = (
            f"alias champion of {plan.name} points at {_version(found)}, the rollout started from "
            f"{_version(plan.champion_version)}: no alias was moved. "
            "Start a new rollout from the present champion"
        )
    changes = {"outcome": Phase.CONFLICT, **NOT_MOVED}
    if state.phase is Phase.ROLLING_BACK:
        return replace(state, outcome=Phase.CONFLICT, reason=f"{state.reason}; {reason}")
    return move(state, Phase.ROLLING_BACK, now, "guard", reason, evidence_of(state), **changes)


def begin_move(state: RolloutState) -> RolloutState:
    """Return the state that records the intent to move the aliases."""
    return replace(state, moving=True)


def verified(state: RolloutState) -> RolloutState:
    """Return the state of a promotion whose registry has all that it needs: it may take all traffic."""
    return replace(state, verified=True)


def give_up(state: RolloutState, reason: str, now: float) -> RolloutState:
    """Return the state of a promotion that cannot be completed: the traffic goes back to the champion."""
    return move(state, Phase.ROLLING_BACK, now, "controller", reason, evidence_of(state), **NOT_MOVED)


def abort(state: RolloutState, reason: str, who: str, now: float) -> RolloutState:
    """Return the state that a person orders to be taken back, whatever it is doing; an ended one as it is.

    Other than ``restore`` it also takes back a promotion whose aliases have begun to move.
    """
    if state.terminal or state.phase is Phase.ROLLING_BACK:
        return state
    evidence = evidence_of(state)
    return move(state, Phase.ROLLING_BACK, now, who, reason, evidence, **NOT_MOVED, rejected=True)


def write_off(state: RolloutState, reason: str, who: str, now: float) -> RolloutState:
    """Return the end of a rollout that a person ends although server or registry do not answer."""
    if state.terminal:
        return state
    outcome = state.outcome if state.phase is Phase.ROLLING_BACK else Phase.ROLLED_BACK
    return move(state, outcome, now, who, reason, evidence_of(state), **NOT_MOVED)


def refused(state: RolloutState, reason: str, now: float) -> RolloutState:
    """Return the end of a rollout whose orders the server refuses: another controller moves its traffic."""
    if state.terminal:
        return state
    if state.moving:
        reason = (
            f"{reason}; alias champion may point at {_version(state.plan.model_version)} already: check it"
        )
    return move(state, Phase.CONFLICT, now, "controller", reason, evidence_of(state))


def close(state: RolloutState, now: float, reason: str = "") -> RolloutState:
    """Return the terminal state once the registry's moves are done; ``reason`` in place of the state's."""
    to = Phase.PROMOTED if state.phase is Phase.PROMOTING else state.outcome
    return move(state, to, now, "controller", reason or state.reason, evidence_of(state))


def outdated(plan: RolloutPlan, champion: int | None, newer: int | None) -> tuple[Phase, str] | None:
    """Return how a rollout that has not begun must end because its plan is out of date, None if it may begin.

    ``champion`` is the version that is champion now, ``newer`` another one that wants to be (the challenger
    in the registry, or the version whose canary runs), None for none. Only a version that came by itself
    is superseded by a newer one; a version that a person requested is not.
    """
    version, by_itself = plan.model_version, not plan.request
    if champion == version:
        return Phase.SUPERSEDED, f"version {version} of {plan.name} is the champion already"
    if plan.goes_back and champion != plan.champion_version:
        return Phase.CONFLICT, (
            f"version {plan.champion_version} was to be rolled back, but {_version(champion)} is the "
            "champion now: no alias was moved. Request the rollback again if it is still needed"
        )
    if by_itself and champion is not None and champion > version:
        return Phase.SUPERSEDED, f"superseded by version {champion}, the champion by now"
    if by_itself and newer is not None and newer > version:
        return Phase.SUPERSEDED, f"superseded by version {newer}"
    return None


def withdrawn(plan: RolloutPlan, outcome: Phase, reason: str, who: str, now: float) -> RolloutState:
    """Return the terminal state of a rollout that never began."""
    return move(new_state(plan, now, who), outcome, now, who, reason)


def rebased(state: RolloutState, champion: int | None, now: float) -> RolloutState:
    """Return a rollout that has not begun with the champion of now as the one to fall back to."""
    if state.phase is not Phase.PENDING or champion == state.plan.champion_version:
        return state
    plan = replace(state.plan, champion_version=champion)
    return move(
        replace(state, plan=plan),
        Phase.PENDING,
        now,
        "controller",
        f"{_version(champion)} is champion by now",
    )


def _version(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
