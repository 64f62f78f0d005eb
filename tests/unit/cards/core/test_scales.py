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
        (0.000999, "0.000999"),
        (-0.0004, "−0.0004"),
        (0.001, "0.001"),
        (0.9994, "0.999"),
        (1.0, "1.00"),
        (9.9999, "10.00"),
        (10.0, "10"),
        (12.34, "12.3"),
        (999.4, "999"),
        (1_000.0, "1,000"),
        (-1_234.4, "−1,234"),
        (999_999_999.0, "999,999,999"),
        (1e9, "1e+09"),
        (-1.5, "−1.50"),
        (45_123.4, "45,123"),
        (3e12, "3e+12"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02, "+0.020"), (-0.02, "−0.020"), (0.0, "+0.000"), (1_500.0, "+1,500"), (-1_500.0, "−1,500")],
)
def test_a_difference_has_its_sign(value: float, text: str) -> None:
    assert number(value, signed=True) == text


def test_a_value_lies_where_its_share_of_the_scale_is() -> None:
    scale = Scale(10.0, 30.0)
    assert [scale.place(value) for value in (5.0, 10.0, 15.0, 30.0, 35.0)] == [0, 0, 0.25, 1, 1]


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0.0, 1.0, 5, (0.0, 0.25, 0.5, 0.75, 1.0)),
        (0.0, 1.0, 2, (0.0, 1.0)),
        (0.0, 1.0, 1, (0.0, 1.0)),
        (0.0, 10.0, 6, (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)),
        (0.0, 4.0, 5, (0.0, 1.0, 2.0, 3.0, 4.0)),
        (-3.0, 17.0, 5, (0.0, 5.0, 10.0, 15.0)),
        (0.0, 36.0, 5, (0.0, 10.0, 20.0, 30.0)),
        (0.07, 0.13, 4, (0.08, 0.1, 0.12)),
        (100.0, 500.0, 3, (200.0, 400.0)),
    ],
)
def test_ticks_are_multiples_of_one_two_two_and_a_half_or_five(
    low: float, high: float, most: int, ticks: tuple[float, ...]
) -> None:
    assert Scale(low, high).ticks(most) == pytest.approx(ticks)
    if most == 5:
        assert Scale(low, high).ticks() == Scale(low, high).ticks(5)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([], 0, 1),
        ([math.nan, math.inf], 0, 1),
        ([5.0], 4.5, 5.5),
        ([-5.0], -5.5, -4.5),
        ([0.0], -1, 1),
        ([0.0, 10.0], -0.8, 10.8),
        ([3.0, math.nan, 1.0], 0.84, 3.16),
    ],
)
def test_a_scale_has_room_beside_its_values(values: list[float], low: float, high: float) -> None:
    found = scale_of(values)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_room_may_be_chosen() -> None:
    found = scale_of([0.0, 10.0], pad=0.5)
    assert (found.low, found.high) == (-5, 15)


def test_what_is_not_known_is_said() -> None:
    assert number(math.nan) == "not known"
    assert interval(math.nan, 1.0) == "interval not known"
    assert interval(1.0, math.inf) == "interval not known"
    assert interval(-2.0, -1.0) == "−2.00 to −1.00"
    assert interval(-0.5, 1.0) == "−0.500 to 1.00"
    assert interval(0.0, 1.0) == "0.000–1.00"


def test_shares_are_not_rounded_to_nothing() -> None:
    assert percent(0.0) == "0 %"
    assert [percent(share) for share in (0.0009, 0.001, 0.05)] == ["under 0.1 %", "0.1 %", "5.0 %"]
    assert [percent(share) for share in (0.0999, 0.1, 0.5)] == ["10.0 %", "10 %", "50 %"]
    assert [percent(share) for share in (0.99, 0.995, 0.998)] == ["99 %", "99.5 %", "99.8 %"]
    assert [percent(share) for share in (0.999, 0.9991, 1.0)] == ["99.9 %", "over 99.9 %", "100 %"]


def test_ticks_have_as_many_decimals_as_they_need() -> None:
    assert [tick_text(value, (-0.02, 0.0, 0.02)) for value in (-0.02, 0.0, 0.02)] == ["−0.02", "0", "0.02"]
    assert tick_text(2e6, (1e6, 2e6)) == "2e+06"
    assert tick_text(1500, (1000, 1500, 2000)) == "1,500"


@pytest.mark.parametrize(
    ("value", "ticks", "text"),
    [
        (100.0, (0.0, 100.0), "100"),
        (20.0, (10.0, 20.0), "20"),
        (3.0, (2.0, 3.0), "3"),
        (2.5, (0.0, 2.5), "2.5"),
        (0.25, (0.25, 0.5), "0.25"),
        (0.0001, (0.0, 0.0001), "0.0001"),
        (0.00005, (0.0, 0.00005), "5e-05".replace("-", "−")),
        (-1_500_000.0, (-1_500_000.0, 0.0), "−1.5e+06"),
        (1_000_000.0, (0.0, 1_000_000.0), "1e+06"),
        (999_000.0, (0.0, 999_000.0), "999,000"),
        (-1_500.0, (-1_500.0, 0.0), "−1,500"),
        (5.0, (5.0,), "5"),
        (0.3, (0.3,), "0.3"),
        (0.25, (0.25,), "0.25"),
        (1 / 3, (0.0, 0.25), "0.33"),
        (0.0, (0.0,), "0"),
        (0.0, (), "0"),
        (-0.001, (-0.02, 0.0, 0.02), "−0.001"),
        (-0.0, (0.0, 1.0), "0"),
    ],
)
def test_a_tick_is_as_short_as_its_axis_allows(value: float, ticks: tuple[float, ...], text: str) -> None:
    assert tick_text(value, ticks) == text
