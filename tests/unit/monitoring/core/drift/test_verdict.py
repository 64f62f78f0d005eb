from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.monitoring.core.drift.profiles import (
    CategoricalProfile,
    ColumnProfile,
    choose_edges,
    numeric_profile,
)
from airflow_mlops.monitoring.core.drift.verdict import compare_column, judge
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


def halves(first: int, second: int) -> CategoricalProfile:
    return CategoricalProfile(count=first + second, nulls=0, levels=("a", "b"), counts=(first, second))


def constant(value: float, rows: int = 1_000) -> ColumnProfile:
    return numeric_profile(np.full(rows, value), (0.0, 1.0))


def test_five_hundred_values_on_either_side_are_enough_to_compare_a_column() -> None:
    before = {"a": constant(0, 500), "b": constant(0, 499), "c": constant(0), "gone": constant(0)}
    after = {"a": constant(1, 500), "b": constant(1), "c": constant(1, 499), "new": constant(1)}
    found = judge(before, after, score=None, rows=500, threshold=0.5)
    assert [column.column for column in found.columns] == ["a"]
    assert (found.verdict, found.drifted) == ("drift", ("a",))


def test_enough_rows_without_a_column_to_compare_are_insufficient() -> None:
    found = judge({"a": constant(0)}, {"a": constant(0, 499)}, score=None, rows=5_000, threshold=0.5)
    assert (found.verdict, found.columns, found.score) == ("insufficient", (), None)


@pytest.mark.parametrize(("threshold", "verdict"), [(1.0, "drift"), (1.001, "stable")])
def test_an_effect_that_just_reaches_the_threshold_is_drift(threshold: float, verdict: str) -> None:
    """A constant that moves is a distance of one in its own unit."""
    found = judge({"a": constant(0)}, {"a": constant(1)}, score=None, rows=1_000, threshold=threshold)
    assert (found.columns[0].effect, found.verdict) == (1, verdict)


@pytest.mark.parametrize(
    ("moved", "drifted"),
    [(58, True), (56, False)],  # chi-squared of 6.75 and 6.29: p = 0.0094 and 0.0121
)
def test_a_column_is_significant_when_at_most_one_rejection_in_a_hundred_is_false(
    moved: int, drifted: bool
) -> None:
    before, after = {"a": halves(500, 500)}, {"a": halves(500 + moved, 500 - moved)}
    found = judge(before, after, score=None, rows=1_000, threshold=0.001)
    assert found.columns[0].p_value == pytest.approx(0.0094 if drifted else 0.0121, abs=0.0001)
    assert found.columns[0].drifted is drifted


def test_columns_are_ordered_by_their_effect_and_equal_ones_by_name() -> None:
    reference: dict[str, ColumnProfile] = {name: halves(500, 500) for name in ("calm", "z", "a", "most")}
    window: dict[str, ColumnProfile] = {
        "calm": halves(500, 500), "z": halves(700, 300), "a": halves(300, 700), "most": halves(900, 100)
    }  # fmt: skip
    found = judge(reference, window, score="z", rows=1_000, threshold=0.1)
    assert [column.column for column in found.columns] == ["most", "a", "calm"]
    assert found.drifted == ("most", "a", "z")
    assert found.score is not None
    assert found.score.column == "z"
    assert judge(reference, window, score=None, rows=1_000, threshold=0.1).score is None


def test_one_drifted_column_of_many_is_enough_when_no_share_is_asked_for() -> None:
    reference: dict[str, ColumnProfile] = {name: halves(500, 500) for name in "abcdef"}
    window: dict[str, ColumnProfile] = {**reference, "c": halves(900, 100)}
    assert judge(reference, window, score=None, rows=1_000, threshold=0.1).verdict == "drift"


def test_effects_and_indices_are_reported_with_six_digits() -> None:
    found = judge(
        {"a": halves(600, 400)}, {"a": halves(400, 600)}, score=None, rows=1_000, threshold=0.1
    ).columns[0]
    # 2 * (600.5 - 400.5) / 1001 * ln(600.5 / 400.5), with half a row more in each bin.
    assert found.psi == 0.161858
    # scipy's distance squared, without (1/1000 + 1/1000) / 8 nats, in bits.
    assert found.effect == 0.169377


def test_columns_of_different_kinds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="a numeric profile cannot be compared with a categorical one"):
        compare_column(constant(0), halves(5, 5))
