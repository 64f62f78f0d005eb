"""How often the gate is wrong: single comparisons, and lives of 50 weekly retrainings, all simulated.

    python benchmarks/gate.py           less than 3 CPU minutes
    python benchmarks/gate.py --full    ten times as many, for smaller standard errors

Only the scores of the models are simulated; what judges them are the package's own functions. The score of a
model with a true AUC of Phi(d / sqrt 2) is d for a positive and 0 for a negative, plus normal noise of
variance 1. Two models share a part of the noise, as two trainings on nearly the same rows do. Each
week has new rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from airflow_mlops.training.core import anchor as anchors
from airflow_mlops.training.core import gates
from airflow_mlops.training.core.anchor import Anchor
from airflow_mlops.training.core.bootstrap import Interval, paired_bootstrap
from airflow_mlops.training.core.comparison import Statistic, average_precision, confusion, ranking_auc
from airflow_mlops.training.core.metric_facts import METRIC_FACTS
from airflow_mlops.training.core.units import Units, by_class, each_row

METRIC = "roc_auc"
WEEKS = 50


def separation(auc: float) -> float:
    """Return the distance of the two classes that gives an AUC."""
    return float(np.sqrt(2) * stats.norm.ppf(auc))


@dataclass(frozen=True)
class World:
    """How rows come about: how many, how many of an entity, the share of positives and of noise in common.

    With ``by_row`` rows are resampled, although they belong to entities: what the gate does not do.
    """

    rows: int = 1_000
    each: int = 1
    positives: float = 0.3
    common: float = 0.8
    copies: float = 0.0
    metric: str = METRIC
    by_row: bool = False


@dataclass(frozen=True)
class HoldOut:
    """The rows of one week: labels, units, and the statistic of a model by its true AUC."""

    truth: np.ndarray
    units: Units
    statistic: Callable[[float], Statistic]


def hold_out(world: World, rng: np.random.Generator) -> HoldOut:
    """Draw new rows; the noise of an entity is 0.9 its own, that of a copy the copied row's."""
    entities = world.rows // world.each
    within = 0.9 if world.each > 1 else 0.0
    label = np.repeat((rng.random(entities) < world.positives).astype(int), world.each)
    picked = np.arange(world.rows)
    if world.copies:
        count = int(world.rows * world.copies)
        picked[-count:] = rng.integers(0, world.rows - count, count)

    def noise() -> np.ndarray:
        own, row = rng.normal(size=entities), rng.normal(size=world.rows)
        return np.sqrt(within) * np.repeat(own, world.each) + np.sqrt(1 - within) * row

    shared, truth = noise(), label[picked]

    def statistic(auc: float) -> Statistic:
        own = np.sqrt(world.common) * shared + np.sqrt(1 - world.common) * noise()
        score = (separation(auc) * label + own)[picked]
        return _STATISTICS[world.metric](truth, score)

    codes = np.arange(world.rows) // world.each if world.each > 1 else picked
    together = (world.each > 1 or world.copies) and not world.by_row
    units = Units(np.unique(codes, return_inverse=True)[1]) if together else each_row(world.rows)
    return HoldOut(truth, units, statistic)


def _f1(truth: np.ndarray, score: np.ndarray) -> Statistic:
    return confusion(
        truth, (score > 0.8).astype(int), lambda hits, said, real: float(2 * hits[1] / (said[1] + real[1]))
    )


_STATISTICS = {"roc_auc": ranking_auc, "average_precision": average_precision, "f1": _f1}


def interval(rows: HoldOut, first: Statistic, second: Statistic, metric: str = METRIC) -> Interval:
    """Compare two statistics as the gate does."""
    strata = by_class(rows.truth, rows.units) if METRIC_FACTS[metric].by_class else None
    codes = None if rows.units.are_rows else rows.units.codes
    return paired_bootstrap(first, second, len(rows.truth), units=codes, strata=strata)


@dataclass
class Rate:
    """How often something happened."""

    hits: int = 0
    tries: int = 0

    def add(self, hit: bool, tries: int = 1) -> None:
        self.hits, self.tries = self.hits + int(hit), self.tries + tries

    def __str__(self) -> str:
        share = self.hits / max(self.tries, 1)
        error = np.sqrt(max(share * (1 - share), 1 / max(self.tries, 1) / 4) / max(self.tries, 1))
        return f"{100 * share:5.1f} % ± {100 * error:.1f}  ({self.tries:,})"


def equal_models(world: World, times: int, seed: int = 1) -> Rate:
    """Count equal models whose whole interval is on one side of zero, each side of each comparison."""
    rng, rate = np.random.default_rng(seed), Rate()
    for _ in range(times):
        rows = hold_out(world, rng)
        found = interval(rows, rows.statistic(0.75), rows.statistic(0.75), world.metric)
        rate.add(found.low >= 0)
        rate.add(found.high <= 0)
    return rate


def gain(world: World, by: float, times: int, limit: str = ">= 0", seed: int = 2) -> Rate:
    """Count models that are better and pass."""
    rng, rate = np.random.default_rng(seed), Rate()
    for _ in range(times):
        rows = hold_out(world, rng)
        found = interval(rows, rows.statistic(0.75 + by), rows.statistic(0.75))
        rate.add(gates.compare(METRIC, found, limit).passed)
    return rate


@dataclass
class Life:
    """A pipeline: versions with their true AUC, the champion, and what its tags say of its anchor."""

    auc: list[float] = field(default_factory=lambda: [0.75])
    champion: int = 0
    tags: list[dict[str, str]] = field(default_factory=lambda: [{}])
    replaced: int = 0
    best: float = 0.75
    deepest: float = 0.0
    weeks: int = 0

    def week(
        self, world: World, challenger: float, limit: str, rng: np.random.Generator, *, anchor: bool
    ) -> bool:
        """Judge a challenger by champion and anchor; returns whether it is registered."""
        rows, new = hold_out(world, rng), len(self.auc)
        asked: dict[int, Statistic] = {}
        mine = rows.statistic(challenger)

        def against(version: int, limits: dict[str, str]) -> list:
            asked.setdefault(version, rows.statistic(self.auc[version]))
            return [gates.compare(METRIC, interval(rows, mine, asked[version]), limits[METRIC])]

        steps = {METRIC: limit}
        whole = anchors.total_limits(steps, {})
        behind = anchors.anchor_of(self.champion, self.tags[self.champion]).version if anchor else None
        found = against(self.champion, steps)
        now = Anchor(new)
        if behind is not None:
            base = Anchor(behind, anchors.lost_of(self.tags[behind]))
            held = against(behind, anchors.left_of(whole, base))
            now = anchors.following(base, held)
            found = [*found, *held]
        if not all(item.passed for item in found):
            return False
        self.auc.append(challenger)
        self.tags.append(anchors.tags_of(new, now.version, now.lost))
        self.champion, self.replaced = new, self.replaced + 1
        return True

    def follow(self) -> None:
        """Keep the best champion so far, and the deepest loss since."""
        now = self.auc[self.champion]
        self.best = max(self.best, now)
        self.deepest = max(self.deepest, self.best - now)

    def worsens(self, by: float) -> None:
        """The world changes: every model of before is worse than it was."""
        self.auc = [auc - by for auc in self.auc]
        self.best -= by


def lives(
    world: World, step: Callable[[Life], float], limit: str, times: int, *, anchor: bool = True, seed: int = 3
) -> list[Life]:
    """Live some lives; ``step`` says the true AUC of the challenger of a week."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(times):
        life = Life()
        for life.weeks in range(1, WEEKS + 1):
            life.week(world, step(life), limit, rng, anchor=anchor)
            life.follow()
        found.append(life)
    return found


def tried(found: list[Life]) -> Rate:
    """Count the weeks with a new champion."""
    return Rate(sum(life.replaced for life in found), WEEKS * len(found))


def losses(found: list[Life], bound: float) -> str:
    """Tell the mean and the largest loss since the best champion, and how many lives went beyond a bound."""
    deepest = np.array([life.deepest for life in found])
    error = deepest.std(ddof=1) / np.sqrt(len(deepest))
    beyond = int((deepest > bound + 1e-9).sum())
    return (
        f"{deepest.mean():.4f} ± {error:.4f}, largest {deepest.max():.4f}; "
        f"beyond {bound:.4f} in {beyond} of {len(found)} lives"
    )


def shown_by(world: World, seed: int = 4) -> float:
    """Return the smallest difference that such a hold-out shows with 80 % power."""
    rows = hold_out(world, np.random.default_rng(seed))
    return interval(rows, rows.statistic(0.75), rows.statistic(0.75)).detectable


def same(life: Life) -> float:
    """A challenger that is as good as the champion."""
    return life.auc[life.champion]


def creeping(life: Life) -> float:
    """A challenger that is a little worse than the champion."""
    return life.auc[life.champion] - 0.002


def drifting(life: Life) -> float:
    """From week 20 on models of before have lost 0.05; a new one has it back."""
    if life.weeks == 20:
        life.worsens(0.05)
    return 0.75


def chance(full: int) -> Iterator[tuple[str, str]]:
    """Equal models: how often an interval lies on one side of zero."""
    for world in (
        World(500),
        World(1_000),
        World(1_000, each=10),
        World(1_000, each=20),
        World(1_000, positives=0.02),
        World(700, copies=0.3),
        World(1_000, metric="average_precision"),
        World(1_000, metric="f1"),
    ):
        kind = "copies, 30 %" if world.copies else f"{world.each} rows per entity"
        name = f"{world.metric}, {world.rows:,} rows, {kind}, {world.positives:.0%} positives"
        yield f"equal models pass >= 0: {name}", str(equal_models(world, 400 * full))
    for each in (10, 20):
        world = World(1_000, each=each, by_row=True)
        name = f"{each} rows per entity, if rows were resampled"
        yield f"equal models pass >= 0: {name}", str(equal_models(world, 200 * full))


def with_power(full: int) -> Iterator[tuple[str, str]]:
    """Real gains."""
    yield "+.02 AUC passes >= 0: 5,000 rows", str(gain(World(5_000), 0.02, 60 * full))
    yield "equal model passes >= -0.005: 1,000 rows", str(gain(World(1_000), 0.0, 200 * full, ">= -0.005"))


def whole_lives(full: int) -> Iterator[tuple[str, str]]:
    """Lives of 50 weeks."""
    close = World(1_000, common=0.995)
    for name, world in (
        ("1,000 rows", World(1_000)),
        ("1,000 rows, 10 per entity", World(1_000, each=10)),
        ("700 rows, 30 % copies", World(700, copies=0.3)),
    ):
        yield (
            f"noise, >= 0: weeks with a new champion: {name}",
            str(tried(lives(world, same, ">= 0", 4 * full))),
        )
    for anchor in (True, False):
        crept = lives(close, creeping, ">= -0.005", 12 * full, anchor=anchor)
        yield (
            f"creep of .002, >= -0.005, {'with' if anchor else 'without'} the anchor: loss",
            losses(crept, 0.005),
        )
    crept, shown = lives(close, creeping, "", 12 * full), shown_by(close)
    yield f"creep of .002, no limit, the hold-out shows {shown:.4f}: loss", losses(crept, 2 * shown)
    drifted = lives(World(1_000), drifting, "", 3 * full)
    back = np.mean([life.auc[life.champion] >= 0.7499 for life in drifted])
    yield "drift of -.05 in week 20, no limit: recovered by week 50", f"{100 * back:.0f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="ten times as many simulations")
    full = 10 if parser.parse_args().full else 1
    start = time.process_time()
    print(f"AUC .75; limits are on the 95 % interval of challenger minus champion; lives of {WEEKS} weeks")
    for part in (chance, with_power, whole_lives):
        print()
        for name, figure in part(full):
            print(f"{name:<88}  {figure}", flush=True)
    print(f"\n{time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
