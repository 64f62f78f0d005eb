from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from airflow_mlops.monitoring.core.drift.base import psi
from airflow_mlops.monitoring.core.drift.numeric import (
    NumericDrift,
    kolmogorov_smirnov,
    ks_p_value,
    wasserstein,
)
from airflow_mlops.monitoring.core.drift.profiles import NumericProfile, choose_edges, numeric_profile


def profiles(before: np.ndarray, after: np.ndarray, bins: int = 64) -> tuple[NumericProfile, NumericProfile]:
    edges = choose_edges(before, bins)
    return (
        numeric_profile(before, edges),
        numeric_profile(after, edges),
    )


SHAPES = {
    "normal": lambda rng, n, shift: rng.normal(shift, 1, n),
    "skewed": lambda rng, n, shift: rng.lognormal(shift, 1, n),
    "mostly zero": lambda rng, n, shift: np.where(rng.random(n) < 0.9, 0.0, rng.exponential(1 + shift, n)),
    "integers": lambda rng, n, shift: rng.poisson(300 * (1 + shift), n).astype(float),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [0.1, 0.5, 2.0])
def test_histogram_statistics_agree_with_scipy_on_the_raw_samples(shape: str, shift: float) -> None:
    rng = np.random.default_rng(3)
    before, after = SHAPES[shape](rng, 20_000, 0.0), SHAPES[shape](rng, 5_000, shift)
    reference, window = profiles(before, after)

    exact_ks = stats.ks_2samp(before, after, method="asymp").statistic
    assert exact_ks - 1 / 64 - 0.01 <= kolmogorov_smirnov(reference, window) <= exact_ks + 1e-12
    assert wasserstein(reference, window) == pytest.approx(
        stats.wasserstein_distance(before, after), rel=0.05, abs=0.005 * before.std()
    )


@given(
    st.lists(st.integers(-20, 20), min_size=5, max_size=200),
    st.lists(st.integers(-30, 30), min_size=5, max_size=200),
)
def test_few_distinct_values_give_exact_statistics(before: list[int], after: list[int]) -> None:
    known = [value for value in after if value in before or not min(before) < value < max(before)] or before
    reference, window = profiles(np.asarray(before, float), np.asarray(known, float))
    assert wasserstein(reference, window) == pytest.approx(stats.wasserstein_distance(before, known))
    inside = [value for value in known if value in before]
    if len(inside) == len(known):
        assert kolmogorov_smirnov(reference, window) == pytest.approx(
            stats.ks_2samp(before, known, method="asymp").statistic
        )


@pytest.mark.parametrize(
    ("statistic", "n", "m"), [(0.05, 5_000, 1_000), (0.02, 80_000, 27_000), (0.1, 900, 900)]
)
def test_p_value_agrees_with_the_exact_distribution(statistic: float, n: int, m: int) -> None:
    exact = stats.kstwo.sf(statistic, round(n * m / (n + m)))
    assert ks_p_value(statistic, n, m) == pytest.approx(exact, rel=0.05)


def test_a_shift_by_a_quarter_of_a_standard_deviation_is_an_effect_of_a_quarter() -> None:
    rng = np.random.default_rng(0)
    reference, window = profiles(rng.normal(10, 4, 100_000), rng.normal(11, 4, 100_000))
    found = NumericDrift().compare(reference, window)
    assert found.effect == pytest.approx(0.25, abs=0.01)
    assert found.p_value < 1e-100
    assert found.psi == pytest.approx(0.0625, abs=0.01)  # delta² for two normals a quarter apart


@settings(max_examples=50)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300),
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300),
)
def test_any_two_samples_give_finite_results_and_a_sample_does_not_drift_from_itself(
    before: list[float], after: list[float]
) -> None:
    reference, window = profiles(np.asarray(before), np.asarray(after), bins=16)
    found = NumericDrift().compare(reference, window)
    assert np.isfinite([found.effect, found.psi]).all()
    assert found.effect >= 0
    assert 0 <= found.p_value <= 1
    same = NumericDrift().compare(reference, reference)
    assert (same.effect, same.p_value, same.psi) == (0.0, 1.0, 0.0)


def test_a_constant_column_that_starts_to_vary_is_an_effect() -> None:
    reference, window = profiles(np.zeros(1_000), np.linspace(0, 1, 1_000))
    assert NumericDrift().compare(reference, window).effect > 1
    reference, window = profiles(np.zeros(1_000), np.ones(1_000))
    assert NumericDrift().compare(reference, window).effect == 1


def test_profiles_over_other_edges_are_not_compared() -> None:
    reference, _ = profiles(np.arange(10.0), np.arange(10.0))
    other, _ = profiles(np.arange(20.0), np.arange(10.0))
    with pytest.raises(ValueError, match="same edges"):
        NumericDrift().compare(reference, other)


def spanning(low: float, high: float) -> NumericProfile:
    return numeric_profile(np.asarray([low, high]), (10.0, 20.0))


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (10, 20, ""),
        (0, 30, ""),  # just as far outside as the range is wide
        (-0.5, 20, "values from -0.5 to 20, 10 to 20 in the reference"),
        (10, 30.5, "values from 10 to 30.5, 10 to 20 in the reference"),
        (-9999, 9999, "values from -9999 to 9999, 10 to 20 in the reference"),
    ],
)
def test_values_far_outside_of_the_range_are_a_fault(low: float, high: float, told: str) -> None:
    assert NumericDrift().fault(spanning(10, 20), spanning(low, high)) == told


def test_a_constant_reference_has_no_range_to_be_outside_of() -> None:
    assert NumericDrift().fault(spanning(10, 10), spanning(-9999, 9999)) == ""


@pytest.mark.parametrize("empty", [0, 1])
def test_a_profile_without_values_is_not_compared(empty: int) -> None:
    pair = [spanning(10, 20), spanning(10, 20)]
    pair[empty] = numeric_profile(np.asarray([]), (10.0, 20.0))
    with pytest.raises(ValueError, match="at least one value each"):
        NumericDrift().compare(*pair)


def test_p_value_of_a_small_sample_is_that_of_stephens() -> None:
    """Of 8 and 8 rows sqrt(8 * 8 / 16) = 2; Kolmogorov's series at (2 + 0.12 + 0.11 / 2) * 0.6."""
    at = 2.175 * 0.6
    series = 2 * sum((-1) ** (k - 1) * np.exp(-2 * k**2 * at**2) for k in range(1, 20))
    assert ks_p_value(0.6, 8, 8) == pytest.approx(series)


@pytest.mark.parametrize(("before", "after"), [(3.0, 5.0), (-5.0, -3.0), (0.5, 2.5), (-1.5, 0.5)])
def test_a_value_moved_by_two_is_a_distance_of_two_on_whichever_side_of_the_edges(
    before: float, after: float
) -> None:
    edges = (0.0, 1.0)
    one, other = (numeric_profile(np.asarray([value]), edges) for value in (before, after))
    assert wasserstein(one, other) == pytest.approx(2)
    assert wasserstein(other, one) == pytest.approx(2)


def histogram(*counts: int) -> NumericProfile:
    """So many values at 0, 1, 2 and so on, the last of them above the last edge."""
    values = np.repeat(np.arange(len(counts), dtype=float), counts)
    return numeric_profile(values, tuple(map(float, range(len(counts) - 1))))


def test_the_stability_index_is_that_of_the_tenths_of_the_reference() -> None:
    reference, window = histogram(*[50] * 20, 0), histogram(*[40, 60] * 5, *[70, 20] * 5, 60)
    # Two bins are a tenth each; what is above the reference belongs to the last one.
    tenths = psi(np.full(10, 100), np.asarray([100] * 5 + [90] * 4 + [150]))
    assert NumericDrift().compare(reference, window).psi == pytest.approx(tenths)


def test_a_bin_belongs_to_the_tenth_that_its_middle_row_is_in() -> None:
    # The middle rows are at 2, 9, 15, 18 and 60 of a hundred.
    reference, window = histogram(4, 10, 2, 4, 80), histogram(10, 10, 8, 2, 70)
    tenths = psi(np.asarray([14, 6, 80]), np.asarray([20, 10, 70]))
    assert NumericDrift().compare(reference, window).psi == pytest.approx(tenths)
