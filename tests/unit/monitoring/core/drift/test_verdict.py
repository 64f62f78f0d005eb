from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.monitoring.core.drift.profiles import (
    CategoricalProfile,
    ColumnProfile,
    choose_edges,
    numeric_profile,
)
from airflow_mlops.monitoring.core.drift.verdict import judge
from tests.support.simulation import at_most, runs

COLUMNS = 25
EDGES = choose_edges(np.random.default_rng(0).normal(size=50_000), 64)


def table(rng: np.random.Generator, rows: int, shifted: int = 0, by: float = 0.0) -> dict[str, ColumnProfile]:
    """Return 20 normal columns and 5 of text with 3 to 200 levels; the first ``shifted`` are moved."""
    found: dict[str, ColumnProfile] = {}
    for i in range(20):
        found[f"n{i}"] = numeric_profile(rng.normal(by if i < shifted else 0, 1, rows), EDGES)
    for i, levels in enumerate((3, 8, 20, 50, 200)):
        shares = 1 / np.arange(1, levels + 1)
        counts = rng.multinomial(rows, shares / shares.sum())
        kept = min(levels, 50)
        found[f"c{i}"] = CategoricalProfile(
            count=rows,
            nulls=0,
            levels=tuple(map(str, range(kept))),
            counts=tuple(counts[:kept].tolist()),
            other=int(counts[kept:].sum()),
        )
    return found


def alarms(rows: int, windows: int, **drift: float) -> int:
    rng = np.random.default_rng(rows)
    reference = table(rng, 50_000)
    judged = [
        judge(reference, table(rng, rows, **drift), score=None, rows=rows, threshold=0.1)  # type: ignore[arg-type]
        for _ in range(windows)
    ]
    return sum(found.verdict == "drift" for found in judged)


@pytest.mark.simulation
@pytest.mark.parametrize(("rows", "windows"), [(1_000, 200), (20_000, 40)])
def test_without_drift_at_most_one_window_in_a_hundred_alarms(rows: int, windows: int) -> None:
    tried = runs(windows)
    assert alarms(rows, tried) / tried <= at_most(0.01, tried)


@pytest.mark.simulation
def test_five_of_twenty_five_columns_moved_by_a_quarter_sd_are_found() -> None:
    tried = runs(200)
    assert alarms(1_000, tried, shifted=5, by=0.25) >= 0.99 * tried


def test_the_columns_that_moved_are_named_with_the_largest_effect_first() -> None:
    rng = np.random.default_rng(1)
    found = judge(table(rng, 50_000), table(rng, 5_000, 3, 0.5), score=None, rows=5_000, threshold=0.25)
    assert sorted(found.drifted) == ["n0", "n1", "n2"]
    assert {column.column for column in found.columns[:3]} == {"n0", "n1", "n2"}
    assert len(found.columns) == COLUMNS


def test_a_significant_but_small_shift_is_no_drift() -> None:
    rng = np.random.default_rng(2)
    found = judge(table(rng, 200_000), table(rng, 200_000, 1, 0.05), score=None, rows=200_000, threshold=0.1)
    moved = next(column for column in found.columns if column.column == "n0")
    assert moved.p_value < 1e-6
    assert found.verdict == "stable"


def test_fewer_than_500_rows_are_insufficient_whatever_they_hold() -> None:
    rng = np.random.default_rng(3)
    found = judge(table(rng, 5_000), table(rng, 499, 20, 3.0), score=None, rows=499, threshold=0.1)
    assert (found.verdict, found.drifted) == ("insufficient", ())


def test_a_window_with_too_few_drifted_columns_is_stable() -> None:
    rng = np.random.default_rng(4)
    before, after = table(rng, 5_000), table(rng, 5_000, 5, 1.0)
    assert judge(before, after, score=None, rows=5_000, threshold=0.1, min_share=0.2).verdict == "stable"
    assert judge(before, after, score=None, rows=5_000, threshold=0.1, min_share=0.19).verdict == "drift"


def test_the_score_is_reported_on_its_own_and_can_raise_the_alarm() -> None:
    rng = np.random.default_rng(5)
    before, after = table(rng, 5_000), table(rng, 5_000)
    before["_score"] = numeric_profile(rng.normal(size=5_000), EDGES)
    after["_score"] = numeric_profile(rng.normal(1, 1, 5_000), EDGES)
    found = judge(before, after, score="_score", rows=5_000, threshold=0.25)
    assert found.score is not None
    assert found.score.drifted
    assert found.drifted == ("_score",)
    assert "_score" not in {column.column for column in found.columns}
