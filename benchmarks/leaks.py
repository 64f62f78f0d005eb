"""How often the leak probe suspects a column that is honest, how often it finds a leak, and what it costs.

    python benchmarks/leaks.py           2,000 simulated tables for each row of the table
    python benchmarks/leaks.py --full    20,000

Each figure is a share of simulated tables with its standard error. The first rows are about a single column
at the edge of what is still taken for honest; the next ones about columns that tell less, as strong honest
features do; then leaks. The last lines probe whole frames: seconds of CPU with 30, 300 and 3,000 columns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from airflow_mlops.data.core.leak_scores import codes_of_numbers
from airflow_mlops.data.core.leak_verdicts import Column, Target, judge

Table = tuple[Column, Target]


def target_of(codes: np.ndarray, rng: np.random.Generator, numbers: np.ndarray | None = None) -> Target:
    return Target(codes, numbers, np.ones(len(codes)), rng.random(len(codes)) < 0.5)


def two_classes(auc: float, share: float) -> Callable[[int, np.random.Generator], Table]:
    """Two normal distributions with the given area under the curve."""

    def make(rows: int, rng: np.random.Generator) -> Table:
        label = (rng.permutation(rows) < share * rows).astype(np.int64)
        values = rng.normal(label * stats.norm.ppf(auc) * np.sqrt(2))
        return Column(codes_of_numbers(values), values, np.isnan(values)), target_of(label, rng)

    return make


def two_levels(auc: float) -> Callable[[int, np.random.Generator], Table]:
    """A flag with equal error rates in both classes."""

    def make(rows: int, rng: np.random.Generator) -> Table:
        label = rng.integers(0, 2, rows)
        flag = np.where(rng.random(rows) < auc, label, 1 - label)
        return Column(flag, flag.astype(float), flag < 0), target_of(label, rng)

    return make


def four_classes(reduction: float) -> Callable[[int, np.random.Generator], Table]:
    """A level for each of four equal classes, wrong in some rows."""

    def make(rows: int, rng: np.random.Generator) -> Table:
        label = rng.integers(0, 4, rows)
        wrong = rng.random(rows) < (1 - reduction) * 0.75
        told = np.where(wrong, (label + rng.integers(1, 4, rows)) % 4, label)
        return Column(told, None, told < 0), target_of(label, rng)

    return make


def numbers(r2: float) -> Callable[[int, np.random.Generator], Table]:
    """Two normal variables with the given R²."""

    def make(rows: int, rng: np.random.Generator) -> Table:
        values = rng.normal(size=rows)
        target = values + rng.normal(0, np.sqrt(1 / r2 - 1), rows)
        codes = np.argsort(np.argsort(target))
        return Column(codes_of_numbers(values), values, np.isnan(values)), target_of(codes, rng, target)

    return make


def gaps(odds: float) -> Callable[[int, np.random.Generator], Table]:
    """A column with 40 % gaps, where the odds of the class differ so many times."""

    def make(rows: int, rng: np.random.Generator) -> Table:
        missing = rng.random(rows) < 0.4
        few = 0.25 / odds
        label = (rng.random(rows) < np.where(missing, 0.2, few / (1 + few))).astype(np.int64)
        return Column(np.zeros(rows, np.int64), None, missing), target_of(label, rng)

    return make


ROWS: dict[str, tuple[Callable[[int, np.random.Generator], Table], tuple[int, ...]]] = {
    "edge: AUC 0.98, half positive": (two_classes(0.98, 0.5), (200, 1_000, 5_000)),
    "edge: AUC 0.98, a tenth positive": (two_classes(0.98, 0.1), (1_000, 5_000)),
    "edge: a flag with AUC 0.98": (two_levels(0.98), (200, 1_000, 5_000)),
    "edge: 95 % of the errors removed": (four_classes(0.95), (200, 1_000, 5_000)),
    "edge: R² 0.98": (numbers(0.98), (60, 200, 1_000)),
    "edge: gaps with odds 10": (gaps(10), (200, 1_000, 5_000)),
    "honest: AUC 0.95": (two_classes(0.95, 0.5), (200, 1_000)),
    "honest: 90 % of the errors removed": (four_classes(0.9), (200, 1_000)),
    "honest: R² 0.95": (numbers(0.95), (60, 200)),
    "honest: gaps with odds 5": (gaps(5), (200, 1_000)),
    "leak: AUC 0.999": (two_classes(0.999, 0.5), (200, 1_000, 5_000)),
    "leak: 99.5 % of the errors removed": (four_classes(0.995), (200, 1_000)),
    "leak: R² 0.995": (numbers(0.995), (60, 200, 1_000)),
    "leak: gaps with odds 1,000": (gaps(1_000), (200, 1_000)),
}


def probe_seconds(columns: int, rows: int) -> float:
    """Return the CPU seconds that one probe of a whole frame takes."""
    import pandas as pd

    from airflow_mlops.config.models import Data
    from airflow_mlops.data.leaks import probe

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, columns))).rename(columns=lambda number: f"c{number}")
    raw = frame.assign(y=rng.random(rows) < 0.3)
    data = Data.model_validate({"source": {"type": "csv", "filepath": "x"}, "target": "y"})
    begin = time.process_time()
    found = probe(frame, raw, data)
    assert not found.leaks
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="20,000 tables for each figure")
    repeats = 20_000 if parser.parse_args().full else 2_000
    rng = np.random.default_rng(1)
    print(f"{'column':40} {'rows':>6}  suspected (± standard error, {repeats:,} tables)")
    for name, (make, sizes) in ROWS.items():
        for rows in sizes:
            share = sum(bool(judge(*make(rows, rng)).kind) for _ in range(repeats)) / repeats
            print(
                f"{name:40} {rows:6,}  {share:.2%} ± {np.sqrt(share * (1 - share) / repeats):.2%}", flush=True
            )
    print(f"\n{'frame':40} {'rows':>6}  CPU seconds")
    for columns in (30, 300, 3_000):
        print(f"{f'{columns:,} columns':40} {20_000:6,}  {probe_seconds(columns, 20_000):.2f}", flush=True)


if __name__ == "__main__":
    main()
