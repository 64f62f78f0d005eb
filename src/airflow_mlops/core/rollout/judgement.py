"""What the counts of a rollout say: harmful, good enough, or not enough to say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.core.evidence import EventShareProcess, FailureRateProcess
from airflow_mlops.core.rollout.state import Counts, EpochCounts, RolloutPlan

FLOOR_REQUESTS: Final = 20
FLOOR_RATE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The evidence of one look; ``harm`` and ``pass_`` say in words what was decided, or are None."""

    canary: Counts
    champion: Counts
    worse_log_e: float
    not_worse_log_e: float
    tolerable_log_e: float
    log_limit: float
    harm: str | None
    pass_: str | None

    def evidence(self) -> dict[str, Any]:
        """Return the figures as plain JSON values, for the history."""
        return {
            "canary": _counts(self.canary),
            "champion": _counts(self.champion),
            "worse": {"log_e": self.worse_log_e, "limit": self.log_limit},
            "within_max_ratio": {"log_e": self.not_worse_log_e, "limit": self.log_limit},
            "within_tolerance": {"log_e": _finite(self.tolerable_log_e), "limit": self.log_limit},
        }


def judge(epochs: Sequence[EpochCounts], plan: RolloutPlan) -> Judgement:
    """Weigh all counts of a rollout.

    Harm: E >= 1/alpha against "the canary fails no more often than the champion", or more than half of
    at least 20 requests of one epoch failed while the champion's did not. Pass: E >= 1/alpha against
    "ratio >= max_ratio", or against "rate >= tolerance". Neither: inconclusive.
    """
    worse, not_worse = EventShareProcess(), EventShareProcess.non_inferiority(plan.max_ratio)
    canary = champion = Counts()
    for epoch in epochs:
        share = epoch.percent / 100
        worse = worse.add(epoch.canary.failures, epoch.champion.failures, share)
        not_worse = not_worse.add(epoch.canary.failures, epoch.champion.failures, share)
        canary, champion = canary + epoch.canary, champion + epoch.champion
    tolerable = FailureRateProcess(plan.tolerance, canary.requests, canary.failures)
    limit = -math.log(plan.alpha)
    return Judgement(
        canary=canary,
        champion=champion,
        worse_log_e=worse.log_e,
        not_worse_log_e=not_worse.log_e,
        tolerable_log_e=tolerable.log_e,
        log_limit=limit,
        harm=_floor(epochs) or _harm(worse.log_e, limit, canary, champion),
        pass_=_pass(not_worse.log_e, tolerable.log_e, limit, canary, plan),
    )


def _floor(epochs: Sequence[EpochCounts]) -> str | None:
    for epoch in epochs:
        # When both fail, going back to the champion helps nobody: the cause lies outside the canary.
        if _breaks_floor(epoch.canary) and not _breaks_floor(epoch.champion):
            return (
                f"{epoch.canary.failures} of {epoch.canary.requests} canary requests failed at "
                f"{epoch.percent} % traffic (limit {FLOOR_RATE:.0%} of at least {FLOOR_REQUESTS})"
            )
    return None


def _breaks_floor(counts: Counts) -> bool:
    return counts.requests >= FLOOR_REQUESTS and counts.failures > FLOOR_RATE * counts.requests


def _harm(log_e: float, limit: float, canary: Counts, champion: Counts) -> str | None:
    if log_e < limit:
        return None
    return (
        f"the canary fails more often than the champion: {_share(canary)} against {_share(champion)}, "
        f"log E {log_e:.2f} >= {limit:.2f}"
    )


def _pass(
    ratio_log_e: float, rate_log_e: float, limit: float, canary: Counts, plan: RolloutPlan
) -> str | None:
    if ratio_log_e >= limit:
        return f"failure ratio below {plan.max_ratio:g}: log E {ratio_log_e:.2f} >= {limit:.2f}"
    if rate_log_e >= limit:
        return (
            f"failure rate below {plan.tolerance:g} ({_share(canary)}): log E {rate_log_e:.2f} >= {limit:.2f}"
        )
    return None


def _share(counts: Counts) -> str:
    return f"{counts.failures} of {counts.requests} failed"


def _counts(counts: Counts) -> Mapping[str, int]:
    return {"requests": counts.requests, "failures": counts.failures}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
