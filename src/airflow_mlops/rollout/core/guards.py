"""Guards: each compares how often one kind of event happens to the canary and to the champion. Pure.

An event is a failure, a slow answer, a wrong prediction, or a score in a decile. A guard tests whether the
canary has more of them than its share of the traffic explains. It finds harm, finds the canary good enough,
or is inconclusive; a guard without counts never passes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.evidence import EventShareProcess, FailureRateProcess, log_mean_exp
from airflow_mlops.rollout.core.observation import Counts, EpochCounts

ACTIONS: Final = ("warn", "pause", "rollback")
SATURATED: Final = 0.5
"""Share of the champion's own slow answers above which its limit tells fast from slow no longer."""


@dataclass(frozen=True, kw_only=True)
class GuardPlan:
    """One guard of a plan: ``name``, its margin ``max_ratio``, and what it does when it finds harm.

    ``tolerance`` is a rate of events below which the canary is good enough by itself, None for none; latency
    has none, as its limit follows the champion's load: only both arms at the same moments can be compared.
    ``label_delay_s`` (seconds) is the age from which the labels of a request are judged, None to learn it.
    """

    name: str
    max_ratio: float
    action: str = "rollback"
    tolerance: float | None = None
    label_delay_s: float | None = None

    def __post_init__(self) -> None:
        if self.name not in KINDS and self.name != "prediction_shift":
            raise ConfigError(f"unknown guard {self.name!r}; known: {', '.join(KINDS)}, prediction_shift")
        if self.action not in ACTIONS:
            raise ConfigError(f"guard {self.name}: action must be one of {ACTIONS}, got {self.action!r}")
        if not self.max_ratio > 1:
            raise ConfigError(f"guard {self.name}: max_ratio must be above 1, got {self.max_ratio}")


@dataclass(frozen=True)
class Kind:
    """Where the events of a guard are counted, and its words.

    ``waits_for`` says until when a guard waits that does not count from the first request.
    """

    events: str
    measured: str
    comparison: str
    done: str
    noun: str
    tolerates_margin: bool = False
    relative: bool = False
    waits_for: str = ""


KINDS: Final[Mapping[str, Kind]] = {
    "error_rate": Kind("failures", "requests", "fails more often", "failed", "failure"),
    # A model may be somewhat slower for a reason: harm begins at the margin, not at the first difference.
    "latency_p95": Kind(
        "slow",
        "timed",
        "is slow more often",
        "were slow",
        "slow-answer",
        True,
        True,
        "the version's time to settle (deploy.canary.settle) is over and the champion has answered 200 "
        "requests, which say what is slow",
    ),
    "quality": Kind("wrong", "labelled", "is wrong more often", "were wrong", "wrong-prediction"),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one guard, each part in words or None. ``missing``: why the guard has no result."""

    guard: str
    action: str
    harm: str | None = None
    good: str | None = None
    missing: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


def find(guard: GuardPlan, epochs: Sequence[EpochCounts], *, harm_limit: float, pass_limit: float) -> Finding:
    """Weigh the counts of one guard; the limits are natural logarithms of the evidence needed.

    The guard ``quality`` has a module of its own, ``quality``.
    """
    if guard.name == "prediction_shift":
        return _shift(guard, epochs, harm_limit)
    return _rates(guard, KINDS[guard.name], epochs, harm_limit, pass_limit)


def _rates(
    guard: GuardPlan, kind: Kind, epochs: Sequence[EpochCounts], harm_limit: float, pass_limit: float
) -> Finding:
    null = guard.max_ratio if kind.tolerates_margin else 1.0
    worse, not_worse = (
        EventShareProcess.inferiority(null),
        EventShareProcess.non_inferiority(guard.max_ratio),
    )
    canary = champion = Counts()
    for epoch in epochs:
        shared = getattr(epoch.both, kind.events, 0)
        ours, theirs = (
            max(0, getattr(counts, kind.events) - shared) for counts in (epoch.canary, epoch.champion)
        )
        worse = worse.add(ours, theirs, epoch.share)
        not_worse = not_worse.add(ours, theirs, epoch.share)
        canary, champion = canary + epoch.canary, champion + epoch.champion
    events, measured = getattr(canary, kind.events), getattr(canary, kind.measured)
    base_events, base = getattr(champion, kind.events), getattr(champion, kind.measured)
    tolerable = -math.inf
    if guard.tolerance is not None and not kind.relative:
        tolerable = FailureRateProcess(guard.tolerance, measured, min(events, measured)).log_e
    shown = f"{events} of {measured} {kind.done}"
    missing = _missing_of(guard.name, kind, canary, champion)
    harm = (
        f"the canary {kind.comparison} than the champion{_margin(null)}: {shown} against "
        f"{base_events} of {base}, log E {worse.log_e:.2f} >= {harm_limit:.2f}"
        if worse.log_e >= harm_limit and (missing is None or guard.name == "error_rate")
        else None
    )
    return Finding(
        guard=guard.name,
        action=guard.action,
        harm=harm,
        good=good_words(guard, kind, shown, (not_worse.log_e, tolerable), pass_limit),
        missing=missing,
        evidence={
            "canary": {kind.measured: measured, kind.events: events},
            "champion": {kind.measured: base, kind.events: base_events},
            "worse": {"log_e": worse.log_e, "limit": harm_limit},
            "within_max_ratio": {"log_e": not_worse.log_e, "limit": pass_limit},
            "within_tolerance": {"log_e": finite(tolerable), "limit": pass_limit},
        },
    )


def good_words(
    guard: GuardPlan, kind: Kind, shown: str, log_es: tuple[float, float], limit: float
) -> str | None:
    """Return why a guard passes, None if it does not; ``log_es`` are of its ratio and of its rate."""
    ratio_log_e, rate_log_e = log_es
    if ratio_log_e >= limit:
        return f"{kind.noun} ratio below {guard.max_ratio:g}: log E {ratio_log_e:.2f} >= {limit:.2f}"
    if rate_log_e >= limit:
        return f"{kind.noun} rate below {guard.tolerance:g} ({shown}): log E {rate_log_e:.2f} >= {limit:.2f}"
    return None


def _shift(guard: GuardPlan, epochs: Sequence[EpochCounts], limit: float) -> Finding:
    """Both directions of all deciles; a mean of e-processes is one, so no further correction is due."""
    width = max((len(c.deciles) for e in epochs for c in (e.canary, e.champion)), default=0)
    up = [EventShareProcess.inferiority(guard.max_ratio) for _ in range(width)]
    down = [EventShareProcess.non_inferiority(1 / guard.max_ratio) for _ in range(width)]
    canary = champion = Counts()
    for epoch in epochs:
        canary, champion = canary + epoch.canary, champion + epoch.champion
        ours, theirs, shared = (
            _padded(c, width) for c in (epoch.canary, epoch.champion, epoch.both or Counts())
        )
        for d in range(width):
            counted = (max(0, ours[d] - shared[d]), max(0, theirs[d] - shared[d]), epoch.share)
            up[d], down[d] = up[d].add(*counted), down[d].add(*counted)
    log_es = tuple(process.log_e for process in (*up, *down))
    log_e = log_mean_exp(log_es) if log_es else 0.0
    measured, base = sum(canary.deciles), sum(champion.deciles)
    missing = _missing(guard.name, measured, base)
    harm = None
    if log_e >= limit and not missing:
        top = log_es.index(max(log_es)) % width
        harm = (
            f"the canary's scores are spread differently: decile {top + 1} holds "
            f"{_percent(canary.deciles[top : top + 1], measured)} of them against "
            f"{_percent(champion.deciles[top : top + 1], base)} of the champion's, "
            f"log E {log_e:.2f} >= {limit:.2f}"
        )
    return Finding(
        guard=guard.name,
        action=guard.action,
        harm=harm,
        good=None if harm or missing else "no shift of the scores found",
        missing=missing,
        evidence={
            "canary": {"deciles": list(canary.deciles)},
            "champion": {"deciles": list(champion.deciles)},
            "shifted": {"log_e": log_e, "limit": limit},
        },
    )


def _missing_of(name: str, kind: Kind, canary: Counts, champion: Counts) -> str | None:
    """Return why the counts of a kind cannot be compared, None when they can."""
    measured, base = getattr(canary, kind.measured), getattr(champion, kind.measured)
    base_events = getattr(champion, kind.events)
    if kind.relative and base_events > SATURATED * base:
        return (
            f"{name} cannot be compared: {base_events} of {base} champion requests {kind.done} "
            "against a limit that was set under another load"
        )
    if kind.waits_for and canary.requests and champion.requests and not measured and not base:
        return f"{name} has nothing to compare yet: it waits until {kind.waits_for}"
    return _missing(name, measured, base)


def _missing(name: str, canary: int, champion: int) -> str | None:
    if canary and champion:
        return None
    return f"{name} was not measured ({canary} canary and {champion} champion requests)"


def _margin(ratio: float) -> str:
    return "" if ratio == 1 else f" times {ratio:g}"


def _padded(counts: Counts, width: int) -> list[int]:
    return [*counts.deciles, *([0] * (width - len(counts.deciles)))]


def _percent(part: Sequence[int], whole: int) -> str:
    return f"{sum(part) / whole:.0%}" if whole else "none"


def finite(value: float) -> float | None:
    """Return ``value``, None when it is infinite: JSON has no infinity."""
    return value if math.isfinite(value) else None
