"""What the canary's guarantee needs, and what happens when it does not hold.

    python benchmarks/canary_conditions.py              about two minutes
    python benchmarks/canary_conditions.py --runs 100   a quarter of it, larger errors

Each row is a canary of which the share of rollbacks is printed, with its standard error: as the guards judge
now, and as they did before the condition was looked after. Part of benchmarks/canary.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from airflow_mlops.rollout.core import Counts, EpochCounts, GuardPlan, RolloutPlan, judge
from airflow_mlops.rollout.core.bursts import bursts_of
from airflow_mlops.rollout.core.evidence import EventShareProcess, log_spaced, mixture

ALPHA = 0.05
SHARES = (0.05, 0.25, 0.5)
GROUPS = 64
Array = np.ndarray


def log_e(
    ours: Array, theirs: Array, share: float | Array, null: float = 1.0, *, worse: bool = True
) -> Array:
    """The package's event-share process after each look, for (runs, looks) of new events."""
    make = EventShareProcess.inferiority if worse else EventShareProcess.non_inferiority
    ratios = make(null).ratios
    total = np.full(ours.shape, -np.inf)
    for ratio, weight in zip(ratios, mixture(null, ratios), strict=True):
        step = np.log1p(np.multiply(share, null - 1)) - np.log1p(np.multiply(share, ratio - 1))
        one = np.cumsum(ours * np.log(ratio / null) + (ours + theirs) * step, axis=1)
        np.logaddexp(total, one + np.log(weight), out=total)
    return total


def shown(alarms: Array | Sequence[bool]) -> str:
    """The share of runs with an alarm and its standard error."""
    share = float(np.mean(alarms))
    error = np.sqrt(max(share * (1 - share), 1 / len(alarms)) / len(alarms))
    return f"{share:.3f} ± {error:.3f}"


def row(name: str, now: Array | Sequence[bool], before: Array | Sequence[bool], wanted: str) -> None:
    print(f"{name:<66}{shown(now):>16}{shown(before):>16}   {wanted}", flush=True)


def heading(title: str) -> None:
    print(f"\n{title:<66}{'now':>16}{'before':>16}   target for now")


# Failures in bursts ---------------------------------------------------------------------------------------


def burst_table(
    rng: np.random.Generator,
    share: float,
    *,
    ratio: float,
    size: int,
    apart: float,
    minutes: int,
    callers: int,
) -> Array:
    """Failures by minute, group of callers and arm: 3,000 requests a minute, 1 % of the champion's fail.

    A part ``apart`` of the failures comes alone, the rest in bursts of ``size`` that stay on one arm.
    """
    table = np.zeros((minutes, GROUPS, 2))
    for arm, mean in enumerate((30 * share * ratio, 30 * (1 - share))):
        for count, weight in ((mean * apart, 1), (mean * (1 - apart) / size, size)):
            for minute, events in enumerate(rng.poisson(count, minutes)):
                np.add.at(table[minute, :, arm], rng.integers(0, callers, events) % GROUPS, weight)
    return table


def judged_bursts(table: Array, share: float, plan: RolloutPlan) -> tuple[bool, bool]:
    """Whether a rollout is rolled back, looked at each minute: with the groups, and by single failures."""
    percent, cells = round(100 * share), []
    totals = np.cumsum(table.sum(axis=1), axis=0)
    alarms = [False, False]
    for minute, groups in enumerate(table):
        cells += [(int(ours), int(theirs)) for ours, theirs in groups if ours + theirs]
        ours, theirs = (int(total) for total in totals[minute])
        requests = 3000 * (minute + 1)
        counts = [Counts(int(requests * share), ours), Counts(int(requests * (1 - share)), theirs)]
        for rule, bursts in enumerate((bursts_of(cells), None)):
            if not alarms[rule]:
                alarms[rule] = judge([EpochCounts(1, percent, *counts, bursts=bursts)], plan).harm is not None
        if all(alarms):
            break
    return alarms[0], alarms[1]


def bursts(rng: np.random.Generator, runs: int) -> None:
    plan = RolloutPlan(name="m", model_version=2, model_uri="models:/m/2", champion_version=1, tolerance=1e-4)
    heading("failures in bursts that stay on one arm, 60 minutes")
    cases = [
        ("no worse, bursts of 20", {"ratio": 1, "size": 20, "apart": 0.0}, "<= 0.05"),
        ("no worse, half of the failures in bursts of 20", {"ratio": 1, "size": 20, "apart": 0.5}, "<= 0.05"),
        ("no worse, bursts of 3", {"ratio": 1, "size": 3, "apart": 0.0}, "<= 0.05"),
        ("twice the failures, one by one", {"ratio": 2, "size": 1, "apart": 1.0}, ">= 0.95"),
        ("five times the failures, one by one", {"ratio": 5, "size": 1, "apart": 1.0}, ">= 0.95"),
    ]
    for name, options, wanted in cases:
        for share in SHARES:
            found = [
                judged_bursts(burst_table(rng, share, minutes=60, callers=10_000, **options), share, plan)
                for _ in range(max(20, runs // 4))
            ]
            now, before = zip(*found, strict=True)
            row(f"{name}, split {share:.0%}", now, before, wanted)


# Latency --------------------------------------------------------------------------------------------------


def slow_events(
    rng: np.random.Generator, runs: int, rates: tuple[Array, Array], share: float, requests: int
) -> tuple[Array, Array]:
    """Slow answers at each look of both arms, ``rates`` by look, ``requests`` between two looks."""
    ours = rng.binomial(requests, share, (runs, len(rates[0])))
    canary, champion = rng.binomial(ours, rates[0]), rng.binomial(requests - ours, rates[1])
    return canary, champion


def cold_starts(rng: np.random.Generator, runs: int) -> None:
    """The canary's answers of the first 15 seconds are all slow; 10 requests a second, a look each 5 s."""
    limit = np.log(3 / ALPHA)
    heading("cold start of 15 s at 10 requests a second, 30 minutes")
    looks = 360
    cold = np.full(looks, 0.05)
    cold[:3] = 1.0
    for share in SHARES:
        ours, theirs = slow_events(rng, runs, (cold, np.full(looks, 0.05)), share, 50)
        before = (log_e(ours, theirs, share, 2.0) >= limit).any(axis=1)
        now = (log_e(ours[:, 6:], theirs[:, 6:], share, 2.0) >= limit).any(axis=1)
        row(f"equal but for the cold start, split {share:.0%}", now, before, "<= 0.05")


def load(rng: np.random.Generator, runs: int) -> None:
    """Log-normal answers (sigma 0.5) that take three times as long since the limit was set, or a third of it.

    The load has changed before the first look. Now the limit is that of the minute before: only in the first
    minute it is of another load.
    """
    harm, good = np.log(3 / ALPHA), np.log(1 / ALPHA)
    heading("load changes fivefold after the limit was set, 10 requests a second")
    looks, share = 360, 0.5

    def rates(slower: float, load_: float, frozen: bool) -> tuple[Array, Array]:
        limit = np.full(looks, stats.norm.ppf(0.95) * 0.5)
        times = np.full(looks, np.log(load_))
        if not frozen:
            limit[12:] += np.log(load_)
        canary, champion = (stats.norm.sf((limit - times - shift) / 0.5) for shift in (np.log(slower), 0.0))
        return canary, champion

    for load_, words in ((3.0, "more load"), (1 / 3, "less load")):
        for slower, wanted in ((1.0, "<= 0.05"), (1.5, ">= 0.95")):
            alarms, passes = [], []
            for frozen in (False, True):
                ours, theirs = slow_events(rng, runs, rates(slower, load_, frozen), share, 50)
                alarms.append((log_e(ours, theirs, share, 2.0) >= harm).any(axis=1))
                passes.append((log_e(ours, theirs, share, 2.0, worse=False) >= good).any(axis=1))
            row(f"{words}, answers x {slower:g}: rolled back", alarms[0], alarms[1], wanted)
            if slower > 1:
                first = [p & ~a for p, a in zip(passes, alarms, strict=True)]
                row(
                    f"{words}, answers x {slower:g}: passes, never rolled back", first[0], first[1], "<= 0.05"
                )


# Errors ---------------------------------------------------------------------------------------------------


def time_limits(rng: np.random.Generator, runs: int) -> None:
    """0.2 % of the answers of both versions take 5 to 10 s; 100,000 requests, the server's limit is 10 s."""
    heading("equal versions, 0.2 % of the answers take 5 to 10 s")
    looks = 100
    for share in SHARES:
        ours, theirs = (
            slow_events(rng, runs, (np.full(looks, late), np.zeros(looks)), share, 1000)
            for late in (0.0, 0.002)
        )
        now, before = ((log_e(*events, share) >= np.log(2 / ALPHA)).any(axis=1) for events in (ours, theirs))
        row(f"one limit for both (before: half for the canary), split {share:.0%}", now, before, "<= 0.05")


def heavy_callers(rng: np.random.Generator, runs: int) -> None:
    """2,000 callers, of whom 1 in 100 meets errors in all requests, whose number is Pareto-distributed."""
    heading("sticky routing, few callers send most requests")
    looks, callers = 100, 2000
    for share in SHARES:
        counts = {"once": np.zeros((2, runs, looks)), "each": np.zeros((2, runs, looks))}
        for run in range(runs):
            sizes = np.minimum(np.ceil(rng.pareto(1.2, callers) * 5), 5000)
            bad, arm = rng.random(callers) < 0.01, (rng.random(callers) >= share).astype(int)
            first = rng.integers(0, looks, callers)
            np.add.at(counts["once"][:, run], (arm[bad], first[bad]), 1)
            np.add.at(counts["each"][:, run], (arm[bad], first[bad]), sizes[bad])
        now, before = (
            (log_e(*counts[kind], share) >= np.log(2 / ALPHA)).any(axis=1) for kind in ("once", "each")
        )
        row(f"each caller once (before: each request), split {share:.0%}", now, before, "<= 0.05")


PARTS: tuple[Callable[[np.random.Generator, int], None], ...] = (
    bursts, cold_starts, load, time_limits, heavy_callers,
)  # fmt: skip


def self_check() -> None:
    """The vectorised process is the package's own."""
    rng = np.random.default_rng(0)
    ours, theirs = rng.integers(0, 9, (2, 1, 7))
    for null, worse in ((1.0, True), (2.0, True), (2.0, False)):
        make = EventShareProcess.inferiority if worse else EventShareProcess.non_inferiority
        process = make(null).add(int(ours.sum()), int(theirs.sum()), 0.25)
        assert np.isclose(log_e(ours, theirs, 0.25, null, worse=worse)[0, -1], process.log_e)
    assert GuardPlan(name="latency_p95", max_ratio=2.0).tolerance is None
    assert np.allclose(EventShareProcess.non_inferiority(2.0).ratios, log_spaced(2 / 16, 2 / 1.1, 24))


def report(rng: np.random.Generator, runs: int) -> None:
    """Print all rows; ``runs`` canaries each, a quarter of them for bursts."""
    self_check()
    for part in PARTS:
        part(rng, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=800, help="canaries per row")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    report(np.random.default_rng(options.seed), options.runs)
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
