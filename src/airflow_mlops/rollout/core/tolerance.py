"""The failure rate below which a canary is good enough by itself: a multiple of the champion's own. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from airflow_mlops.rollout.core.observation import Counts
from airflow_mlops.rollout.core.state import RolloutPlan

LEAST: Final = 0.002
MOST: Final = 0.02
CONFIDENCE: Final = 0.95
_DAY_S: Final = 86_400.0


def lower_limit(failures: int, requests: int) -> float:
    """Return the rate that ``failures`` of ``requests`` show at least, with 95 % confidence, within 0 and 1.

    C. Clopper and E. Pearson, *Biometrika* 26, 1934: the one-sided exact limit of a binomial share.

    >>> lower_limit(0, 10_000), round(lower_limit(123, 12_345), 4)
    (0.0, 0.0085)
    """
    if not failures or failures > requests:
        return 0.0
    from scipy.special import betaincinv  # loaded here: the parser of DAG files imports this room

    return float(betaincinv(failures, requests - failures + 1, 1 - CONFIDENCE))


def measured_tolerance(alone: Counts | None, max_ratio: float) -> tuple[float, str]:
    """Return the tolerance that follows from the champion's requests before a rollout, and why, in words.

    It is ``max_ratio`` times the rate that the champion fails at least, but 0.2 % at least and 2 % at most: a
    version above both is promoted by chance only. ``alone`` is None where nothing was counted.

    >>> measured_tolerance(Counts(requests=12_345, failures=123), 2.0)
    (0.017, 'tolerance 1.7 %: 2 x the 0.85 % that the champion fails at least (123 of 12,345 requests)')
    """
    counts = alone or Counts()
    shown = f"{counts.failures:,} of {counts.requests:,} requests"
    surely = lower_limit(counts.failures, counts.requests)
    wanted = max_ratio * surely
    if not counts.requests:
        return (
            LEAST,
            f"tolerance {100 * LEAST:g} %: the least there is, no request of the champion was counted before",
        )
    source = f"{max_ratio:g} x the {100 * surely:.2g} % that the champion fails at least ({shown})"
    if wanted < LEAST:
        return LEAST, f"tolerance {100 * LEAST:g} %: the least there is, above {source}"
    if wanted > MOST:
        return MOST, f"tolerance {100 * MOST:g} %: the most there is, below {source}"
    rounded = float(f"{wanted:.2g}")
    return rounded, f"tolerance {100 * rounded:g} %: {source}"


def with_tolerance(plan: RolloutPlan, alone: Counts | None) -> tuple[RolloutPlan, str]:
    """Return the plan with a tolerance, and in words where it comes from; empty for one that was set."""
    if plan.tolerance is not None or not plan.steps or plan.champion_version is None:
        return plan, ""
    tolerance, why = measured_tolerance(alone, plan.max_ratio)
    return replace(plan, tolerance=tolerance), why


def expected_alone(rps: float, error_rate: float) -> Counts:
    """Return what a champion with ``error_rate`` (0 to 1) answers in a day of ``rps`` requests/s."""
    requests = round(rps * _DAY_S)
    return Counts(requests=requests, failures=round(requests * error_rate))
