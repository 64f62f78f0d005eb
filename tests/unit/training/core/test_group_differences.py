"""Differences between groups are those of their rates, and their interval holds for any number of groups."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from airflow_mlops.training.core import bootstrap, group_differences
from airflow_mlops.training.core.group_differences import apart, denominator
from airflow_mlops.training.core.group_rates import DEMOGRAPHIC_PARITY, EQUAL_OPPORTUNITY
from airflow_mlops.training.core.units import Units


def rows(*groups: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return selected and group per row for pairs of selected and all rows."""
    selected = np.concatenate([np.arange(size) < hits for hits, size in groups]).astype(np.int64)
    return selected, np.repeat(np.arange(len(groups)), [size for _, size in groups])


def each(count: int) -> Units:
    return Units(np.arange(count))


@pytest.mark.parametrize("measure", [DEMOGRAPHIC_PARITY, EQUAL_OPPORTUNITY])
def test_the_difference_is_that_of_an_independent_computation(measure: str) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"group": rng.integers(0, 4, 800), "truth": rng.integers(0, 2, 800)})
    frame["said"] = (rng.random(800) < 0.3 + 0.1 * frame["group"]).astype(int)
    kept = frame if measure == DEMOGRAPHIC_PARITY else frame[frame["truth"] == 1]
    rates = kept.groupby("group")["said"].mean()
    mask = denominator(measure, frame["truth"].to_numpy())
    found = apart(frame["said"].to_numpy()[mask], frame["group"].to_numpy()[mask], each(int(mask.sum())))
    assert found.difference == pytest.approx(rates.max() - rates.min())
    assert (found.largest, found.smallest) == (rates.idxmax(), rates.idxmin())


def test_two_large_groups_have_the_interval_of_two_proportions() -> None:
    selected, groups = rows((600, 1000), (500, 1000))
    found = apart(selected, groups, each(2000))
    reach = stats.norm.ppf(0.975) * math.sqrt(0.6 * 0.4 / 1000 + 0.5 * 0.5 / 1000)
    assert (found.low, found.high) == pytest.approx((0.1 - reach, 0.1 + reach), abs=0.006)


def test_ten_equal_groups_are_clearly_apart_in_no_more_than_the_nominal_share() -> None:
    """Percentiles of the resampled difference would be above 0 in all of these trainings."""
    rng, beyond, covered, lives = np.random.default_rng(1), 0, 0, 150
    for _ in range(lives):
        selected, groups = rows(*((hits, 100) for hits in rng.binomial(100, 0.3, 10).tolist()))
        found = apart(selected, groups, each(1000), draws=200)
        beyond += found.low > 0
        covered += found.low <= 0 <= found.high
    error = math.sqrt(0.05 * 0.95 / lives)
    assert beyond / lives <= 0.05 + 3 * error
    assert covered / lives >= 0.95 - 3 * error


def test_a_limit_that_is_the_truth_is_found_exceeded_in_2_percent_of_trainings() -> None:
    rng, lives = np.random.default_rng(2), 400
    beyond = 0
    for _ in range(lives):
        first, second = rng.binomial(300, 0.5), rng.binomial(300, 0.4)
        selected, groups = rows((int(first), 300), (int(second), 300))
        beyond += apart(selected, groups, each(600), draws=200).low > 0.1
    assert beyond / lives == pytest.approx(0.025, abs=3 * math.sqrt(0.025 * 0.975 / lives))


def test_rows_of_one_entity_are_no_witnesses_of_their_own() -> None:
    selected, groups = rows((30, 50), (20, 50))
    selected, groups = np.repeat(selected, 10), np.repeat(groups, 10)
    alone, together = (apart(selected, groups, Units(np.arange(1000) // by)) for by in (1, 10))
    assert together.difference == pytest.approx(alone.difference)
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize("hits", [0, 40])
def test_rates_without_any_spread_are_not_certain(hits: int) -> None:
    selected, groups = rows((hits, 40), (hits, 40))
    found = apart(selected, groups, each(80))
    assert (found.difference, found.low) == (0, 0)
    assert 0.03 < found.high < 0.2


def agresti_caffo(hits: int, size: int) -> float:
    """The variance of a rate after one success and one failure more, as their paper has it."""
    share = (hits + 1) / (size + 2)
    return share * (1 - share) / (size + 2)


@pytest.mark.parametrize("rate", [0, 1])
def test_equal_rates_without_spread_have_the_bound_of_agresti_and_caffo(rate: int) -> None:
    """The quantile is that of t for the smaller group: 2.262 for ten rows, 9 degrees of freedom."""
    selected, groups = rows((40 * rate, 40), (10 * rate, 10))
    found = apart(selected, groups, each(50))
    error = math.sqrt(agresti_caffo(40 * rate, 40) + agresti_caffo(10 * rate, 10))
    assert (found.difference, found.low) == (0, 0)
    assert found.high == pytest.approx(2.262157 * error)
    narrow = apart(selected, groups, each(50), confidence=0.8)
    assert narrow.high == pytest.approx(1.383029 * error)


def test_entities_are_counted_where_their_rows_are_all_alike() -> None:
    """Forty entities of two rows in one group, ten in the other, none of them selected."""
    selected, groups = rows((0, 80), (0, 20))
    found = apart(selected, groups, Units(np.arange(100) // 2))
    assert found.high == pytest.approx(2.262157 * math.sqrt(agresti_caffo(0, 40) + agresti_caffo(0, 10)))


def test_two_units_have_the_quantile_of_one_degree_of_freedom_and_so_has_one() -> None:
    for few in (1, 2):  # the upper quartile of that distribution is 1
        found = apart(*rows((0, 300), (0, few)), each(300 + few), confidence=0.5)
        assert found.high == pytest.approx(math.sqrt(agresti_caffo(0, 300) + agresti_caffo(0, few)))


def test_the_least_variance_counts_rows_unless_all_of_them_are_alike() -> None:
    rates, sizes, numbers = np.array([0.0, 1.0, 0.5]), np.array([50, 60, 50]), np.array([5, 6, 5])
    expected = [agresti_caffo(0, 5), agresti_caffo(6, 6), agresti_caffo(25, 50)]
    assert group_differences._least_variance(rates, sizes, numbers) == pytest.approx(np.array(expected))


def test_rates_cannot_be_further_apart_than_one() -> None:
    found = apart(*rows((0, 5), (5, 5)), each(10))
    assert (found.difference, found.high) == (1, 1)
    assert (found.largest, found.smallest) == (1, 0)


def test_one_draw_has_no_spread() -> None:
    selected, groups = rows((10, 40), (20, 40))
    one = apart(selected, groups, each(80), draws=1)
    assert (one.difference, one.largest, one.smallest) == (0.25, 1, 0)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert 0.25 < apart(selected, groups, each(80), draws=2).high <= 1


def test_the_interval_is_that_of_resamples_made_one_by_one() -> None:
    """Three groups of entities: each draw repeats whole entities, and the largest distance counts."""
    rng = np.random.default_rng(6)
    groups = np.repeat([0, 1, 2], 60)
    codes = np.arange(180) // 3
    selected = (rng.random(60)[codes] < np.array([0.3, 0.5, 0.8])[groups]).astype(int)
    found = apart(selected, groups, Units(codes), draws=101, seed=4)
    drawn = []
    for picked in np.random.default_rng(4).integers(0, 60, (101, 60)):
        times = np.array([(picked == code).sum() for code in codes])
        drawn.append([(times * selected)[groups == g].sum() / times[groups == g].sum() for g in range(3)])
    rates = [selected[groups == g].mean() for g in range(3)]
    least = [agresti_caffo(selected[groups == g].sum(), 60) for g in range(3)]
    errors, distances, table = {}, [], np.array(drawn)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        variance = (table[:, one] - table[:, other]).var(ddof=1)
        errors[one, other] = math.sqrt(max(variance, least[one] + least[other]))
        moved = table[:, one] - table[:, other] - (rates[one] - rates[other])
        distances.append(np.abs(moved) / errors[one, other])
    quantile = np.quantile(np.max(distances, axis=0), 0.95) * stats.t.ppf(0.975, 19) / stats.norm.ppf(0.975)
    bounds = [
        (abs(rates[a] - rates[b]) - quantile * error, abs(rates[a] - rates[b]) + quantile * error)
        for (a, b), error in errors.items()
    ]
    assert found.low == pytest.approx(max(low for low, _ in bounds))
    assert found.high == pytest.approx(max(high for _, high in bounds))


def test_the_interval_has_the_documented_defaults() -> None:
    selected, groups = rows((30, 60), (20, 60))
    given = apart(selected, groups, each(120), draws=500, confidence=0.95, seed=0)
    assert apart(selected, groups, each(120)) == given
    assert apart(selected, groups, each(120), seed=1) != given


def test_the_memory_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    selected, groups = rows((30, 60), (20, 60))
    units = Units(np.arange(120) // 2)
    whole = apart(selected, groups, units, draws=50)
    monkeypatch.setattr(bootstrap, "_CELLS", 60 * 7)
    again = apart(selected, groups, units, draws=50)
    assert (again.low, again.high) == pytest.approx((whole.low, whole.high), rel=1e-12)


def test_single_rows_need_no_draw_of_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(group_differences, "resamples")
    assert apart(*rows((300, 1_000), (400, 1_000)), each(2_000)).low > 0.05


def test_a_draw_without_a_group_has_no_rate_of_it() -> None:
    """One row of twenty is away from a draw with a chance of (19/20) to the power of 20."""
    selected, groups = rows((10, 19), (1, 1))
    for units in (each(20), Units(np.append(np.arange(19), 18))):
        drawn = group_differences._drawn_rates(selected, groups, units, 2_000, np.random.default_rng(3))
        away = np.isnan(drawn[:, 1])
        assert set(drawn[~away, 1]) == {1.0}
        chance = (1 - 1 / units.count) ** units.count
        assert away.mean() == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / 2_000))
        assert not np.isnan(drawn[:, 0]).any()
        assert drawn[:, 0].mean() == pytest.approx(10 / 19, abs=0.02)
        assert np.ptp(drawn[:, 0]) > 0.3
