"""Limits are read by one grammar, and hold as they read."""

from __future__ import annotations

import math
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.limits import Limit

SIGNS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
FIGURES = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(bound=FIGURES, value=FIGURES, sign=st.sampled_from(list(SIGNS)))
def test_a_limit_holds_as_its_sign_says(bound: float, value: float, sign: str) -> None:
    limit = Limit.parse(f"{sign}{bound!r}")
    assert (limit.sign, limit.bound) == (sign, bound)
    assert limit.holds(value) is SIGNS[sign](value, bound)


@given(bound=FIGURES, value=FIGURES)
def test_opposite_limits_never_agree(bound: float, value: float) -> None:
    for sign, opposite in ((">=", "<"), ("<=", ">")):
        assert Limit(sign, bound).holds(value) is not Limit(opposite, bound).holds(value)


@pytest.mark.parametrize("sign", list(SIGNS))
def test_a_figure_that_is_not_a_number_never_passes(sign: str) -> None:
    assert not Limit(sign, 0.0).holds(math.nan)


@pytest.mark.parametrize(
    ("text", "shown"),
    [(">= 0.80", ">= 0.8"), (" <1e-3 ", "< 0.001"), ("> -2.", "> -2"), ("<= .5", "<= 0.5")],
)
def test_the_text_of_a_limit_is_read_back_as_the_same_limit(text: str, shown: str) -> None:
    limit = Limit.parse(text)
    assert str(limit) == shown
    assert Limit.parse(shown) == limit


@pytest.mark.parametrize(
    ("sign", "floor", "strict"),
    [(">=", True, False), (">", True, True), ("<=", False, False), ("<", False, True)],
)
def test_a_sign_says_which_side_is_meant_and_whether_the_bound_counts(
    sign: str, floor: bool, strict: bool
) -> None:
    limit = Limit(sign, 1.0)
    assert (limit.is_floor, limit.is_strict) == (floor, strict)


@pytest.mark.parametrize("text", ["0.8", "= 0.8", ">= high", "", ">= nan", ">= 0.8 0.9", 0.8, None, True])
def test_an_unreadable_limit_says_how_to_write_one(text: object) -> None:
    with pytest.raises(ConfigError, match=r"a limit must be .* such as '>= 0\.8', got"):
        Limit.parse(text)
