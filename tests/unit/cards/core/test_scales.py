"""Scales, ticks and numbers of a chart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.cards.core.scales import Scale, interval, number, percent, scale_of, tick_text

FINITE = st.floats(-1e12, 1e12)


@given(FINITE, st.floats(1e-9, 1e12), st.integers(2, 7))
def test_ticks_are_few_round_and_inside(low: float, width: float, most: int) -> None:
    scale = Scale(low, low + width)
    if scale.low == scale.high:
        return
    ticks = scale.ticks(most)
    assert len(ticks) <= most + 1
    slack = 1e-6 * width + abs(low) * 1e-9
    assert all(scale.low - slack <= tick <= scale.high + slack for tick in ticks)
    assert all(0 <= scale.place(tick) <= 1 for tick in ticks)


@given(st.lists(st.floats(), max_size=8))
def test_a_scale_holds_all_finite_values(values: list[float]) -> None:
    small = [value for value in values if math.isfinite(value) and abs(value) < 1e300]
    scale = scale_of(small)
    assert scale.low < scale.high
    assert all(scale.low <= value <= scale.high for value in small)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (-0.0, "0.000"),
        (9.9999, "10.00"),
        (-1.5, "−1.50"),
        (45_123.4, "45,123"),
        (3e12, "3e+12"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_what_is_not_known_is_said() -> None:
    assert number(math.nan) == "not known"
    assert interval(math.nan, 1.0) == "interval not known"
    assert interval(-2.0, -1.0) == "−2.00 to −1.00"


def test_shares_are_not_rounded_to_nothing() -> None:
    assert percent(0.0) == "0 %"
    assert percent(0.0999) == "10.0 %"
    assert percent(0.998) == "99.8 %"


def test_ticks_have_as_many_decimals_as_they_need() -> None:
    assert [tick_text(value, (-0.02, 0.0, 0.02)) for value in (-0.02, 0.0, 0.02)] == ["−0.02", "0", "0.02"]
    assert tick_text(2e6, (1e6, 2e6)) == "2e+06"
    assert tick_text(1500, (1000, 1500, 2000)) == "1,500"
