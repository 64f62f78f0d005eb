"""Rollouts: where the running one stands and what its guards found, and how earlier ones ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.rollout.core import Phase, RolloutState, judge
from airflow_mlops.rollout.core.guards import Finding
from airflow_mlops.rollout.core.state import SHADOW_STEP
from airflow_mlops.views.view import Event, View, from_epoch

if TYPE_CHECKING:
    from airflow_mlops.rollout.store.store import RolloutStore

_HARM: Final = ("worse", "shifted")
_PASS: Final = ("within_max_ratio", "within_tolerance")


@dataclass(frozen=True, kw_only=True)
class EvidencePoint(View):
    """The evidence of a guard at one time, as natural logarithms; None where nothing was counted."""

    at: datetime
    harm: float | None
    passed: float | None


@dataclass(frozen=True, kw_only=True)
class GuardView(View):
    """One guard of a rollout.

    ``verdict`` is ``harm``, ``pass``, ``no data`` or ``open`` (not enough evidence), ``text`` the sentence
    behind it. ``canary`` and ``champion`` are counts. ``line`` is the evidence at each change of phase and
    at the last poll; the guard finds harm at ``harm_limit`` and passes at ``pass_limit`` (None: it cannot
    decide that), all of them natural logarithms of the evidence.
    """

    name: str
    action: str
    verdict: str
    text: str
    canary: Mapping[str, Any]
    champion: Mapping[str, Any]
    line: tuple[EvidencePoint, ...]
    harm_limit: float | None
    pass_limit: float | None


@dataclass(frozen=True, kw_only=True)
class RolloutView(View):
    """One rollout.

    ``percent`` is the canary's share of the traffic; ``settled`` says whether the target confirmed it.
    ``step`` counts from 1 and is None outside the steps. ``requests`` are the canary's at this share, of
    ``min_requests`` that it needs. ``hold_left_s`` and ``timeout_left_s`` (seconds, as of ``polled``) are
    the time before the step may end and before it times out, None where the phase has no such limit.
    ``tolerance`` says which failure rate passes by itself, and why.
    """

    id: str
    name: str
    version: int
    champion_version: int | None
    phase: str
    label: str
    ended: bool
    reason: str
    percent: int
    settled: bool
    step: int | None
    steps: tuple[int, ...]
    requests: int
    min_requests: int
    hold_left_s: float | None
    timeout_left_s: float | None
    started: datetime
    entered: datetime
    polled: datetime | None
    guards: tuple[GuardView, ...]
    history: tuple[Event, ...]
    tolerance: str = ""


@dataclass(frozen=True, kw_only=True)
class RolloutsView(View):
    """The rollout of a model that is running, if there is one, and earlier ones, newest first."""

    name: str
    running: RolloutView | None = None
    past: tuple[RolloutView, ...] = ()


def read_rollouts(name: str, store: RolloutStore, limit: int = 10) -> RolloutsView:
    """Read the newest rollouts of model ``name``; raises BackendError when the store does not answer."""
    views = tuple(map(rollout_view, store.recent(name, limit)))
    running = next((view for view in views if not view.ended), None)
    return RolloutsView(name=name, running=running, past=tuple(view for view in views if view.ended))


def rollout_view(state: RolloutState) -> RolloutView:
    """Return the view of a rollout's state."""
    plan = state.plan
    hold, timeout = _limits(state)
    in_step = state.phase in (Phase.STEP, Phase.PAUSED) and state.step != SHADOW_STEP
    return RolloutView(
        id=state.id,
        name=plan.name,
        version=plan.model_version,
        champion_version=plan.champion_version,
        phase=str(state.phase),
        label=state.label,
        ended=state.terminal,
        reason=state.reason,
        percent=state.percent,
        settled=state.settled,
        step=state.step + 1 if in_step else None,
        steps=plan.steps,
        requests=state.step_requests,
        min_requests=plan.min_requests,
        hold_left_s=_left(hold, state.watched),
        timeout_left_s=_left(timeout, state.watched),
        started=from_epoch(state.history[0].at if state.history else state.entered),
        entered=from_epoch(state.entered),
        polled=None if state.looked is None else from_epoch(state.looked),
        guards=_guards(state),
        history=_history(state),
        tolerance=_tolerance(state),
    )


def _tolerance(state: RolloutState) -> str:
    given = state.plan.tolerance
    measured = str(state.reference.get("error_rate_why", ""))
    return measured or ("" if given is None else f"tolerance {100 * given:g} %, as the file says")


def _limits(state: RolloutState) -> tuple[float | None, float | None]:
    """Return the shortest and longest time of a phase in seconds."""
    plan = state.plan
    limits: Mapping[Phase, tuple[float | None, float | None]] = {
        Phase.WARMING: (None, plan.step_timeout_s),
        Phase.SHADOW: (plan.shadow_s, plan.shadow_s + plan.step_timeout_s),
        Phase.STEP: (plan.hold_s, plan.step_timeout_s),
        Phase.PAUSED: (None, plan.pause_timeout_s),
    }
    return limits.get(state.phase, (None, None))


def _left(limit: float | None, watched: float) -> float | None:
    return None if limit is None else max(0.0, limit - watched)


def _guards(state: RolloutState) -> tuple[GuardView, ...]:
    judgement = judge(state.judged, state.plan)
    earlier = [(entry.at, entry.evidence) for entry in state.history if entry.evidence]
    now = state.entered if state.looked is None else state.looked
    return tuple(
        _guard(
            finding,
            (
                *(_point(at, _of_guard(evidence, finding.guard)) for at, evidence in earlier),
                _point(now, finding.evidence),
            ),
        )
        for finding in judgement.findings
    )


def _guard(finding: Finding, line: tuple[EvidencePoint, ...]) -> GuardView:
    verdicts = {"no data": finding.missing, "harm": finding.harm, "pass": finding.good}
    verdict, text = next(((name, text) for name, text in verdicts.items() if text), ("open", ""))
    return GuardView(
        name=finding.guard,
        action=finding.action,
        verdict=verdict,
        text=text or "not enough evidence",
        canary=finding.evidence.get("canary", {}),
        champion=finding.evidence.get("champion", {}),
        line=line,
        harm_limit=_largest(finding.evidence, _HARM, "limit"),
        pass_limit=_largest(finding.evidence, _PASS, "limit"),
    )


def _of_guard(evidence: Mapping[str, Any], guard: str) -> Mapping[str, Any]:
    """Return a guard's part of the evidence in a rollout's history; the error rate is at its top."""
    if guard == "error_rate":
        return evidence
    found: Mapping[str, Any] = (evidence.get("guards") or {}).get(guard, {})
    return found


def _point(at: float, evidence: Mapping[str, Any]) -> EvidencePoint:
    harm, passed = (_largest(evidence, names, "log_e") for names in (_HARM, _PASS))
    return EvidencePoint(at=from_epoch(at), harm=harm, passed=passed)


def _largest(evidence: Mapping[str, Any], names: tuple[str, ...], key: str) -> float | None:
    """Return the largest figure among the named tests: one of them is enough for a verdict."""
    figures = [(evidence.get(name) or {}).get(key) for name in names]
    return max((figure for figure in figures if figure is not None), default=None)


def _history(state: RolloutState) -> tuple[Event, ...]:
    version = state.plan.model_version
    return tuple(
        Event(
            at=from_epoch(entry.at),
            source="rollout",
            what=entry.to,
            who=entry.who,
            why=entry.reason,
            version=version,
        )
        for entry in state.history
    )
