from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from airflow_mlops.training.core import bootstrap
from airflow_mlops.training.core import comparison as compare
from airflow_mlops.training.core.bootstrap import Interval, paired_bootstrap, resamples


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
    rows = 20_000
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


@pytest.mark.parametrize(
    ("units", "low", "sound"), [(30, -0.1, True), (29, -0.1, False), (1_000, float("nan"), False)]
)
def test_thirty_units_and_bounds_are_enough(units: int, low: float, *, sound: bool) -> None:
    assert Interval(0.7, 0.7, 0.0, low, 0.1, units=units).is_sound is sound
    assert Interval(0.7, 0.7, 0.0, -0.1, 0.1).units == 30
    assert math.isnan(Interval(0.7, 0.7, 0.0, -0.1, 0.1).detectable)


def test_a_batch_of_draws_has_no_more_than_two_million_weights() -> None:
    rng = np.random.default_rng(0)
    assert next(resamples(1, 2_000_001, None, rng)).shape == (2_000_000, 1)
    assert next(resamples(20_000, 200, None, rng)).shape == (100, 20_000)
    assert next(resamples(3_000_000, 2, None, rng)).shape == (1, 3_000_000)


def test_batches_make_as_many_draws_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_CELLS", 100)
    rng = np.random.default_rng(0)
    assert [len(some) for some in resamples(10, 25, None, rng)] == [10, 10, 5]
    assert [len(some) for some in resamples(10, 25, np.arange(10) % 2, rng)] == [10, 10, 5]


def test_each_unit_is_drawn_once_on_average_and_as_often_as_any_other() -> None:
    """A unit of ten is drawn binomially: ten times with a chance of one in ten."""
    (weights,) = resamples(10, 4_000, None, np.random.default_rng(1))
    assert set(weights.sum(axis=1)) == {10.0}
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=4 * (0.9 / 4_000) ** 0.5)
    assert weights.var(axis=0) == pytest.approx(np.full(10, 0.9), abs=0.12)


def test_units_of_a_stratum_take_the_place_of_each_other_only() -> None:
    strata = np.array([0, 1, 0, 1, 1, 2])
    (weights,) = resamples(6, 2_000, strata, np.random.default_rng(2))
    assert set(weights[:, strata == 0].sum(axis=1)) == {2.0}
    assert set(weights[:, strata == 1].sum(axis=1)) == {3.0}
    assert set(weights[:, 5]) == {1.0}
    assert weights.mean(axis=0) == pytest.approx(np.ones(6), abs=4 * (2 / 3 / 2_000) ** 0.5)


def test_the_freedom_of_strata_is_that_of_welchs_test() -> None:
    """Two samples of the same spread: scipy counts the degrees of freedom in its own way."""
    two, five = np.array([-1.0, 1.0]), np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    welch = stats.ttest_ind(two / two.std(ddof=1), five / five.std(ddof=1), equal_var=False)
    assert bootstrap._freedom(7, np.repeat([0, 1], [2, 5])) == pytest.approx(welch.df)
    assert bootstrap._freedom(7, np.repeat([4, 4], [2, 5])) == pytest.approx(6)
    assert (bootstrap._freedom(7, None), bootstrap._freedom(1, None)) == (6, 1)


def test_a_stratum_of_one_unit_has_one_degree_of_freedom_at_most() -> None:
    # One unit and four: (1 + 1/4)² over (1 + 1/48).
    assert bootstrap._freedom(5, np.array([0, 1, 1, 1, 1])) == pytest.approx(1.5625 / (49 / 48))


def test_the_bounds_of_many_units_are_those_of_the_table_of_t() -> None:
    """Three draws of the spread 1 have 2 degrees of freedom, unless the units have fewer."""
    draws = np.array([1.0, 2.0, 3.0])
    assert bootstrap._normal_bounds(draws, 10.0, 1e6, 0.95) == pytest.approx((5.697, 14.303), abs=1e-3)
    assert bootstrap._normal_bounds(draws, 10.0, 1.0, 0.95) == pytest.approx((-2.706, 22.706), abs=1e-3)
    assert bootstrap._normal_bounds(draws, 10.0, 1e6, 0.90) == pytest.approx((7.080, 12.920), abs=1e-3)
    two = bootstrap._normal_bounds(np.array([0.0, 2**0.5]), 0.0, 1e6, 0.95)
    assert two == pytest.approx((-12.706, 12.706), abs=1e-3)


def test_the_detectable_difference_is_that_of_the_table_of_t() -> None:
    """Ten degrees of freedom: 2.228 for an error of 5 %, 0.879 for a power of 80 %."""
    draws = np.array([1.0, 2.0, 3.0])
    assert bootstrap._detectable(draws, 10, 0.95) == pytest.approx(2.228 + 0.879, abs=1e-3)
    assert bootstrap._detectable(2 * draws, 10, 0.90) == pytest.approx(2 * (1.8125 + 0.8791), abs=1e-3)
    assert bootstrap._detectable(draws[:2], 10, 0.95) == pytest.approx((2.228 + 0.879) / 2**0.5, abs=1e-3)


@pytest.mark.parametrize("rows", [40, 20_000])
def test_one_draw_has_no_spread(rows: int) -> None:
    values = compare.mean(np.random.default_rng(1).random(rows))
    found = paired_bootstrap(values, compare.mean(np.zeros(rows)), rows, draws=1)
    assert math.isnan(found.detectable)
    assert found.is_sound is (rows == 40)


def test_an_interval_of_many_units_lies_about_the_difference() -> None:
    rows = 20_000
    values = np.random.default_rng(1).random(rows)
    found = paired_bootstrap(compare.mean(values + 0.2), compare.mean(values), rows, draws=3)
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.2, 0.2))


def test_the_normal_interval_has_the_spread_of_equal_models() -> None:
    """McNemar (1947): of 60 rows 12 speak for one model and 2 for the other, so the error is √14 / 60."""
    rows = np.arange(60)
    challenger, champion = rows < 42, (rows >= 12) & (rows < 44)
    draws = {"draws": 4_000, "confidence": 0.99}
    pair = compare.mean(challenger), compare.mean(champion)
    found = paired_bootstrap(*pair, 60, normal=True, **draws)  # type: ignore[arg-type]
    half = stats.t.ppf(0.995, 59) * 14**0.5 / 60
    assert found.difference == pytest.approx(10 / 60)
    assert (found.low, found.high) == pytest.approx((10 / 60 - half, 10 / 60 + half), abs=0.05 * half)
    assert found.high - found.difference == pytest.approx(found.difference - found.low)
    plain = paired_bootstrap(*pair, 60, **draws)  # type: ignore[arg-type]
    assert plain.high - plain.difference != pytest.approx(plain.difference - plain.low, rel=1e-6)


def test_the_normal_interval_of_rows_that_all_speak_for_one_model_has_a_width() -> None:
    """No draw differs: the error is the difference over the root of the rows, t has one degree of freedom."""
    ones, nothing = compare.mean(np.ones(16)), compare.mean(np.zeros(16))
    found = paired_bootstrap(ones, nothing, 16, normal=True, draws=2)
    assert (found.low, found.high) == pytest.approx((1 - 12.706205 / 4, 1 + 12.706205 / 4))
    many = paired_bootstrap(compare.mean(np.ones(20_000)), compare.mean(np.zeros(20_000)), 20_000, draws=2)
    assert (many.low, many.high) == (1, 1)
    again = bootstrap._normal_bounds(np.array([1.0, 2.0, 3.0]), 0.0, 1e6, 0.95, 3.0)
    assert again == pytest.approx((-2 * 4.302653, 2 * 4.302653))
