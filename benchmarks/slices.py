"""How often a limit of slices against the champion is wrong: equal models, and one slice that is worse.

    python benchmarks/slices.py           about a CPU minute
    python benchmarks/slices.py --full    five times as many, for smaller standard errors

Only truth and answers of the models are simulated; what judges them is ``training.slice_contest``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Evaluate
from airflow_mlops.training.contest import Challenge, Contest, Pair
from airflow_mlops.training.core import metrics, slice_limits
from airflow_mlops.training.core.units import Units
from airflow_mlops.training.slice_contest import against_champion


@dataclass(frozen=True)
class World:
    """``slices`` of ``rows`` rows, ``each`` of an entity; ``share`` of them are positive."""

    slices: int
    rows: int
    metric: str
    share: float = 0.3
    each: int = 1
    limit: str = ">= 0"


def scores(truth: np.ndarray, shared: np.ndarray, apart: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return probabilities of a model that shares a part of its noise; ``apart`` separates the classes."""
    noise = 0.9 * shared + 0.44 * rng.normal(size=len(truth))
    return 1 / (1 + np.exp(-(apart * truth + noise - 0.6)))


def refused(world: World, rng: np.random.Generator, worse: float = 0.0) -> bool:
    """Whether one training is refused for a slice; with ``worse`` the first slice is separated less."""
    count = world.slices * world.rows
    units = np.arange(count) // world.each
    truth = (rng.random(units[-1] + 1) < world.share).astype(int)[units]
    shared = rng.normal(size=units[-1] + 1)[units]
    part = np.repeat(np.arange(world.slices), world.rows)
    answers = []
    for apart in (np.where(part == 0, 1.2 - worse, 1.2), np.full(count, 1.2)):
        found = scores(truth, shared, apart, rng)
        pairs = np.column_stack([1 - found, found])
        answers.append(metrics.classification(truth, (found > 0.5).astype(int), [0, 1], pairs))
    mine, theirs = answers
    given = {"metrics": [world.metric], "slices_against_champion": {"part": {world.metric: world.limit}}}
    challenge = Challenge(pd.DataFrame({"part": part}), pd.Series(truth), mine, Units(units))
    contest = Contest(1, pair=Pair(np.ones(count, dtype=bool), mine, theirs))
    return bool(slice_limits.worse(against_champion(challenge, contest, Evaluate.model_validate(given))))


def rate(world: World, times: int, worse: float = 0.0) -> str:
    """Return how often trainings are refused, with the standard error, in percent."""
    rng = np.random.default_rng(0)
    share = float(np.mean([refused(world, rng, worse) for _ in range(times)]))
    error = np.sqrt(max(share * (1 - share), 1 / times) / times)
    return f"{100 * share:.1f} % ± {100 * error:.1f}"


def main() -> None:
    """Print one line for each world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--full", action="store_true")
    many = 5 if parser.parse_args().full else 1
    begin = time.process_time()
    print("equal models, limit >= 0: refused for at least one slice (nominal at most 2.5 %)")
    for times, world in (
        (600, World(1, 100, "roc_auc")),
        (400, World(20, 100, "accuracy")),
        (150, World(20, 100, "roc_auc", share=0.15)),
        (150, World(60, 200, "accuracy")),
        (100, World(10, 300, "roc_auc", share=0.4, each=5)),
    ):
        print(f"  {world}: {rate(world, many * times)}", flush=True)
    print("one of 10 slices is worse by .11 AUC (.80 to .69), limit >= -0.02: refused")
    for rows in (300, 1_000):
        world = World(10, rows, "roc_auc", limit=">= -0.02")
        print(f"  {world}: {rate(world, many * 40, worse=0.5)}", flush=True)
    print(f"{time.process_time() - begin:.0f} CPU seconds")


if __name__ == "__main__":
    main()
