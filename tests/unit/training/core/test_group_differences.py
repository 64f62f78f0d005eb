"""Differences between groups are those of their rates, and their interval holds for any number of groups."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

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
