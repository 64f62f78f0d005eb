"""An observation of the target: health, traffic, and counts per traffic split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from airflow_mlops.rollout.core.bursts import Bursts
from airflow_mlops.rollout.core.labelled import ArmLabels, JudgedLabels, judge_labels


@dataclass(frozen=True)
class Counts:
    """What one version did: requests answered, and the events that guards look for.

    ``failures`` of ``requests``; ``slow`` of ``timed`` (beyond the champion's 95th percentile just before);
    ``wrong`` of ``labelled`` (the label is known and differs); ``deciles``: requests by the decile of the
    champion's frozen scores that the score fell into, empty when nothing was scored. Where a caller counts
    once, ``all_failures`` of ``all_requests`` count every request; 0 where nothing counts them apart.
    ``fallback_failures`` are those of a canary on which the champion, asked instead, failed as well.
    ``labels`` are the server's counts by time and predicted class; they are not kept, see
    ``EpochCounts.labels``.
    """

    requests: int = 0
    failures: int = 0
    timed: int = 0
    slow: int = 0
    labelled: int = 0
    wrong: int = 0
    deciles: tuple[int, ...] = ()
    all_requests: int = 0
    all_failures: int = 0
    fallback_failures: int = 0
    labels: ArmLabels | None = None

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.requests + other.requests,
            self.failures + other.failures,
            self.timed + other.timed,
            self.slow + other.slow,
            self.labelled + other.labelled,
            self.wrong + other.wrong,
            tuple(a + b for a, b in zip_longest(self.deciles, other.deciles, fillvalue=0)),
            self.all_requests + other.all_requests,
            self.all_failures + other.all_failures,
            self.fallback_failures + other.fallback_failures,
            self.labels or other.labels,
        )

    def without_latency_of(self, earlier: Counts) -> Counts:
        """Return these counts without the timed requests of an earlier look at the same ones."""
        return replace(self, timed=max(0, self.timed - earlier.timed), slow=max(0, self.slow - earlier.slow))

    @property
    def every_request(self) -> tuple[int, int]:
        """(requests, failures) over every request, also those of callers who were counted already.

        A request on which both versions failed is no failure here: it says nothing against the canary.
        """
        apart = self.all_requests > self.requests
        requests, failures = (
            (self.all_requests, self.all_failures) if apart else (self.requests, self.failures)
        )
        return requests, max(0, failures - self.fallback_failures)

    @property
    def rate(self) -> float | None:
        """Share of failed requests, None without requests."""
        return self.failures / self.requests if self.requests else None


@dataclass(frozen=True)
class EpochCounts:
    """Counts of both versions while the traffic stood at ``percent`` for the canary.

    ``both`` is set while the canary answered copies of the champion's requests: the events that the two
    shared. They say nothing about which one is worse; only the rest is compared, with a share of 1/2.
    ``bursts`` are the failures by groups of callers and minutes, None where the target does not say.
    ``labels`` are those that are judged.
    """

    epoch: int
    percent: int
    canary: Counts
    champion: Counts
    both: Counts | None = None
    bursts: Bursts | None = None
    labels: JudgedLabels | None = None

    @property
    def share(self) -> float:
        """The chance that an event comes from the canary when both are alike."""
        return self.percent / 100 if self.both is None else 0.5

    def without_latency_of(self, earlier: EpochCounts) -> EpochCounts:
        """Return these counts without the timed requests of an earlier look at the same epoch."""
        both = None if self.both is None else self.both.without_latency_of(earlier.both or Counts())
        return replace(
            self,
            canary=self.canary.without_latency_of(earlier.canary),
            champion=self.champion.without_latency_of(earlier.champion),
            both=both,
        )

    def after(self, before: EpochCounts | None, label_delay_s: float | None) -> EpochCounts:
        """Return these counts with the labels that can be judged, given those that were judged ``before``."""
        labels = judge_labels(
            before.labels if before else None, self.canary.labels, self.champion.labels, label_delay_s
        )
        canary, champion = (replace(counts, labels=None) for counts in (self.canary, self.champion))
        return replace(self, canary=canary, champion=champion, labels=labels)


@dataclass(frozen=True)
class Health:
    """Whether a version can answer: ``ok``, ``loading``, ``failed`` or ``absent``, and why."""

    status: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look at the target.

    ``percent`` is the traffic that the version really gets, ``champion`` who gets the rest, ``epoch`` the
    present weight epoch, ``epochs`` the counts of the epochs that were asked for (whole, not increments),
    ``shadow`` the version that answers copies, ``reference`` what was frozen of the champion for the
    guards, such as its 95th percentile of latency in seconds. ``champion_health`` is how the champion is,
    None where nobody asked; ``alone`` counts what the champion answered before the rollout, None where the
    target does not know.
    """

    health: Health
    percent: int
    champion: int | None
    epoch: int
    epochs: tuple[EpochCounts, ...] = ()
    shadow: int | None = None
    reference: Mapping[str, Any] = field(default_factory=dict)
    champion_health: Health | None = None
    alone: Counts | None = None

    @property
    def lacks_champion(self) -> str | None:
        """Why the champion cannot answer, None when it can or nobody knows."""
        health = self.champion_health
        return (
            health.detail or "no reason given" if health is not None and health.status == "failed" else None
        )
