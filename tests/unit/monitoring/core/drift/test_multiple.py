from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from airflow_mlops.monitoring.core.drift.multiple import benjamini_hochberg


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.001, 0.5))
def test_benjamini_hochberg_agrees_with_scipy(p_values: list[float], q: float) -> None:
    adjusted = stats.false_discovery_control(p_values)
    for rejected, value in zip(benjamini_hochberg(p_values, q), adjusted, strict=True):
        if abs(value - q) > 1e-9:
            assert rejected == (value <= q)


def test_benjamini_hochberg_of_the_published_example() -> None:
    # Benjamini & Hochberg (1995), section 3.2: fifteen p-values, four rejected at q = 0.05.
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
                0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    assert sum(benjamini_hochberg(p_values, 0.05)) == 4
    assert benjamini_hochberg([], 0.05) == ()


def test_a_p_value_that_just_reaches_its_share_of_the_level_is_rejected() -> None:
    assert benjamini_hochberg([0.05], 0.05) == (True,)
    assert benjamini_hochberg([0.5, 0.025], 0.05) == (False, True)
