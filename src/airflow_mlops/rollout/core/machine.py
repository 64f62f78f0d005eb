"""The rollout's state machine: pure functions from a state and an observation to the next state.

    PENDING → WARMING → (SHADOW →) STEP 1 → … → STEP n → PROMOTING → PROMOTED
                 │         │⇄ PAUSED  │⇄ PAUSED    │          │
                 └─────────┴──────────┴────────────┴──────────┴→ ROLLING_BACK → ROLLED_BACK | CONFLICT
                                                                                          | SUPERSEDED
A state is an intent: ``wanted`` lists what it requires of the target, in absolute terms. A driver saves the
state, does what is wanted, observes the target, and advances. Repeating a round changes nothing.

Only observed time counts: each observation adds the seconds since the one before, between 0 and ``gap_s``. A
clock that was set, or a controller that was dead, neither ends a step nor prolongs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from airflow_mlops.rollout.core.actions import Action, wanted
from airflow_mlops.rollout.core.judgement import Judgement, judge
from airflow_mlops.rollout.core.observation import EpochCounts, Observation
from airflow_mlops.rollout.core.state import SHADOW_STEP, Phase, RolloutState
from airflow_mlops.rollout.core.tolerance import with_tolerance
from airflow_mlops.rollout.core.transitions import NOT_MOVED, evidence_of, move, roll_back


def advance(state: RolloutState, seen: Observation, now: float) -> tuple[RolloutState, tuple[Action, ...]]:
    """Return the next state and what it requires of the target; ``now`` in epoch seconds.

    At most one change of phase per call. A terminal state stays as it is.

    >>> from airflow_mlops.rollout.core import Health, RolloutPlan, new_state
    >>> plan = RolloutPlan(
    ...     name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(5, 50)
    ... )
    >>> state = new_state(plan, now=0.0)
    >>> loaded = Observation(health=Health("ok"), percent=0, champion=2, epoch=1)
    >>> for second in (1.0, 2.0):
    ...     state, actions = advance(state, loaded, now=second)
    ...     state.label
    'WARMING'
    'STEP 1/2 (5 %)'
    >>> actions[-1]
    SetWeight(version=3, champion=2, percent=5)
    """
    if state.terminal:
        return state, ()
    following = _HANDLERS[state.phase](_add_observed_time(state, now), seen, now)
    return following, wanted(following)


def _add_observed_time(state: RolloutState, now: float) -> RolloutState:
    before = state.entered if state.looked is None else state.looked
    gap = min(max(0.0, now - before), state.plan.gap_s)
    return replace(state, watched=state.watched + gap, looked=now)


def _pending(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    plan, why = with_tolerance(state.plan, seen.alone)
    measured = {"error_rate": plan.tolerance, "error_rate_why": why} if why else {}
    return move(
        state,
        Phase.WARMING,
        now,
        "controller",
        f"loading; {why}" if why else "loading",
        since=seen.epoch,
        plan=plan,
        reference={**state.reference, **measured},
    )


def _warming(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    if seen.lacks_champion:
        reason = f"{_broken_champion(state, seen)}; a canary needs it to fall back to"
        return roll_back(state, now, "controller", reason)
    if seen.health.status == "failed":
        return roll_back(state, now, "guard", f"the version does not load: {seen.health.detail}")
    if seen.health.status == "ok":
        detail = seen.health.detail or "loaded and healthy"
        if state.plan.champion_version is None or not state.plan.steps:
            return move(state, Phase.PROMOTING, now, "controller", detail)
        if state.plan.shadow_s:
            return move(state, Phase.SHADOW, now, "controller", detail, step=SHADOW_STEP)
        return move(state, Phase.STEP, now, "controller", detail, step=0)
    if state.watched > state.plan.step_timeout_s:
        reason = f"the version did not load within {state.plan.step_timeout_s:g} s"
        return roll_back(state, now, "guard", reason)
    return state


def _shadow(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    state = _settle(_confirm_traffic(_merge_counts(state, seen), seen))
    plan, judgement = state.plan, judge(state.judged, state.plan)
    stopped = _stop_early(state, seen, judgement, now)
    if stopped is not None:
        return stopped
    # Labels may come days later; the steps after this one wait for them.
    missing = [words for words in judgement.missing if not words.startswith("quality ")]
    requests = state.step_requests
    if state.settled and state.watched >= plan.shadow_s and requests >= plan.min_requests and not missing:
        reason = f"no harm found in {requests} shadowed requests"
        return move(state, Phase.STEP, now, "guard", reason, evidence_of(state, judgement), step=0)
    if state.watched >= plan.shadow_s + plan.step_timeout_s:
        return _inconclusive(state, now, judgement, enough=requests >= plan.min_requests and not missing)
    return state


def _step(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    state = _settle(_confirm_traffic(_merge_counts(state, seen), seen))
    judgement = judge(state.judged, state.plan)
    stopped = _stop_early(state, seen, judgement, now)
    if stopped is not None:
        return stopped
    enough = state.settled and state.step_requests >= state.plan.min_requests
    if judgement.pass_ and enough and state.watched >= state.plan.hold_s:
        return _next_step(state, now, "guard", judgement.pass_, evidence_of(state, judgement))
    if state.watched >= state.plan.step_timeout_s:
        return _inconclusive(state, now, judgement, enough=enough and not judgement.missing)
    return state


def _stop_early(
    state: RolloutState, seen: Observation, judgement: Judgement, now: float
) -> RolloutState | None:
    """Return the state after an early end: a version that failed, harm, or a guard with the action pause."""
    evidence = evidence_of(state, judgement)
    if seen.health.status == "failed":
        return roll_back(state, now, "guard", f"the version does not load: {seen.health.detail}", evidence)
    if judgement.harm:
        return roll_back(state, now, "guard", judgement.harm, evidence)
    if seen.lacks_champion:
        reason = f"{_broken_champion(state, seen)}: there is no way back. Promote the version, or abort"
        return move(state, Phase.PAUSED, now, "controller", reason, evidence)
    for finding in judgement.raised("pause"):
        if finding.guard not in state.accepted:
            return move(state, Phase.PAUSED, now, "guard", str(finding.harm), evidence)
    return None


def _inconclusive(state: RolloutState, now: float, judgement: Judgement, *, enough: bool) -> RolloutState:
    plan, evidence = state.plan, evidence_of(state, judgement)
    where = "in the shadow" if state.phase is Phase.SHADOW else f"at {state.percent} %"
    lacking = "; ".join(judgement.missing) or "not enough evidence"
    reason = (
        f"inconclusive after {state.watched:.0f} s {where}: "
        f"{state.step_requests} canary requests (at least {plan.min_requests} needed), {lacking}"
    ) + _no_new_requests(state)
    if plan.on_inconclusive == "rollback":
        return roll_back(state, now, "guard", reason, evidence)
    if plan.on_inconclusive == "promote" and enough:
        return _next_step(state, now, "guard", f"{reason}; on_inconclusive: promote", evidence)
    return move(state, Phase.PAUSED, now, "guard", reason, evidence)


def _paused(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    state = _merge_counts(state, seen)
    judgement = judge(state.judged, state.plan)
    evidence = evidence_of(state, judgement)
    if seen.health.status == "failed":
        return roll_back(state, now, "guard", f"the version does not load: {seen.health.detail}", evidence)
    if judgement.harm:
        return roll_back(state, now, "guard", judgement.harm, evidence)
    # Without a champion nobody would answer the callers that the version has now.
    if state.watched >= state.plan.pause_timeout_s and not seen.lacks_champion:
        reason = f"nobody answered the pause within {state.plan.pause_timeout_s:g} s ({state.reason})"
        return roll_back(state, now, "guard", reason, evidence)
    return state


def _broken_champion(state: RolloutState, seen: Observation) -> str:
    plan = state.plan
    return f"champion version {plan.champion_version} of {plan.name} does not load: {seen.lacks_champion}"


def _no_new_requests(state: RolloutState) -> str:
    """Return a hint for the reason when no request was counted for at least a quarter of the step."""
    silent = state.watched - state.fresh
    if not state.epochs or silent < max(state.plan.gap_s, state.watched / 4):
        return ""
    return (
        f"; no new request was counted in the last {silent:.0f} s: with sticky routing a caller counts once, "
        "and all may have been counted"
    )


def _promoting(state: RolloutState, seen: Observation, now: float) -> RolloutState:
    if seen.health.status == "failed":
        # Aliases that moved already are moved back: a version that does not load can never get there.
        reason = f"the version does not load: {seen.health.detail}"
        return move(
            state, Phase.ROLLING_BACK, now, "guard", reason, evidence_of(state), **NOT_MOVED, rejected=True
        )
    # Whoever has the registry verifies it first: only then all traffic is asked for.
    return replace(state, settled=state.may_take_all and seen.percent == 100)


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


def _next_step(
    state: RolloutState, now: float, who: str, reason: str, evidence: Mapping[str, Any]
) -> RolloutState:
    if state.step + 1 < len(state.plan.steps):
        return move(state, Phase.STEP, now, who, reason, evidence, step=state.step + 1)
    return move(state, Phase.PROMOTING, now, who, reason, evidence)


def _confirm_traffic(state: RolloutState, seen: Observation) -> RolloutState:
    there = seen.percent == state.percent and seen.champion == state.plan.champion_version
    if state.shadows:
        there = there and seen.shadow == state.plan.model_version
    if there and not state.settled:
        return replace(state, settled=True, watched=0.0, fresh=0.0)
    return state


def _settle(state: RolloutState) -> RolloutState:
    """Remember what was counted in the version's first ``settle_s`` seconds, once they are over.

    Only its latency is left out: a version that fails is stopped at once.
    """
    plan = state.plan
    if not plan.settle_s or state.cold is not None or not state.settled or state.watched < plan.settle_s:
        return state
    return replace(state, cold=state.epochs)


def _merge_counts(state: RolloutState, seen: Observation) -> RolloutState:
    # Counts are totals per epoch: a later observation replaces an earlier one, a lost one loses nothing.
    known = {epoch.epoch: epoch for epoch in state.epochs}
    delay = next((guard.label_delay_s for guard in state.plan.guards if guard.name == "quality"), None)
    for epoch in seen.epochs:
        before = known.get(epoch.epoch)
        if before is None or epoch.canary.requests + epoch.champion.requests >= (
            before.canary.requests + before.champion.requests
        ):
            known[epoch.epoch] = epoch.after(before, delay)
    epochs = tuple(known[key] for key in sorted(known))
    fresh = state.fresh if _total_requests(epochs) == _total_requests(state.epochs) else state.watched
    return replace(state, epochs=epochs, fresh=fresh, reference={**state.reference, **seen.reference})


def _total_requests(epochs: Sequence[EpochCounts]) -> int:
    return sum(epoch.canary.requests + epoch.champion.requests for epoch in epochs)
