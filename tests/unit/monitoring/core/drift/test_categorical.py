from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from airflow_mlops.monitoring.core.drift.categorical import (
    CategoricalDrift,
    chi_squared_p_value,
    jensen_shannon,
    pool_rare,
)
from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile

COUNTS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1, max_size=60).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)


def profile(*counts: int, other: int = 0) -> CategoricalProfile:
    levels = tuple(f"level {i}" for i in range(len(counts)))
    return CategoricalProfile(count=sum(counts) + other, nulls=0, levels=levels, counts=counts, other=other)


@given(st.lists(st.tuples(st.integers(5, 5_000), st.integers(5, 5_000)), min_size=2, max_size=30))
def test_p_value_agrees_with_scipy(pairs: list[tuple[int, int]]) -> None:
    before, after = np.asarray(pairs, float).T
    exact = stats.chi2_contingency(np.asarray(pairs).T, correction=False).pvalue
    assert chi_squared_p_value(before, after) == pytest.approx(exact, rel=1e-6, abs=1e-300)


def test_distance_agrees_with_scipy_where_the_bias_is_nothing() -> None:
    before, after = np.asarray([3e8, 1e8, 2e8]), np.asarray([1e8, 4e8, 1e8])
    assert jensen_shannon(before, after) == pytest.approx(distance.jensenshannon(before, after, 2), rel=1e-6)


def test_the_bias_of_sampling_is_taken_away() -> None:
    rng = np.random.default_rng(1)
    shares = np.full(200, 1 / 200)
    pairs = [
        (rng.multinomial(20_000, shares) * 1.0, rng.multinomial(2_000, shares) * 1.0) for _ in range(200)
    ]
    raw = [distance.jensenshannon(a, b, 2) for a, b in pairs]
    corrected = np.asarray([jensen_shannon(a, b) for a, b in pairs])
    assert min(raw) > 0.1
    assert np.median(corrected) < 0.03
    assert corrected.max() < 0.1


@given(COUNTS)
def test_pooling_keeps_every_row_and_leaves_no_level_too_rare(pairs: list[tuple[int, int]]) -> None:
    before, after = np.asarray(pairs, float).T
    pooled = pool_rare(before, after)
    assert [side.sum() for side in pooled] == [before.sum(), after.sum()]
    smaller = min(before.sum(), after.sum()) / (before + after).sum()
    if pooled[0].size > 1:
        assert ((pooled[0] + pooled[1]) * smaller >= 5).all()


@given(COUNTS)
def test_any_two_profiles_give_results_in_range(pairs: list[tuple[int, int]]) -> None:
    reference, window = (profile(*side) for side in zip(*pairs, strict=True))
    found = CategoricalDrift().compare(reference, window)
    assert 0 <= found.effect <= 1
    assert 0 <= found.p_value <= 1
    assert found.psi >= 0


def test_a_level_that_the_reference_does_not_know_counts_as_other() -> None:
    found = CategoricalDrift().compare(profile(5_000, 5_000), profile(4_000, 4_000, other=2_000))
    assert found.effect > 0.25
    assert found.p_value < 1e-10


def test_disjoint_levels_are_as_far_as_can_be() -> None:
    assert CategoricalDrift().compare(profile(10_000, 0), profile(0, 10_000)).effect == pytest.approx(
        1, abs=1e-3
    )


def test_one_level_on_both_sides_does_not_drift() -> None:
    found = CategoricalDrift().compare(profile(1_000), profile(900))
    assert (found.effect, found.p_value) == (0, 1)


@pytest.mark.parametrize(
    ("reference", "window"),
    [
        (profile(10, 10), profile(20)),
        (profile(0, 0), profile(10, 10)),
        (profile(10, 10), profile(0, 0)),
    ],
)
def test_profiles_of_other_levels_or_without_values_are_not_compared(
    reference: CategoricalProfile, window: CategoricalProfile
) -> None:
    with pytest.raises(ValueError, match="the same levels and at least one value each"):
        CategoricalDrift().compare(reference, window)


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (0, 10, ""),  # one in a hundred more is not worth a word
        (0, 12, "1.2% rare or unknown levels, 0.0% in the reference"),
        (200, 209, ""),
        (200, 250, "25.0% rare or unknown levels, 20.0% in the reference"),
        (200, 0, ""),
    ],
)
def test_more_rows_of_unknown_levels_than_before_are_a_fault(was: int, now: int, told: str) -> None:
    """Of a thousand rows each."""
    before, after = profile(1_000 - was, other=was), profile(1_000 - now, other=now)
    assert CategoricalDrift().fault(before, after) == told


def test_shares_of_unknown_levels_are_those_of_their_own_side() -> None:
    assert CategoricalDrift().fault(profile(9_900, other=100), profile(98, other=2)) == ""
    assert CategoricalDrift().fault(profile(98, other=2), profile(9_600, other=400)) == (
        "4.0% rare or unknown levels, 2.0% in the reference"
    )


@pytest.mark.parametrize(
    ("before", "after", "pooled"),
    [
        # Expected 100, 5 and 5 on each side: just enough.
        ([100, 5, 5], [100, 5, 5], ([100, 5, 5], [100, 5, 5])),
        # Expected 4.5 and 4.5: pooled.
        ([100, 4, 5], [100, 5, 4], ([100, 9], [100, 9])),
        # The pool is just large enough, whichever side its rows are on.
        ([100, 5, 4], [108, 0, 1], ([100, 9], [108, 1])),
        ([108, 0, 1], [100, 5, 4], ([108, 1], [100, 9])),
        # A pool that is too small joins the smallest level of both sides together.
        ([50, 30, 2], [50, 30, 1], ([50, 32], [50, 31])),
        ([50, 20, 1], [30, 40, 1], ([50, 21], [30, 41])),
        ([30, 40, 1], [50, 20, 1], ([30, 41], [50, 21])),
        ([50, 30, 1], [10, 35, 1], ([51, 30], [11, 35])),
        # 25 rows in 1,125, of which the smaller side has 105: 2.3 are expected there.
        ([1_000, 20], [100, 5], ([1_020], [105])),
        ([100, 5], [1_000, 20], ([105], [1_020])),
        # Nothing is left that the pool could join.
        ([2, 1], [1, 2], ([3], [3])),
    ],
)
def test_levels_are_pooled_as_cochran_says(
    before: list[int], after: list[int], pooled: tuple[list[int], list[int]]
) -> None:
    found = pool_rare(np.asarray(before, float), np.asarray(after, float))
    assert tuple(side.tolist() for side in found) == pooled


def test_the_bias_of_small_samples_is_that_of_the_expansion() -> None:
    """Three levels, 60 and 100 rows: (3 - 1) * (1/60 + 1/100) / 8 nats less than the divergence."""
    before, after = np.asarray([30.0, 20.0, 10.0]), np.asarray([20.0, 30.0, 50.0])
    nats = distance.jensenshannon(before / 60, after / 100) ** 2
    assert jensen_shannon(before, after) == pytest.approx(np.sqrt((nats - 1 / 150) / np.log(2)))
