from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.monitoring.core.drift.base import psi

COUNTS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1, max_size=20)


def by_hand(reference: list[int], window: list[int]) -> float:
    bins = [(a + 0.5, b + 0.5) for a, b in zip(reference, window, strict=True) if a or b]
    before, after = sum(a for a, _ in bins), sum(b for _, b in bins)
    return sum((b / after - a / before) * math.log((b / after) / (a / before)) for a, b in bins)


@given(COUNTS)
def test_the_index_is_that_of_its_definition(pairs: list[tuple[int, int]]) -> None:
    reference, window = [a for a, _ in pairs], [b for _, b in pairs]
    found = psi(np.asarray(reference), np.asarray(window))
    assert found == pytest.approx(by_hand(reference, window), abs=1e-9)
    assert found >= 0
    assert found == pytest.approx(psi(np.asarray(window), np.asarray(reference)), abs=1e-9)


def test_a_known_value_and_its_edges() -> None:
    # (0.6 - 0.4) ln(0.6/0.4) + (0.4 - 0.6) ln(0.4/0.6), for so many rows that half a row is nothing.
    assert psi(np.array([4e9, 6e9]), np.array([6e9, 4e9])) == pytest.approx(0.4 * math.log(1.5), rel=1e-6)
    assert psi(np.array([0, 0]), np.array([0, 0])) == 0
    assert psi(np.array([0, 5]), np.array([0, 9])) == 0  # one bin with rows on either side
    assert psi(np.array([1, 9]), np.array([0, 9])) == pytest.approx(by_hand([1, 9], [0, 9]))  # a single row
    assert psi(np.array([5, 0]), np.array([0, 5])) == pytest.approx(by_hand([5, 0], [0, 5]))
