"""The rollout's state machine: pure functions from a state and a look at the target to the next state.

    PENDING → WARMING → (SHADOW →) STEP 1 → … → STEP n → PROMOTING → PROMOTED
                 │         │⇄ PAUSED  │⇄ PAUSED    │          │
                 └─────────┴──────────┴────────────┴──────────┴→ ROLLING_BACK → ROLLED_BACK | CONFLICT

A state is an intent: ``wanted`` lists what it asks of the target, in absolute terms. Whoever drives it
saves the state, does what is wanted, looks, and advances. Doing so twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.rollout.actions import Action, wanted
from airflow_mlops.core.rollout.judgement import Judgement, judge
from airflow_mlops.core.rollout.observation import Observation
from airflow_mlops.core.rollout.state import SHADOW_STEP, Phase, RolloutState, Transition


def advance(state: RolloutState, seen: Observation, now: float) -> tuple[RolloutState, tuple[Action, ...]]:
    """Return the next state and what it asks of the target; ``now`` in epoch seconds.

    At most one change of phase per call. A terminal state stays as it is.
    """
    following = state if state.terminal else _HANDLERS[state.phase](state, seen, now)
    return following, wanted(following)


def _pending(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    return _move(state, Phase.WARMING, now, "controller", "loading", since=seen.epoch)


def _warming(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    if seen.health.status == "failed":
        return _roll_back(state, now, "guard", f"the version does not load: {seen.health.detail}")
    if seen.health.status == "ok":
        detail = seen.health.detail or "loaded and healthy"
        if state.plan.champion_version is None or not state.plan.steps:
            return _move(state, Phase.PROMOTING, now, "controller", detail)
        if state.plan.shadow_s:
            return _move(state, Phase.SHADOW, now, "controller", detail, step=SHADOW_STEP)
        return _move(state, Phase.STEP, now, "controller", detail, step=0)
    if now - state.entered > state.plan.step_timeout_s:
        reason = f"the version did not load within {state.plan.step_timeout_s:g} s"
        return _roll_back(state, now, "guard", reason)
    return state


def _shadow(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    state = _settle(_fold(state, seen), seen, now)
    plan, judgement = state.plan, judge(state.epochs, state.plan)
    stopped = _stopped(state, seen, judgement, now)
    if stopped is not None:
        return stopped
    # Labels may come days later; the steps after this one wait for them.
    missing = [words for words in judgement.missing if not words.startswith("quality ")]
    elapsed, requests = _elapsed(state, now), _requests(state)
    if state.settled and elapsed >= plan.shadow_s and requests >= plan.min_requests and not missing:
        reason = f"no harm found in {requests} shadowed requests"
        return _move(state, Phase.STEP, now, "guard", reason, _evidence(state, judgement), step=0)
    if elapsed >= plan.shadow_s + plan.step_timeout_s:
        return _inconclusive(state, now, judgement, enough=requests >= plan.min_requests and not missing)
    return state


def _step(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    state = _settle(_fold(state, seen), seen, now)
    judgement = judge(state.epochs, state.plan)
    stopped = _stopped(state, seen, judgement, now)
    if stopped is not None:
        return stopped
    elapsed = _elapsed(state, now)
    enough = state.settled and _requests(state) >= state.plan.min_requests
    if judgement.pass_ and enough and elapsed >= state.plan.hold_s:
        return _next_step(state, now, "guard", judgement.pass_, _evidence(state, judgement))
    if elapsed >= state.plan.step_timeout_s:
        return _inconclusive(state, now, judgement, enough=enough and not judgement.missing)
    return state


def _stopped(state: RolloutState, seen: Observation, judgement: Judgement, now: float) -> RolloutState | None:
    """Return the state after what ends a phase early: a dead version, harm, or a guard that asks to wait."""
    evidence = _evidence(state, judgement)
    if seen.health.status == "failed":
        return _roll_back(state, now, "guard", f"the version does not load: {seen.health.detail}", evidence)
    if judgement.harm:
        return _roll_back(state, now, "guard", judgement.harm, evidence)
    for finding in judgement.raised("pause"):
        if finding.guard not in state.accepted:
            return _move(state, Phase.PAUSED, now, "guard", str(finding.harm), evidence)
    return None


def _inconclusive(state: RolloutState, now: float, judgement: Judgement, *, enough: bool) -> RolloutState:
    plan, evidence = state.plan, _evidence(state, judgement)
    where = "in the shadow" if state.phase is Phase.SHADOW else f"at {state.percent} %"
    lacking = "; ".join(judgement.missing) or "not enough evidence"
    reason = (
        f"inconclusive after {_elapsed(state, now):g} s {where}: "
        f"{_requests(state)} canary requests (at least {plan.min_requests} needed), {lacking}"
    )
    if plan.on_inconclusive == "rollback":
        return _roll_back(state, now, "guard", reason, evidence)
    if plan.on_inconclusive == "promote" and enough:
        return _next_step(state, now, "guard", f"{reason}; on_inconclusive: promote", evidence)
    return _move(state, Phase.PAUSED, now, "guard", reason, evidence)


def _paused(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    state = _fold(state, seen)
    judgement = judge(state.epochs, state.plan)
    if judgement.harm:
        return _roll_back(state, now, "guard", judgement.harm, _evidence(state, judgement))
    return state


def _promoting(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    if seen.health.status == "failed" and not state.moving:
        return _roll_back(state, now, "guard", f"the version does not load: {seen.health.detail}")
    return replace(state, settled=seen.percent == 100)


def _rolling_back(state: RolloutState, seen: Observation, _now: float) -> RolloutState:
    return replace(state, settled=seen.percent == 0)


_HANDLERS: Final[Mapping[Phase, Callable[[RolloutState, Observation, float], RolloutState]]] = {
    Phase.PENDING: _pending,
    Phase.WARMING: _warming,
    Phase.SHADOW: _shadow,
    Phase.STEP: _step,
    Phase.PAUSED: _paused,
    Phase.PROMOTING: _promoting,
    Phase.ROLLING_BACK: _rolling_back,
}


def decide(state: RolloutState, choice: str, who: str, now: float) -> RolloutState:
    """Return the state after a person's decision.

    ``continue``, ``promote`` and ``rollback`` answer a PAUSED rollout, ``pause`` stops a SHADOW or a STEP
    where it is. Going on in spite of a guard that asked to wait accepts what it found.
    Raises ConfigError when the choice is unknown or does not fit the phase.
    """
    if choice == "pause" and state.phase in (Phase.SHADOW, Phase.STEP):
        return _move(state, Phase.PAUSED, now, who, f"paused by {who}", _evidence(state))
    if choice not in ("continue", "promote", "rollback"):
        raise ConfigError(f"unknown decision {choice!r}; known: continue, promote, rollback (when PAUSED)")
    if state.phase is not Phase.PAUSED:
        raise ConfigError(
            f"rollout {state.id} is {state.label}, not PAUSED: it takes no {choice!r} now; "
            "look at its history to see what happened meanwhile"
        )
    if choice == "continue":
        to = Phase.SHADOW if state.step == SHADOW_STEP else Phase.STEP
        raised = {finding.guard for finding in judge(state.epochs, state.plan).raised("pause")}
        accepted = tuple(sorted({*state.accepted, *raised}))
        return _move(state, to, now, who, f"continued by {who}", _evidence(state), accepted=accepted)
    if choice == "promote":
        return _move(state, Phase.PROMOTING, now, who, f"promoted by {who}", _evidence(state))
    return _roll_back(state, now, who, f"rolled back by {who}", _evidence(state))


def restore(state: RolloutState, reason: str, who: str, now: float) -> RolloutState:
    """Return the state that takes a running rollout back to the champion on record.

    A rollout that has ended, is going back already, or whose aliases have begun to move stays as it is.
    """
    if state.terminal or state.moving or state.phase is Phase.ROLLING_BACK:
        return state
    return _roll_back(state, now, who, reason, _evidence(state))


def conflict(state: RolloutState, found: int | None, now: float) -> RolloutState:
    """Return the state that gives traffic back because the champion alias is not the one on record."""
    reason = (
        f"alias champion of {state.plan.name} points at {_version(found)}, the rollout started from "
        f"{_version(state.plan.champion_version)}: no alias was moved. "
        "Start a new rollout from the present champion"
    )
    changes = {"outcome": Phase.CONFLICT, "moving": False}
    if state.phase is Phase.ROLLING_BACK:
        return replace(state, outcome=Phase.CONFLICT, reason=f"{state.reason}; {reason}")
    return _move(state, Phase.ROLLING_BACK, now, "guard", reason, _evidence(state), **changes)


def begin_move(state: RolloutState) -> RolloutState:
    """Return the state that records the intent to move the aliases."""
    return replace(state, moving=True)


def close(state: RolloutState, now: float) -> RolloutState:
    """Return the terminal state once the registry's moves are done."""
    to = Phase.PROMOTED if state.phase is Phase.PROMOTING else state.outcome
    return _move(state, to, now, "controller", state.reason, _evidence(state))


def _next_step(
    state: RolloutState, now: float, who: str, reason: str, evidence: Mapping[str, Any]
) -> RolloutState:
    if state.step + 1 < len(state.plan.steps):
        return _move(state, Phase.STEP, now, who, reason, evidence, step=state.step + 1)
    return _move(state, Phase.PROMOTING, now, who, reason, evidence)


def _roll_back(
    state: RolloutState, now: float, who: str, reason: str, evidence: Mapping[str, Any] | None = None
) -> RolloutState:
    return _move(state, Phase.ROLLING_BACK, now, who, reason, evidence)


def _settle(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    there = seen.percent == state.percent and seen.champion == state.plan.champion_version
    if state.shadows:
        there = there and seen.shadow == state.plan.model_version
    if there and not state.settled:
        return replace(state, settled=True, step_started=now)
    return state


def _fold(state: RolloutState, seen: Observation) -> RolloutState:
    # Counts come whole per epoch: a later look replaces an earlier one, a lost look loses nothing.
    known = {epoch.epoch: epoch for epoch in state.epochs}
    for epoch in seen.epochs:
        before = known.get(epoch.epoch)
        if before is None or epoch.canary.requests + epoch.champion.requests >= (
            before.canary.requests + before.champion.requests
        ):
            known[epoch.epoch] = epoch
    reference = {**state.reference, **seen.reference}
    return replace(state, epochs=tuple(known[key] for key in sorted(known)), reference=reference)


def _requests(state: RolloutState) -> int:
    # Steps ascend strictly, so the percent names the step; 0 is the shadow.
    return sum(epoch.canary.requests for epoch in state.epochs if epoch.percent == state.percent)


def _elapsed(state: RolloutState, now: float) -> float:
    return now - (state.entered if state.step_started is None else state.step_started)


def _evidence(state: RolloutState, judgement: Judgement | None = None) -> Mapping[str, Any]:
    if not state.epochs:
        return {} if judgement is None else judgement.evidence()
    evidence = (judgement or judge(state.epochs, state.plan)).evidence()
    return {**evidence, "reference": dict(state.reference)} if state.reference else evidence


def _version(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def _move(
    state: RolloutState,
    to: Phase,
    now: float,
    who: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    **changes: Any,
) -> RolloutState:
    after = replace(state, phase=to, entered=now, settled=False, step_started=None, reason=reason, **changes)
    entry = Transition(
        at=now, who=who, source=state.label, to=after.label, reason=reason, evidence=dict(evidence or {})
    )
    return replace(after, history=(*state.history, entry))
