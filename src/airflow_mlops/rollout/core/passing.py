"""What a plan promotes: many rollouts at once, with random failures and the limits of the evidence. Pure.

Only failures are drawn: the other guards are taken to find nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from airflow_mlops.rollout.core.evidence import (
    FAILURE_PRIOR,
    FAILURE_SHARES,
    EventShareProcess,
    mixture,
)
from airflow_mlops.rollout.core.judgement import harm_limit, pass_limit
from airflow_mlops.rollout.core.state import RolloutPlan

_LOOKS: Final = 72
_Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ends:
    """How many of ``rollouts`` were promoted, rolled back by the test, or wait for a person."""

    rollouts: int
    promoted: int
    rolled_back: int
    waiting: int

    def per_hundred(self, count: int) -> float:
        """Return a count of the ends per hundred rollouts."""
        return 100 * count / self.rollouts


def simulate_ends(
    plan: RolloutPlan, *, ratio: float, rps: float, error_rate: float, rollouts: int = 2000, seed: int = 7
) -> Ends:
    """Return how rollouts end whose version fails ``ratio`` times as often as the champion.

    ``rps`` are requests per second of both versions together, ``error_rate`` the champion's share of failures
    (0 to 1). Each step is looked at 72 times, and a shadow as well, in which the versions fail independently.
    The standard error of a share p is sqrt(p (1 - p) / rollouts).
    """
    rng = np.random.default_rng(seed)
    evidence, steps = _Evidence(plan, rollouts), _Steps.of(plan)
    step = np.zeros(rollouts, dtype=int)
    looks, requests, ended = np.zeros(rollouts), np.zeros(rollouts), np.zeros(rollouts, dtype=int)
    rates = min(1.0, ratio * error_rate), error_rate
    while (ended == 0).any():
        active = ended == 0
        here = np.minimum(step, steps.count - 1)
        tick = steps.limit_s[here] / _LOOKS
        ours, theirs = (
            rng.poisson(rps * tick * part[here]) * active for part in (steps.canary, steps.champion)
        )
        failures = rng.binomial(ours, rates[0]), rng.binomial(theirs, rates[1])
        evidence.add(steps.share[here], (ours, theirs), failures)
        looks, requests = looks + 1, requests + ours
        enough = requests >= plan.min_requests
        harmed = active & (evidence.harm >= harm_limit(plan))
        found = steps.unseen[here] | evidence.passed(pass_limit(plan))
        passed = active & ~harmed & enough & (looks * tick >= steps.hold_s[here]) & found
        late = active & ~harmed & ~passed & (looks >= _LOOKS)
        ended[harmed | (late & (plan.on_inconclusive == "rollback"))] = 2
        passed |= late & enough & (plan.on_inconclusive == "promote")
        ended[late & ~passed & (ended == 0)] = 3
        ended[passed & (step + 1 == steps.count)] = 1
        step, looks, requests = step + passed, np.where(passed, 0, looks), np.where(passed, 0, requests)
    counts = np.bincount(ended, minlength=4)
    return Ends(
        rollouts=rollouts, promoted=int(counts[1]), rolled_back=int(counts[2]), waiting=int(counts[3])
    )


@dataclass(frozen=True)
class _Steps:
    """What each step of a plan is, the shadow first if there is one.

    ``canary`` and ``champion`` are the parts of the requests that they answer, ``share`` is the chance that a
    failure comes from the canary when both are alike. The step takes ``hold_s`` seconds at least and
    ``limit_s`` at most; one that is ``unseen`` needs no evidence to pass.
    """

    canary: _Array
    champion: _Array
    share: _Array
    hold_s: _Array
    limit_s: _Array
    unseen: NDArray[np.bool_]

    @classmethod
    def of(cls, plan: RolloutPlan) -> _Steps:
        shares = [percent / 100 for percent in plan.steps]
        rows = [(share, 1 - share, share, plan.hold_s, plan.step_timeout_s, False) for share in shares]
        if plan.shadow_s:
            rows.insert(0, (1.0, 1.0, 0.5, plan.shadow_s, plan.shadow_s + plan.step_timeout_s, True))
        return cls(*(np.array(column) for column in zip(*rows, strict=True)))

    @property
    def count(self) -> int:
        return len(self.share)


class _Evidence:
    """The three e-processes of the guard ``error_rate``, for many rollouts at once."""

    def __init__(self, plan: RolloutPlan, rollouts: int) -> None:
        worse = EventShareProcess.inferiority(1.0)
        not_worse = EventShareProcess.non_inferiority(plan.max_ratio)
        self._processes = [
            (process, np.zeros((rollouts, len(process.ratios)))) for process in (worse, not_worse)
        ]
        self._tolerance = plan.tolerance
        self._tolerable = np.zeros((rollouts, len(FAILURE_SHARES)))

    def add(self, share: _Array, requests: tuple[_Array, _Array], failures: tuple[_Array, _Array]) -> None:
        """Add the (canary, champion) requests and failures of a look, at the canary's ``share``."""
        for process, logs in self._processes:
            null, ratios = process.null_ratio, np.array(process.ratios)
            both = np.log1p(share * (null - 1))[:, None] - np.log1p(np.outer(share, ratios - 1))
            logs += failures[0][:, None] * np.log(ratios / null) + (failures[0] + failures[1])[:, None] * both
        if self._tolerance is not None:
            shares = np.array(FAILURE_SHARES)
            with np.errstate(divide="ignore", invalid="ignore"):
                failed = np.where(failures[0][:, None] > 0, failures[0][:, None] * np.log(shares), 0.0)
            fine = np.log1p(-shares * self._tolerance) - np.log1p(-self._tolerance)
            self._tolerable += failed + (requests[0] - failures[0])[:, None] * fine

    @property
    def harm(self) -> _Array:
        """The log of the evidence that the canary fails more often."""
        process, logs = self._processes[0]
        return _log_mean(logs, np.array(mixture(process.null_ratio, process.ratios)))

    def passed(self, limit: float) -> NDArray[np.bool_]:
        """Whether the ratio or the rate is known to be small enough."""
        process, logs = self._processes[1]
        by_ratio = _log_mean(logs, np.array(mixture(process.null_ratio, process.ratios))) >= limit
        if self._tolerance is None:
            return by_ratio
        return by_ratio | (_log_mean(self._tolerable, np.array(FAILURE_PRIOR)) >= limit)


def _log_mean(logs: _Array, weights: _Array) -> _Array:
    top = logs.max(axis=1)
    found: _Array = top + np.log((np.exp(logs - top[:, None]) * weights).sum(axis=1))
    return found
