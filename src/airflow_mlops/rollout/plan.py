"""The rollout plan of one version, from the ``deploy.canary`` section of a pipeline file."""

from __future__ import annotations

from airflow_mlops.config.models import Canary
from airflow_mlops.core.canary_defaults import LEASE_S
from airflow_mlops.rollout.core import GuardPlan, RolloutPlan


def plan_rollout(
    canary: Canary,
    *,
    name: str,
    model_version: int,
    model_uri: str,
    champion_version: int | None,
    request: str = "",
) -> RolloutPlan:
    """Return the plan that a pipeline file's ``canary`` section makes for one version."""
    guard = canary.guards.error_rate
    return RolloutPlan(
        name=name,
        model_version=model_version,
        model_uri=model_uri,
        champion_version=champion_version,
        steps=canary.steps,
        hold_s=canary.hold.total_seconds(),
        step_timeout_s=canary.step_timeout.total_seconds(),
        min_requests=canary.min_requests,
        alpha=canary.alpha,
        max_ratio=guard.max_ratio,
        tolerance=guard.tolerance,
        on_inconclusive=canary.on_inconclusive,
        request=request,
        guards=_guards(canary),
        shadow_s=canary.shadow.total_seconds() if canary.shadow else 0.0,
        pause_timeout_s=canary.pause_timeout.total_seconds(),
        gap_s=max(LEASE_S, 3 * canary.poll.total_seconds()),
        settle_s=canary.settle.total_seconds() if canary.guards.latency_p95 is not None else 0.0,
    )


def _guards(canary: Canary) -> tuple[GuardPlan, ...]:
    guards, plans = canary.guards, []
    if (latency := guards.latency_p95) is not None:
        plans.append(GuardPlan(name="latency_p95", **latency.model_dump()))
    if (quality := guards.quality) is not None:
        delay = quality.label_delay.total_seconds() if quality.label_delay else None
        known = quality.model_dump(exclude={"label_delay"})
        plans.append(GuardPlan(name="quality", label_delay_s=delay, **known))
    if guards.prediction_shift is not None:
        plans.append(GuardPlan(name="prediction_shift", **guards.prediction_shift.model_dump()))
    return tuple(plans)
