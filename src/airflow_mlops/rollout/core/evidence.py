"""Sequential evidence on failures: processes that may be evaluated after every request.

Each class is an e-process: it starts at 1 and, while its null hypothesis holds, its expected value never
exceeds 1, at whatever time it is evaluated. By Ville's inequality (J. Ville, *Étude critique de la notion de
collectif*, 1939) the chance that it ever reaches 1/alpha is then at most alpha. The likelihood ratio
against one alternative is Wald's (A. Wald, *Sequential Analysis*, 1947); the weighted mean over a grid
of alternatives is Robbins' mixture (H. Robbins, *Ann. Math. Statist.* 41, 1970), which keeps the bound.

Only counts matter, not their order, so the state of a process is a handful of integers: it is stored
and resumed exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError


def log_spaced(low: float, high: float, count: int) -> tuple[float, ...]:
    """Return ``count`` values from ``low`` to ``high`` with a constant ratio between neighbours."""
    return tuple(low * (high / low) ** (i / (count - 1)) for i in range(count))


WORSE: Final = log_spaced(1.1, 16.0, 24)
LIKELY_RATIO: Final = 2.0
LIKELY_WIDTH: Final = 0.5
SPREAD: Final = 0.15


@lru_cache(maxsize=64)
def mixture(null_ratio: float, ratios: tuple[float, ...]) -> tuple[float, ...]:
    """Return the weight of each alternative; they sum to 1.

    Most of it lies around a factor of two away from the null ratio, where harm is worth finding and hard to
    find: a normal density of the logarithm, 0.5 wide. The rest, 15 %, is spread evenly, so that gross harm
    stays quick to see. Any weights keep the expected value; these shorten the wait for a doubled rate.
    """
    distances = [abs(math.log(ratio / null_ratio)) - math.log(LIKELY_RATIO) for ratio in ratios]
    bell = [math.exp(-0.5 * (distance / LIKELY_WIDTH) ** 2) for distance in distances]
    total = math.fsum(bell)
    if not total:
        return (1 / len(ratios),) * len(ratios)
    return tuple((1 - SPREAD) * share / total + SPREAD / len(ratios) for share in bell)


def log_mean_exp(logs: tuple[float, ...], weights: tuple[float, ...] | None = None) -> float:
    """Return the log of the weighted mean of ``exp(logs)`` without overflow; equal weights by default."""
    top = max(logs)
    if math.isinf(top):
        return top
    shares = weights or (1 / len(logs),) * len(logs)
    return top + math.log(math.fsum(w * math.exp(x - top) for w, x in zip(shares, logs, strict=True)))


@dataclass(frozen=True)
class EventShareProcess:
    """Evidence that the canary's share of all failures departs from what its traffic share explains.

    While a share w of the traffic goes to the canary and its failure rate is r times the champion's, a
    failure comes from the canary with chance theta(r, w) = w r / (w r + 1 - w), whatever the common base
    rate is and however it drifts. For each alternative ratio r the likelihood ratio against
    ``null_ratio`` m is the product over failures of theta(r, w)/theta(m, w) for a failure of the canary
    and (1 - theta(r, w))/(1 - theta(m, w)) for one of the champion.

    With alternatives above m the null is "ratio <= m" (m = 1: the canary is no worse); with alternatives
    below m it is "ratio >= m" (non-inferiority with margin m).

    Parameters: ``null_ratio`` and ``ratios`` are rate ratios (no unit, > 0), ``counts`` holds
    (weight, failures of the canary, failures of the champion), weights in (0, 1) ascending.

    With half of the traffic, 30 of 40 failures are the canary's. Is its rate higher?

    >>> evidence = EventShareProcess.inferiority(1.0).add(canary=30, champion=10, weight=0.5)
    >>> round(evidence.log_e, 2)
    4.51
    >>> evidence.log_e >= math.log(1 / 0.05)  # yes, with at most 5 % false alarms
    True
    """

    null_ratio: float = 1.0
    ratios: tuple[float, ...] = WORSE
    counts: tuple[tuple[float, float, float], ...] = ()

    def __post_init__(self) -> None:
        above = all(r > self.null_ratio for r in self.ratios)
        below = all(0 < r < self.null_ratio for r in self.ratios)
        if not self.ratios or not (above or below):
            raise ConfigError(f"ratios must all lie on one side of {self.null_ratio}, got {self.ratios}")

    @classmethod
    def inferiority(cls, margin: float) -> EventShareProcess:
        """Return the process whose null hypothesis is "the canary's rate is <= ``margin`` times as high"."""
        return cls(null_ratio=margin, ratios=tuple(margin * ratio for ratio in WORSE))

    @classmethod
    def non_inferiority(cls, margin: float) -> EventShareProcess:
        """Return the process whose null hypothesis is "the canary's rate is >= ``margin`` times as high"."""
        return cls(null_ratio=margin, ratios=log_spaced(margin / 16, margin / 1.1, 24))

    def add(self, canary: float, champion: float, weight: float) -> EventShareProcess:
        """Return the process after more failures at one traffic share.

        ``canary`` and ``champion`` count failures (or parts of one), ``weight`` is the canary's share of the
        traffic at that time. A share of 0 or 1 compares nothing and is left out. Raises ConfigError for
        impossible values.
        """
        if canary < 0 or champion < 0 or not 0 <= weight <= 1:
            raise ConfigError(
                f"counts must be >= 0 and weight within 0 and 1, got {canary}, {champion}, {weight}"
            )
        if weight in (0, 1):
            return self
        merged = {w: (a, b) for w, a, b in self.counts}
        before = merged.get(weight, (0, 0))
        merged[weight] = (before[0] + canary, before[1] + champion)
        return replace(self, counts=tuple((w, *merged[w]) for w in sorted(merged)))

    @property
    def log_e(self) -> float:
        """The natural logarithm of the evidence against the null hypothesis; 0 at the start."""
        logs = tuple(self._log_ratio(r) for r in self.ratios)
        return log_mean_exp(logs, mixture(self.null_ratio, self.ratios))

    def _log_ratio(self, ratio: float) -> float:
        null = self.null_ratio
        return math.fsum(
            canary * math.log(ratio / null)
            + (canary + champion) * (math.log1p(w * (null - 1)) - math.log1p(w * (ratio - 1)))
            for w, canary, champion in self.counts
        )

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {"null_ratio": self.null_ratio, "ratios": list(self.ratios), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EventShareProcess:
        """Build the process from ``to_json`` output."""
        counts = tuple((float(w), a, b) for w, a, b in data["counts"])
        return cls(float(data["null_ratio"]), tuple(map(float, data["ratios"])), counts)


FAILURE_SHARES: Final = (0.0, 0.01, 0.03, 0.1, 0.25, 0.5)
FAILURE_PRIOR: Final = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)


@dataclass(frozen=True)
class FailureRateProcess:
    """Evidence that the canary's own failure rate is below a tolerance.

    The null hypothesis is "rate >= tolerance". The evidence is the mixture over smaller rates q, as a share
    of the tolerance (0 with half of the weight, then 0.01 to 0.5), of
    (q/tolerance)^failures ((1-q)/(1-tolerance))^successes. It needs no failure at all: with none, a
    tolerance of 0.02 is passed at alpha 0.05 after 158 requests.

    >>> FailureRateProcess(tolerance=0.02).add(requests=158, failures=0).log_e >= math.log(1 / 0.05)
    True
    """

    tolerance: float
    requests: int = 0
    failures: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1 or not 0 <= self.failures <= self.requests:
            raise ConfigError(
                f"need 0 < tolerance < 1 and failures <= requests, got {self.tolerance}, "
                f"{self.failures}, {self.requests}"
            )

    def add(self, requests: int, failures: int) -> FailureRateProcess:
        """Return the process after more requests, ``failures`` of which failed."""
        return replace(self, requests=self.requests + requests, failures=self.failures + failures)

    @property
    def log_e(self) -> float:
        """The natural logarithm of the evidence against the null hypothesis; 0 at the start."""
        return log_mean_exp(tuple(self._log_ratio(share) for share in FAILURE_SHARES), FAILURE_PRIOR)

    def _log_ratio(self, share: float) -> float:
        if self.failures and not share:
            return -math.inf
        rate = share * self.tolerance
        failed = self.failures * math.log(share) if self.failures else 0.0
        return failed + (self.requests - self.failures) * (math.log1p(-rate) - math.log1p(-self.tolerance))

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {"tolerance": self.tolerance, "requests": self.requests, "failures": self.failures}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FailureRateProcess:
        """Build the process from ``to_json`` output."""
        return cls(float(data["tolerance"]), int(data["requests"]), int(data["failures"]))
