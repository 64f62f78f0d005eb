"""What a rollout plan can detect, and after how many requests: figures before any traffic is shifted. Pure.

The requests needed are those after which the evidence, at the expected counts, reaches its limit. About half
of all rollouts need fewer: the figure is close to the median, not a guarantee.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from airflow_mlops.rollout.core.guards import KINDS, GuardPlan
from airflow_mlops.rollout.core.judgement import harm_limit, pass_limit
from airflow_mlops.rollout.core.labels_to_come import LabelsToCome
from airflow_mlops.rollout.core.quality_forecast import quality_need
from airflow_mlops.rollout.core.requests_needed import (
    requests_needed,
    requests_to_pass,
    requests_to_roll_back,
)
from airflow_mlops.rollout.core.state import RolloutPlan
from airflow_mlops.rollout.core.tolerance import expected_alone, with_tolerance

RATIOS: Final = (1.5, 2.0)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one guard needs in one step: requests of both versions together, inf for never.

    ``worse`` maps a rate ratio to the requests until it is rolled back, ``good`` is for a canary that
    equals the champion to pass. ``rate`` is the champion's assumed share of events.
    """

    guard: str
    rate: float
    worse: Mapping[float, float]
    good: float


@dataclass(frozen=True, kw_only=True)
class StepForecast:
    """One step: ``percent`` of the traffic (0: the shadow), what its guards need, and warnings."""

    percent: int
    needs: tuple[Need, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A whole plan at ``rps`` requests per second; ``shortest_s`` if all goes well, in seconds.

    ``tolerance`` says which failure rate passes by itself, and why.
    """

    rps: float
    guarantee: str
    steps: tuple[StepForecast, ...]
    shortest_s: float
    proposals: tuple[str, ...]
    tolerance: str


def forecast(
    plan: RolloutPlan,
    *,
    rps: float,
    error_rate: float,
    wrong_rate: float = 0.1,
    callers: int | None = None,
    labels: LabelsToCome | None = None,
) -> Forecast:
    """Return what each step of ``plan`` can detect, and when.

    ``rps`` are requests per second of both versions together, ``error_rate`` and ``wrong_rate`` the
    champion's shares of failures and of wrong predictions, within 0 and 1. ``callers`` is how many there are
    when routing is sticky and each counts once, None when every request counts. ``labels`` says how labels
    come; by default each answer gets its label at once.

    >>> plan = RolloutPlan(
    ...     name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(10, 50)
    ... )
    >>> found = forecast(plan, rps=20, error_rate=0.01)
    >>> [(step.percent, step.needs[0].worse[2.0]) for step in found.steps]
    [(10, 13672.0), (50, 5324.0)]
    >>> format_duration(found.shortest_s)
    '1h'
    """
    plan, why = with_tolerance(plan, expected_alone(rps, error_rate))
    if why:
        why = f"{why}; measured when the rollout begins, here for a day of requests"
    rates = {"error_rate": error_rate, "latency_p95": 0.05, "quality": wrong_rate}
    errors = GuardPlan(name="error_rate", max_ratio=plan.max_ratio, tolerance=plan.tolerance)
    guards = [(guard, rates[guard.name]) for guard in (errors, *plan.guards) if guard.name in rates]
    labels = labels or LabelsToCome()
    percents = (*((0,) if plan.shadow_s else ()), *plan.steps)
    steps = tuple(_step(plan, percent, guards, rps, callers, labels) for percent in percents)
    shadow = list(steps[0].needs) if plan.shadow_s and callers is None else []
    count = 1 + len(plan.guards)
    shared = f" shared by {count} guards and the hard floor" if count > 1 else " shared with the hard floor"
    return Forecast(
        rps=rps,
        guarantee=f"a version that is not worse is rolled back with a chance of at most {plan.alpha:.0%} "
        f"over the whole rollout, however often it is looked at (alpha {plan.alpha:g}{shared})",
        steps=steps,
        shortest_s=sum(
            _shortest(plan, step, shadow, rps, settle_s=plan.settle_s if step is steps[0] else 0.0)
            for step in steps
        ),
        proposals=tuple(_proposals(plan, guards, steps, rps, callers, labels)),
        tolerance=why or f"tolerance {100 * (plan.tolerance or 0):g} %, as the file says",
    )


def _step(
    plan: RolloutPlan,
    percent: int,
    guards: list[tuple[GuardPlan, float]],
    rps: float,
    callers: int | None,
    labels: LabelsToCome,
) -> StepForecast:
    needs = _needs(plan, percent, guards, rps, labels)
    blind = labels.blindness(plan.guards) if percent and rps else ""
    hopeful = [need for need in needs if not (blind and need.guard == "quality")]
    if percent and plan.shadow_s and callers is None:
        hopeful = _after_shadow(plan, hopeful, _needs(plan, 0, guards, rps, labels), rps)
    warnings = (*_warnings(plan, percent, hopeful, rps, callers), *([blind] if blind else []))
    return StepForecast(percent=percent, needs=tuple(needs), warnings=warnings)


def _needs(
    plan: RolloutPlan, percent: int, guards: list[tuple[GuardPlan, float]], rps: float, labels: LabelsToCome
) -> list[Need]:
    # A shadow gives one event per pair, with an even share: as many as two requests of an even split.
    share, requests = (percent / 100, 1.0) if percent else (0.5, 0.5)
    needs = []
    for guard, rate in guards:
        if guard.name == "quality":
            worse, good = quality_need(plan, guard, rate, percent, rps, labels, RATIOS)
            needs.append(Need(guard=guard.name, rate=rate, worse=worse, good=good))
            continue
        null = guard.max_ratio if KINDS[guard.name].tolerates_margin else 1.0
        worse = {
            ratio: requests * requests_to_roll_back(ratio, share, rate, harm_limit(plan), null)
            for ratio in RATIOS
        }
        good = requests * requests_to_pass(guard, share, rate, pass_limit(plan))
        needs.append(Need(guard=guard.name, rate=rate, worse=worse, good=good))
    return needs


def _after_shadow(plan: RolloutPlan, needs: list[Need], shadow: list[Need], rps: float) -> list[Need]:
    """Return what a step still needs: nothing where the requests of the shadow show it by themselves."""
    requests, before = rps * plan.shadow_s, {need.guard: need for need in shadow}

    def left(needed: float, shown: float) -> float:
        return 0.0 if shown <= requests and needed < math.inf else needed

    return [
        replace(
            need,
            good=left(need.good, before[need.guard].good),
            worse={ratio: left(n, before[need.guard].worse[ratio]) for ratio, n in need.worse.items()},
        )
        for need in needs
    ]


def _warnings(
    plan: RolloutPlan, percent: int, needs: list[Need], rps: float, callers: int | None
) -> list[str]:
    if not rps:
        return ["cannot be judged: there is no traffic"]
    longest = plan.step_timeout_s + (0 if percent else plan.shadow_s)
    most = rps * longest
    within, end = (
        f"within its limit of {format_duration(longest)}",
        f"the step ends after {format_duration(longest)}",
    )
    if callers is not None and callers < most:
        most = callers
        within, end = f"from {callers:,} callers, who count once", f"{callers:,} callers count once each"
    canary = most * (percent / 100 if percent else 1)
    if canary < plan.min_requests:
        return [
            f"cannot be judged: {canary:.0f} canary requests {within}, min_requests is {plan.min_requests}"
        ]
    found = []
    if _never_settles(plan, percent):
        found.append(
            f"latency_p95 cannot be judged: settle is {format_duration(plan.settle_s)}, the step ends after "
            f"{format_duration(longest)}"
        )
    for need in needs:
        if percent and need.good > most:
            found.append(
                f"{need.guard} cannot be judged: a good version needs {_format_need(need.good, rps)}, {end}"
            )
        if need.guard != "latency_p95" and need.worse[2.0] > most:
            seen = _format_need(need.worse[2.0], rps)
            found.append(f"twice the events of {need.guard} take {seen} to be seen, {end}")
    return found


def _shortest(
    plan: RolloutPlan, step: StepForecast, shadow: list[Need], rps: float, settle_s: float
) -> float:
    hold = plan.hold_s if step.percent else plan.shadow_s
    if not rps or (settle_s and _never_settles(plan, step.percent)):
        return math.inf
    enough = plan.min_requests / (rps * (step.percent / 100 if step.percent else 1))
    later = {"latency_p95": settle_s}
    needs = _after_shadow(plan, list(step.needs), shadow, rps) if shadow else step.needs
    evidence = max(need.good / rps + later.get(need.guard, 0.0) for need in needs) if step.percent else 0.0
    return max(hold, enough, evidence, settle_s)


def _never_settles(plan: RolloutPlan, percent: int) -> bool:
    """Whether a version's first step, or its shadow, ends before its latency is judged."""
    first = 0 if plan.shadow_s else next(iter(plan.steps), 0)
    return percent == first and 0 < plan.shadow_s + plan.step_timeout_s <= plan.settle_s


def _proposals(
    plan: RolloutPlan,
    guards: list[tuple[GuardPlan, float]],
    steps: tuple[StepForecast, ...],
    rps: float,
    callers: int | None,
    labels: LabelsToCome,
) -> list[str]:
    if not any(step.warnings for step in steps):
        return []
    if not rps:
        return ["there is no traffic to judge by: replay requests, or deploy with human approval"]
    even = _twice(plan, guards, 50, rps, labels)
    if callers is not None and callers < even < math.inf:
        return [
            "random routing (a server without --sticky): every request counts, "
            f"{format_duration(even / rps)} at an even split are enough; {callers:,} callers who count "
            "once never are"
        ]
    found = []
    shadowed = _twice(plan, guards, 0, rps, labels)
    allowed = [
        guard.name for guard, _ in guards if KINDS[guard.name].tolerates_margin and guard.max_ratio >= 2
    ]
    every = f"every guard but {allowed[0]}" if allowed else "every guard"
    if not plan.shadow_s and shadowed < math.inf:
        found.append(
            f"shadow: {format_duration(shadowed / rps)} before the first step detects twice the events of "
            f"{every}, and no caller is served by the version"
        )
    if plan.steps and plan.steps[0] < 50 and even < math.inf:
        found.append(f"a first step of 50 % needs {format_duration(even / rps)} for the same")
    good = max((need.good / rps for step in steps if step.percent for need in step.needs), default=0.0)
    if plan.step_timeout_s < good < math.inf:
        found.append(
            f"step_timeout: {format_duration(math.ceil(1.5 * good))} leaves every step the time to pass"
        )
    return found


def _twice(
    plan: RolloutPlan,
    guards: list[tuple[GuardPlan, float]],
    percent: int,
    rps: float,
    labels: LabelsToCome,
) -> float:
    """Return after how many requests twice the events are seen, by every guard whose margin is below that."""
    needs = _step(plan, percent, guards, rps, None, labels).needs
    return max(need.worse[2.0] for need in needs if need.guard != "latency_p95" or need.worse[2.0] < math.inf)


def format_duration(seconds: float) -> str:
    """Return a length of time as people write it, such as ``45s``, ``12m``, ``3.5h`` or ``2d``."""
    if math.isinf(seconds):
        return "forever"
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f}".removesuffix(".0") + unit
    return f"{math.ceil(seconds)}s"


def _format_need(requests: float, rps: float) -> str:
    if math.isinf(requests):
        return "forever"
    return f"{requests:,.0f} requests ({format_duration(requests / rps)})"


__all__ = [
    "RATIOS", "Forecast", "Need", "StepForecast", "forecast", "format_duration", "requests_needed",
    "requests_to_pass", "requests_to_roll_back",
]  # fmt: skip
