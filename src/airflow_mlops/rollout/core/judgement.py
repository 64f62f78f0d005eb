"""The verdict on the counts of a rollout: harmful, good enough, or inconclusive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.rollout.core.bursts import with_bursts
from airflow_mlops.rollout.core.every_request import with_every_request
from airflow_mlops.rollout.core.guards import Finding, GuardPlan, find
from airflow_mlops.rollout.core.observation import Counts, EpochCounts
from airflow_mlops.rollout.core.quality import find_quality
from airflow_mlops.rollout.core.state import RolloutPlan

FLOOR_REQUESTS: Final = 20
FLOOR_RATE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one observation.

    ``harm`` and ``pass_`` give the reason in words, or are None. ``findings`` has one entry per guard,
    that of the errors first.
    """

    findings: tuple[Finding, ...]
    harm: str | None
    pass_: str | None

    @property
    def missing(self) -> tuple[str, ...]:
        """The guards that have no counts, each with its reason."""
        return tuple(finding.missing for finding in self.findings if finding.missing)

    def raised(self, action: str) -> tuple[Finding, ...]:
        """Return the findings of harm whose guard asks for ``action``."""
        return tuple(finding for finding in self.findings if finding.harm and finding.action == action)

    def evidence(self) -> dict[str, Any]:
        """Return the figures as plain JSON values, for the history."""
        errors, *others = self.findings
        guards: Mapping[str, Any] = {
            finding.guard: {
                **finding.evidence,
                "finding": finding.missing or finding.harm or finding.good or "not enough evidence",
            }
            for finding in others
        }
        return {**errors.evidence, **({"guards": guards} if guards else {})}


def harm_limit(plan: RolloutPlan) -> float:
    """Return the log of the evidence at which a guard finds harm; all guards and the floor share alpha.

    The floor's share is a reserve: nothing can be promised for it, as requests of one caller fail together.
    """
    guards = 1 + len(plan.guards)
    return math.log((guards + 1) / plan.alpha)


def pass_limit(plan: RolloutPlan) -> float:
    """Return the log of the evidence at which a guard finds the canary good enough."""
    return -math.log(plan.alpha)


def find_harm(
    guard: GuardPlan, epochs: Sequence[EpochCounts], *, harm_limit: float, pass_limit: float
) -> Finding:
    """Weigh the counts of one guard of any kind; the limits are logarithms of the evidence needed."""
    weigh = find_quality if guard.name == "quality" else find
    return weigh(guard, epochs, harm_limit=harm_limit, pass_limit=pass_limit)


def judge(epochs: Sequence[EpochCounts], plan: RolloutPlan) -> Judgement:
    """Weigh all counts of a rollout.

    Harm: a guard finds E >= (K + 1)/alpha against "the canary is no worse", K being the number of guards
    (Bonferroni: together they raise a false alarm with a chance of at most alpha K/(K + 1)); or more than
    half of at least 20 requests of one epoch failed while the champion's did not (every request, also those
    of callers who count once, but none on which the champion, asked instead, failed too). Pass: every guard
    finds E >= 1/alpha against "the canary is worse than its margin"; as all must, no correction is due
    (R. Berger, *Technometrics* 24, 1982). A guard without counts never passes. Neither: inconclusive.
    Where a target does not route each request by itself, failures that come in bursts from few callers are
    inconclusive as well.
    """
    errors = GuardPlan(name="error_rate", max_ratio=plan.max_ratio, tolerance=plan.tolerance)
    guards = (errors, *plan.guards)
    limits = {"harm_limit": harm_limit(plan), "pass_limit": pass_limit(plan)}
    findings = tuple(find_harm(guard, epochs, **limits) for guard in guards)
    findings = (with_bursts(findings[0], errors, epochs, (harm_limit(plan), pass_limit(plan))), *findings[1:])
    findings = (with_every_request(findings[0], epochs, plan), *findings[1:])
    harms = [f.harm for f in findings if f.harm and f.action == "rollback"]
    return Judgement(
        findings=findings,
        harm=_floor(epochs) or (harms[0] if harms else None),
        pass_=_pass(findings),
    )


def _pass(findings: Sequence[Finding]) -> str | None:
    reasons = []
    for finding in findings:
        if finding.harm and finding.action != "rollback":
            reasons.append(f"{finding.action}: {finding.harm}")
        elif finding.good is None or (finding.missing and finding.guard != "error_rate"):
            return None
        else:
            reasons.append(finding.good)
    return "; ".join(reasons)


def _floor(epochs: Sequence[EpochCounts]) -> str | None:
    for epoch in epochs:
        # When both fail, going back to the champion helps nobody: the cause lies outside the canary.
        if _breaks_floor(epoch.canary) and not _breaks_floor(epoch.champion):
            where = f"at {epoch.percent} % traffic" if epoch.both is None else "in the shadow"
            requests, failures = epoch.canary.every_request
            return (
                f"{failures} of {requests} canary requests failed {where} "
                f"(limit {FLOOR_RATE:.0%} of at least {FLOOR_REQUESTS})"
            )
    return None


def _breaks_floor(counts: Counts) -> bool:
    requests, failures = counts.every_request
    return requests >= FLOOR_REQUESTS and failures > FLOOR_RATE * requests
