from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from airflow_mlops.training.core import bootstrap
from airflow_mlops.training.core import comparison as compare
from airflow_mlops.training.core.bootstrap import paired_bootstrap


def test_a_model_does_not_differ_from_itself() -> None:
    statistic = compare.mean(np.random.default_rng(0).random(200))
    found = paired_bootstrap(statistic, statistic, 200)
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_the_interval_is_that_of_a_paired_mean() -> None:
    """For a mean the bootstrap must agree with the normal interval of the paired differences."""
    rng = np.random.default_rng(5)
    champion = rng.random(2_000)
    challenger = champion + rng.normal(0.05, 0.2, 2_000)
    found = paired_bootstrap(compare.mean(challenger), compare.mean(champion), 2_000, draws=2_000)
    differences = challenger - champion
    half = 1.96 * differences.std() / np.sqrt(2_000)
    assert found.difference == pytest.approx(differences.mean())
    assert found.low == pytest.approx(differences.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(differences.mean() + half, abs=0.15 * half)


def test_the_same_rows_give_the_same_interval_again() -> None:
    rng = np.random.default_rng(2)
    first, second = compare.mean(rng.random(100)), compare.mean(rng.random(100))
    assert paired_bootstrap(first, second, 100) == paired_bootstrap(first, second, 100)


def test_without_a_single_usable_draw_the_bounds_are_not_numbers() -> None:
    one_class = compare.ranking_auc(np.ones(10), np.arange(10))
    found = paired_bootstrap(one_class, one_class, 10)
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_the_interval_is_that_of_resamples_made_one_by_one() -> None:
    """The same draws, each with its rows really repeated, and the percentiles of few units of the list."""
    rng = np.random.default_rng(7)
    champion, challenger = rng.random(40), rng.random(40) + 0.1
    found = paired_bootstrap(
        compare.mean(challenger), compare.mean(champion), 40, draws=101, confidence=0.9, seed=11
    )
    again, differences = np.random.default_rng(11), []
    for _ in range(101):
        rows = again.integers(0, 40, 40)
        differences.append(challenger[rows].mean() - champion[rows].mean())
    tail = stats.norm.cdf(-stats.t.ppf(0.95, 39) * (40 / 39) ** 0.5)
    ordered = [None, *sorted(differences)]  # counted from 1, between places 102 p
    place = tail * 102
    below, part = int(place), place - int(place)
    assert found.low == pytest.approx(ordered[below] * (1 - part) + ordered[below + 1] * part)
    assert found.high == pytest.approx(ordered[-below] * (1 - part) + ordered[-below - 1] * part)
    assert found.challenger == pytest.approx(challenger.mean())
    assert found.champion == pytest.approx(champion.mean())
    assert found.difference == pytest.approx(challenger.mean() - champion.mean())


def test_the_interval_has_the_documented_defaults() -> None:
    rng = np.random.default_rng(8)
    first, second = compare.mean(rng.random(30)), compare.mean(rng.random(30))
    given = paired_bootstrap(first, second, 30, draws=500, confidence=0.95, seed=0)
    assert paired_bootstrap(first, second, 30) == given


def test_draws_in_which_a_metric_is_undefined_are_left_out() -> None:
    # One positive in five rows: in about a third of the draws there is none, and no AUC.
    truth = np.array([0, 0, 0, 0, 1])
    best, worst = compare.ranking_auc(truth, truth), compare.ranking_auc(truth, -truth)
    found = paired_bootstrap(best, worst, 5, draws=50)
    assert (found.low, found.high) == (1, 1)


def test_entities_are_drawn_with_all_their_rows() -> None:
    """Ten copies of each row, as one unit, say no more than one row."""
    rng = np.random.default_rng(3)
    first, second = rng.random(60), rng.random(60) + 0.1
    once = paired_bootstrap(compare.mean(first), compare.mean(second), 60)
    copies = [compare.mean(np.repeat(values, 10)) for values in (first, second)]
    whole = paired_bootstrap(*copies, 600, units=np.repeat(np.arange(60), 10))
    assert (whole.low, whole.high) == pytest.approx((once.low, once.high))
    assert whole.units == once.units == 60
    by_row = paired_bootstrap(*copies, 600)
    assert by_row.high - by_row.low < 0.5 * (once.high - once.low)


def test_strata_keep_the_number_of_units_of_each_class() -> None:
    truth = np.array([1, 0, 0, 0, 0, 0])
    seen: list[np.ndarray] = []

    def watched(weights: np.ndarray) -> float:
        seen.append(weights)
        return float(weights @ truth)

    paired_bootstrap(watched, compare.mean(truth), 6, strata=truth, draws=20)
    assert {float(weights[0]) for weights in seen} == {1.0}
    assert {float(weights.sum()) for weights in seen} == {6.0}
    assert len({tuple(weights) for weights in seen}) > 10


def test_the_interval_is_wider_where_a_class_has_few_units() -> None:
    rng = np.random.default_rng(4)
    truth = (np.arange(400) < 6).astype(int)
    first, second = (compare.ranking_auc(truth, truth + rng.normal(size=400)) for _ in range(2))
    few = paired_bootstrap(first, second, 400, strata=truth)
    plain = paired_bootstrap(first, second, 400)
    assert few.high - few.low > plain.high - plain.low


def test_the_detectable_difference_is_that_of_the_textbook() -> None:
    rng = np.random.default_rng(6)
    differences = rng.normal(0, 0.3, 1_000)
    found = paired_bootstrap(compare.mean(differences), compare.mean(np.zeros(1_000)), 1_000, draws=4_000)
    assert found.detectable == pytest.approx((1.96 + 0.8416) * 0.3 / 1_000**0.5, rel=0.05)


def test_the_memory_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    first, second = compare.mean(rng.random(50)), compare.mean(rng.random(50))
    whole = paired_bootstrap(first, second, 50)
    monkeypatch.setattr(bootstrap, "_CELLS", 120)
    again = paired_bootstrap(first, second, 50)
    assert (again.low, again.high) == pytest.approx((whole.low, whole.high), rel=1e-12)


def test_many_units_need_fewer_draws_for_the_same_interval() -> None:
    rng = np.random.default_rng(10)
    rows = bootstrap.MANY_UNITS
    differences = rng.normal(0.01, 1.0, rows)
    seen: list[int] = []

    def counted(weights: np.ndarray) -> float:
        seen.append(len(weights))
        return 0.0

    found = paired_bootstrap(compare.mean(differences), counted, rows)
    assert len(seen) == 201  # once on all rows
    half = stats.norm.ppf(0.975) * differences.std() / rows**0.5
    assert found.low == pytest.approx(differences.mean() - half, abs=0.15 * half)
    assert found.high - differences.mean() == pytest.approx(differences.mean() - found.low)
    few = paired_bootstrap(counted, counted, rows - 1, draws=3)
    assert (few.low, len(seen)) == (0.0, 201 + 2 + 6)
