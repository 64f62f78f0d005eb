from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

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
