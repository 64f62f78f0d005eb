"""Failures that come in bursts from few callers: what they prove, and what they do not. Pure.

The test of the errors takes each failure for an independent draw of an arm. Where requests are routed one by
one at random that holds whatever the callers do. Where a proxy keeps a caller on one arm, a burst of failures
counts as often as it has requests, and proves nothing. So failures are also counted by cluster: those of one
group of callers within one minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from airflow_mlops.rollout.core.evidence import EventShareProcess

if TYPE_CHECKING:  # both import this module
    from airflow_mlops.rollout.core.guards import Finding, GuardPlan
    from airflow_mlops.rollout.core.observation import EpochCounts

ENOUGH: Final = 10
"""Clusters with two failures or more from which on their dispersion is known."""
SURE: Final = 3.0
"""Standard errors of the dispersion above 1 from which on failures are held to come in bursts."""


@dataclass(frozen=True, kw_only=True)
class Bursts:
    """The failures of one epoch by cluster.

    ``canary`` is the sum over ``clusters`` of the canary's part in the failures of each, from 0 to 1.
    ``several`` clusters have two failures or more and can show dispersion: ``spread`` is the sum of their
    squared deviations from the epoch's own share, each in units of a binomial variance, ``variance`` the
    variance of that sum if failures are independent. ``random`` says that the target routes each request at
    random by itself, so that bursts cannot mislead. ``unseen`` failures were counted by the proxy only,
    and are one cluster: nobody knows whose requests they were.
    """

    clusters: int = 0
    canary: float = 0.0
    several: int = 0
    spread: float = 0.0
    variance: float = 0.0
    random: bool = False
    unseen: int = 0


def bursts_of(cells: Iterable[tuple[int, int]], *, random: bool = False) -> Bursts:
    """Return what the (canary, champion) failures of each cluster amount to.

    >>> bursts_of([(1, 0), (0, 2), (2, 1)])
    Bursts(clusters=3, canary=1.66..., several=2, spread=2.33..., variance=2.33..., random=False, unseen=0)
    """
    known = [(ours, theirs) for ours, theirs in cells if ours + theirs]
    canary = sum(ours for ours, _ in known)
    total = sum(ours + theirs for ours, theirs in known)
    share = canary / total if total else 0.0
    unit = share * (1 - share)
    several = [(ours, ours + theirs) for ours, theirs in known if ours + theirs > 1] if unit else []
    return Bursts(
        clusters=len(known),
        canary=math.fsum(ours / (ours + theirs) for ours, theirs in known),
        several=len(several),
        spread=math.fsum((ours - size * share) ** 2 / (size * unit) for ours, size in several),
        variance=math.fsum(2 + (1 / unit - 6) / size for _, size in several),
        random=random,
    )


def with_bursts(
    finding: Finding, guard: GuardPlan, epochs: Sequence[EpochCounts], limits: tuple[float, float]
) -> Finding:
    """Return the finding of the errors, inconclusive where it rests on bursts from few callers.

    A cluster counts once, by the canary's part in it: the mean of that part is the canary's share of the
    traffic, whether a burst stays on one arm or not, so that by Jensen's inequality the event-share process
    of the parts keeps its expected value. What the process of the single failures says stands if the
    clusters say it as well, or if they show that failures are independent: at least ten with two failures,
    no dispersion above 1 that is three standard errors away, and evidence that is enough even when it is
    divided by the dispersion and its standard error (quasi-likelihood; R. Wedderburn, *Biometrika* 61, 1974).
    ``limits`` are the logs of the evidence for harm and for a pass.
    """
    known = [(epoch, epoch.bursts) for epoch in epochs if epoch.bursts and not epoch.bursts.random]
    if not known:
        return finding
    worse, not_worse = (
        EventShareProcess.inferiority(1.0),
        EventShareProcess.non_inferiority(guard.max_ratio),
    )
    for epoch, found in known:
        rest = max(0.0, found.clusters - found.canary)
        worse = worse.add(found.canary, rest, epoch.share)
        not_worse = not_worse.add(found.canary, rest, epoch.share)
    dispersion = _Dispersion.of([found for _, found in known])
    finding = replace(finding, evidence={**finding.evidence, "bursts": dispersion.evidence(worse.log_e)})
    harm_limit, pass_limit = limits
    single = finding.evidence
    if finding.harm and not dispersion.confirms(single["worse"]["log_e"], worse.log_e, harm_limit):
        return replace(finding, harm=None, good=None, missing=dispersion.reason(finding.harm))
    by_ratio = single["within_max_ratio"]["log_e"]
    by_rate = single["within_tolerance"]["log_e"]
    rests_on_ratio = finding.good and (by_rate is None or by_rate < pass_limit)
    if rests_on_ratio and not dispersion.confirms(by_ratio, not_worse.log_e, pass_limit):
        return replace(finding, good=None, missing=dispersion.reason(str(finding.good)))
    return finding


@dataclass(frozen=True)
class _Dispersion:
    """How far the clusters of all epochs are from independent failures."""

    clusters: int
    failures_apart: int
    spread: float
    variance: float
    unseen: int

    @classmethod
    def of(cls, found: Sequence[Bursts]) -> _Dispersion:
        # Each epoch's share was estimated from its own clusters, which takes one away.
        apart = sum(max(0, bursts.several - 1) for bursts in found)
        return cls(
            sum(bursts.clusters for bursts in found),
            apart,
            math.fsum(bursts.spread for bursts in found),
            math.fsum(bursts.variance for bursts in found),
            sum(bursts.unseen for bursts in found),
        )

    @property
    def ratio(self) -> float | None:
        """The dispersion, 1 for independent failures; None while too few clusters show it."""
        return self.spread / self.failures_apart if self.failures_apart >= ENOUGH - 1 else None

    def confirms(self, single: float, clustered: float, limit: float) -> bool:
        """Return whether evidence of single failures may be believed."""
        if clustered >= limit:
            return True
        ratio = self.ratio
        if ratio is None:
            return False
        error = math.sqrt(self.variance) / self.failures_apart
        if ratio > 1 + SURE * error:
            return False
        return single / max(1.0, ratio + error) >= limit

    def reason(self, words: str) -> str:
        shown = "not known yet" if self.ratio is None else f"{self.ratio:.1f}"
        if self.unseen:
            return (
                f"{self.unseen} failures were seen by the proxy only: it lost the connection, or refused the "
                "request, before a server counted it. Nobody knows whose requests they were, so they count "
                f"as one group of callers, and this is not certain: {words}. Check the logs of the model "
                "servers and their limits; abort the rollout if the version is the cause"
            )
        return (
            f"failures come in bursts from few callers: {self.clusters} group(s) of callers and minutes have "
            f"all of them, dispersion {shown} (1: independent), so this is not certain: {words}"
        )

    def evidence(self, log_e: float) -> dict[str, Any]:
        return {"clusters": self.clusters, "dispersion": self.ratio, "log_e": log_e}
