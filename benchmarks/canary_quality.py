"""The guard ``quality`` under labels as they come: late, few, of one class, other for each version.

    python benchmarks/canary_quality.py                about 100 CPU seconds
    python benchmarks/canary_quality.py --runs 20      a few seconds, larger errors

Each run is two hours of a canary with a quarter of 100 answers a minute, looked at every ten minutes. The
champion is wrong in 10 % of its answers. ``before`` is the rule that weighs wrong labels with the share of
the traffic, as they come: what this package did first. ± is one standard error.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from airflow_mlops.core.label_ages import age_class
from airflow_mlops.rollout.core import Counts, EpochCounts, GuardPlan
from airflow_mlops.rollout.core.evidence import EventShareProcess
from airflow_mlops.rollout.core.labelled import ArmLabels, LabelRow
from airflow_mlops.rollout.core.quality import find_quality

ALPHA = 0.05
LIMITS = {"harm_limit": math.log(3 / ALPHA), "pass_limit": math.log(1 / ALPHA)}  # Two guards and the floor.
SHARE = 0.25
PER_MINUTE = 100
MINUTES = 120
LOOK = 10
FLAGGED = 0.3
"""Share of the champion's answers in which the prediction is 1."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One situation; pairs are (canary, champion).

    ``wrong_flagged`` and ``wrong`` are the shares of wrong predictions among the predictions 1 and 0,
    ``coverage`` and ``coverage_flagged`` the shares that get a label, ``delay_min`` their delay in minutes.
    The canary predicts 1 ``flags`` times as often as the champion.
    ``corrected`` is the share of the labels that say "wrong" at first and the truth three minutes later.
    """

    name: str
    harmful: bool = False
    wrong: tuple[float, float] = (0.1, 0.1)
    wrong_flagged: tuple[float, float] = (0.1, 0.1)
    coverage: tuple[float, float] = (1.0, 1.0)
    coverage_flagged: tuple[float, float] | None = None
    flags: float = 1.0
    delay_min: tuple[float, float] = (0.0, 0.0)
    label_delay_s: float | None = None
    corrected: float = 0.0
    drift: float = 1.0


CASES = (
    Case(name="all labels at once"),
    Case(name="champion's labels 2 min later", delay_min=(0.0, 2.0)),
    Case(name="champion's labels 10 min later", delay_min=(0.0, 10.0)),
    Case(name="canary's labels 10 min later", delay_min=(10.0, 0.0)),
    Case(name="the same, label_delay: 20m", delay_min=(10.0, 0.0), label_delay_s=1200.0),
    Case(name="30 % labelled, base rate drifts x3", coverage=(0.3, 0.3), drift=3.0),
    Case(name="36 % and 30 % labelled", coverage=(0.36, 0.3)),
    Case(name="90 % and 30 % labelled", coverage=(0.9, 0.3)),
    Case(name="only predictions 1 labelled", coverage=(0.0, 0.0), coverage_flagged=(1.0, 1.0),
         wrong_flagged=(0.3, 0.3)),
    Case(name="only 1 labelled, canary predicts 1.5 x as many", coverage=(0.0, 0.0),
         coverage_flagged=(1.0, 1.0), wrong_flagged=(0.3, 0.3), flags=1.5),
    Case(name="1 labelled, 3 % of 0, 1.5 x as many", coverage=(0.03, 0.03), coverage_flagged=(1.0, 1.0),
         wrong_flagged=(0.3, 0.3), flags=1.5),
    Case(name="40 % of 1 labelled, 1.5 x as many", coverage=(0.0, 0.0), coverage_flagged=(0.4, 0.4),
         wrong_flagged=(0.3, 0.3), flags=1.5),
    Case(name="90 % and 60 % of 1 labelled", coverage=(0.0, 0.0), coverage_flagged=(0.9, 0.6),
         wrong_flagged=(0.3, 0.3)),
    Case(name="90 % and 60 % of 1 labelled, 1.5 x as many", coverage=(0.0, 0.0), coverage_flagged=(0.9, 0.6),
         wrong_flagged=(0.3, 0.3), flags=1.5),
    Case(name="a tenth corrected after 3 min, label_delay: 5m", corrected=0.1, label_delay_s=300.0),
    Case(name="wrong twice as often", harmful=True, wrong=(0.2, 0.1), wrong_flagged=(0.2, 0.1)),
    Case(name="twice, champion's labels 10 min later", harmful=True, wrong=(0.2, 0.1),
         wrong_flagged=(0.2, 0.1), delay_min=(0.0, 10.0)),
    Case(name="twice, 30 % labelled", harmful=True, wrong=(0.2, 0.1), wrong_flagged=(0.2, 0.1),
         coverage=(0.3, 0.3)),
    Case(name="twice, 15 % and 30 % labelled", harmful=True, wrong=(0.2, 0.1), wrong_flagged=(0.2, 0.1),
         coverage=(0.15, 0.3)),
    Case(name="half the precision, only predictions 1 labelled", harmful=True, coverage=(0.0, 0.0),
         coverage_flagged=(1.0, 1.0), wrong_flagged=(0.65, 0.3)),
    Case(name="the same, and 1.5 x as many", harmful=True, coverage=(0.0, 0.0),
         coverage_flagged=(1.0, 1.0), wrong_flagged=(0.65, 0.3), flags=1.5),
    Case(name="precision 0.6 for 0.7, only 1 labelled, 1.5 x", harmful=True, coverage=(0.0, 0.0),
         coverage_flagged=(1.0, 1.0), wrong_flagged=(0.4, 0.3), flags=1.5),
    Case(name="half the precision, 1 labelled, 3 % of 0", harmful=True, coverage=(0.03, 0.03),
         coverage_flagged=(1.0, 1.0), wrong_flagged=(0.65, 0.3)),
    Case(name="twice, a tenth corrected, label_delay: 5m", harmful=True, wrong=(0.2, 0.1),
         wrong_flagged=(0.2, 0.1), corrected=0.1, label_delay_s=300.0),
)  # fmt: skip


def rows_of(rng: np.random.Generator, case: Case, side: int) -> list[tuple[float, LabelRow]]:
    """Return (second at which it is there, row) of one version."""
    found = []
    share = (SHARE, 1 - SHARE)[side]
    flagged_coverage = case.coverage if case.coverage_flagged is None else case.coverage_flagged
    delay = case.delay_min[side] * 60
    flagged = FLAGGED * (case.flags, 1.0)[side]
    for minute in range(MINUTES):
        start = minute * 60.0
        climb = 1 + (case.drift - 1) * minute / MINUTES
        for predicted, part, coverage, wrong in (
            ("1", flagged, flagged_coverage[side], case.wrong_flagged[side]),
            ("0", 1 - flagged, case.coverage[side], case.wrong[side]),
        ):
            answers = int(rng.poisson(PER_MINUTE * share * part))
            labelled = int(rng.binomial(answers, coverage))
            bad = int(rng.binomial(labelled, min(1.0, wrong * climb)))
            found.append((start + 60, LabelRow(start, 60.0, predicted, 0.0, answers, 0, 0)))
            mistaken = int(rng.binomial(labelled - bad, case.corrected))
            age = age_class(delay)
            found.append(
                (start + 60 + delay, LabelRow(start, 60.0, predicted, age, 0, labelled, bad + mistaken))
            )
            if mistaken:
                later = LabelRow(start, 60.0, predicted, age_class(delay + 180), 0, 0, -mistaken)
                found.append((start + 60 + delay + 180, later))
    return found


def looks(rows: list[list[tuple[float, LabelRow]]]) -> Iterator[tuple[Counts, Counts]]:
    """Yield what a server has counted at each look."""
    for now in range(LOOK * 60, MINUTES * 60 + 1, LOOK * 60):
        sides = []
        for listed in rows:
            here = tuple(row for at, row in listed if at <= now)
            labelled, wrong = sum(row.labelled for row in here), sum(row.wrong for row in here)
            answers = sum(row.answers for row in here)
            counts = Counts(answers, 0, labelled=labelled, wrong=wrong, labels=ArmLabels(float(now), here))
            sides.append(counts)
        yield sides[0], sides[1]


def judge(rng: np.random.Generator, case: Case) -> tuple[bool, bool, bool, bool, float]:
    """Return (harm, harm by the rule of before, pass, labels not alike, minutes until harm) of one run."""
    guard = GuardPlan(name="quality", max_ratio=1.5, label_delay_s=case.label_delay_s)
    rows = [rows_of(rng, case, side) for side in (0, 1)]
    judged, first = None, math.nan
    harm = before = good = uneven = False
    for number, (canary, champion) in enumerate(looks(rows), 1):
        process = EventShareProcess.inferiority(1.0).add(canary.wrong, champion.wrong, SHARE)
        before = before or process.log_e >= LIMITS["harm_limit"]
        if harm:
            continue  # The rollout has ended; one that passes goes on and is judged further.
        judged = EpochCounts(1, 25, canary, champion).after(judged, case.label_delay_s)
        found = find_quality(guard, [judged], **LIMITS)
        uneven = uneven or found.evidence["labelled_alike"]["log_e"] >= LIMITS["pass_limit"]
        good = good or found.good is not None
        if found.harm:
            harm, first = True, number * LOOK
    return harm, before, good, uneven, first


def _error(share: float, runs: int) -> float:
    """The standard error of a share; one run's worth where all or none did."""
    return math.sqrt(max(share * (1 - share), 1 / runs) / runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=120, help="runs of each row (default: 120)")
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    begun, runs = time.process_time(), arguments.runs
    print(f"alpha {ALPHA:g}, {runs} runs each; the guard has a third of alpha: {ALPHA / 3:.3f}")
    print(f"{'':<52}{'before':>10}{'this':>15}{'median':>9}{'passes':>9}{'labels not alike':>18}")
    for harmful, title in ((False, "false rollbacks"), (True, "rollbacks of a worse version")):
        print(title)
        for number, case in enumerate(CASES):
            if case.harmful != harmful:
                continue
            rng = np.random.default_rng([arguments.seed, number])
            found = np.array([judge(rng, case) for _ in range(runs)], dtype=float)
            harm, before, good, uneven = found[:, :4].mean(axis=0)
            minutes = f"{np.nanmedian(found[:, 4]):.0f} min" if harm else "-"
            shares = (
                f"{before:>10.1%}{harm:>9.1%} ±{_error(harm, runs):>4.1%}{minutes:>9}{good:>9.1%}"
                f"{uneven:>12.1%} ±{_error(uneven, runs):>4.1%}"
            )
            print(f"  {case.name:<50}{shares}", flush=True)
    print(f"\n{time.process_time() - begun:.0f} CPU seconds")


if __name__ == "__main__":
    main()
