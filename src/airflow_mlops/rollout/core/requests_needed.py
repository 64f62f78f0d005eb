"""How many requests it takes until the evidence, at the expected counts, reaches its limit. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from airflow_mlops.rollout.core.evidence import (
    FAILURE_PRIOR,
    FAILURE_SHARES,
    EventShareProcess,
    log_mean_exp,
    mixture,
)
from airflow_mlops.rollout.core.guards import GuardPlan

_NEVER: Final = 1e12


def requests_to_roll_back(
    ratio: float, share: float, rate: float, log_limit: float, null: float = 1.0
) -> float:
    """Return the requests after which a canary with ``ratio`` times the champion's events is found.

    ``share`` is the canary's part of the traffic, ``rate`` the champion's share of events, ``null`` the
    ratio that is still allowed. inf when it is never found.
    """
    process = EventShareProcess.inferiority(null)
    return requests_needed(events_drift(process, share * rate * ratio, (1 - share) * rate, share), log_limit)


def requests_to_pass(guard: GuardPlan, share: float, rate: float, log_limit: float) -> float:
    """Return the requests after which a canary that equals the champion passes a guard; inf for never."""
    process = EventShareProcess.non_inferiority(guard.max_ratio)
    by_ratio = requests_needed(events_drift(process, share * rate, (1 - share) * rate, share), log_limit)
    if guard.tolerance is None:
        return by_ratio
    return min(by_ratio, requests_needed(tolerance_drift(guard.tolerance, rate, share), log_limit))


def requests_needed(log_e: Callable[[float], float], limit: float) -> float:
    """Return the smallest number of requests at which ``log_e`` reaches ``limit``; inf for never."""
    high = 1.0
    while log_e(high) < limit:
        high *= 2
        if high > _NEVER:
            return math.inf
    low = high / 2
    while high - low > max(1.0, high / 1000):
        middle = (low + high) / 2
        low, high = (low, middle) if log_e(middle) >= limit else (middle, high)
    return math.ceil(high)


def events_drift(
    process: EventShareProcess, canary: float, champion: float, share: float
) -> Callable[[float], float]:
    """Return log E after n requests when each brings the expected part of an event."""
    null = process.null_ratio
    per_request = tuple(
        canary * math.log(ratio / null)
        + (canary + champion) * (math.log1p(share * (null - 1)) - math.log1p(share * (ratio - 1)))
        for ratio in process.ratios
    )
    weights = mixture(null, process.ratios)
    return lambda n: log_mean_exp(tuple(n * step for step in per_request), weights)


def tolerance_drift(tolerance: float, rate: float, share: float) -> Callable[[float], float]:
    """Return log E that the canary's own rate is below ``tolerance`` after n requests, as expected."""

    def per_request(part: float) -> float:
        if not part:
            return -math.inf if rate else -math.log1p(-tolerance)
        fine = math.log1p(-part * tolerance) - math.log1p(-tolerance)
        return rate * math.log(part) + (1 - rate) * fine

    steps = tuple(per_request(part) for part in FAILURE_SHARES)
    return lambda n: log_mean_exp(tuple(n * share * step for step in steps), FAILURE_PRIOR)
