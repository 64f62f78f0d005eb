"""How a rollout changes its phase: what is reset, and the entry in its history. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from airflow_mlops.rollout.core.judgement import Judgement, judge
from airflow_mlops.rollout.core.observation import Counts
from airflow_mlops.rollout.core.state import Phase, RolloutState, Transition

NOT_MOVED: Final[Mapping[str, bool]] = {"moving": False, "verified": False}
"""What a rollout that goes back forgets of its promotion."""


def move(
    state: RolloutState,
    to: Phase,
    now: float,
    who: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    **changes: Any,
) -> RolloutState:
    """Return the state in phase ``to`` with an entry in its history; its clocks are reset."""
    at = max(now, state.history[-1].at) if state.history else now  # A history never goes back in time.
    reset = replace(state, settled=False, watched=0.0, looked=now, fresh=0.0)
    after = replace(reset, phase=to, entered=at, reason=reason, **changes)
    entry = Transition(
        at=at, who=who, source=state.label, to=after.label, reason=reason, evidence=dict(evidence or {})
    )
    return replace(after, history=(*state.history, entry))


def roll_back(
    state: RolloutState, now: float, who: str, reason: str, evidence: Mapping[str, Any] | None = None
) -> RolloutState:
    """Return the state that sends the traffic back to the champion.

    A guard or a person rejects the version with it, the controller only ends the rollout.
    """
    rejected = who != "controller"
    return move(state, Phase.ROLLING_BACK, now, who, reason, evidence, rejected=rejected)


def evidence_of(state: RolloutState, judgement: Judgement | None = None) -> Mapping[str, Any]:
    """Return the figures behind a transition, for its entry in the history."""
    if not state.epochs:
        return {} if judgement is None else judgement.evidence()
    evidence = (judgement or judge(state.judged, state.plan)).evidence()
    if state.plan.settle_s:
        evidence = {**evidence, "settling": _settling(state)}
    return {**evidence, "reference": dict(state.reference)} if state.reference else evidence


def _settling(state: RolloutState) -> Mapping[str, Any]:
    """Return what happened while the version settled: its latency was not judged."""
    canary = champion = Counts()
    for epoch in state.epochs if state.cold is None else state.cold:
        canary, champion = canary + epoch.canary, champion + epoch.champion
    return {
        "settle_s": state.plan.settle_s,
        "over": state.cold is not None,
        **{
            name: {event: getattr(counts, event) for event in ("requests", "failures", "timed", "slow")}
            for name, counts in (("canary", canary), ("champion", champion))
        },
    }
