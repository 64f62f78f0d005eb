from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.rollout.core.evidence import EventShareProcess
from airflow_mlops.rollout.core.requests_needed import requests_needed, requests_to_roll_back
from tests.support.simulation import runs

LIMIT = math.log(40)


@pytest.mark.simulation
@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_the_forecast_is_near_the_median_of_real_runs(share: float) -> None:
    expected = requests_to_roll_back(2.0, share, 0.01, LIMIT)
    rng, found, look = np.random.default_rng(8), [], 200
    for _ in range(runs(60)):
        process, requests = EventShareProcess(), 0
        while process.log_e < LIMIT:
            canary = rng.binomial(look * share, 0.02) if share * look > 1 else 0
            process = process.add(int(canary), int(rng.binomial(look * (1 - share), 0.01)), share)
            requests += look
        found.append(requests)
    assert 0.5 < float(np.median(found)) / expected < 1.6


@given(st.sampled_from([1.2, 1.5, 2.0, 4.0]), st.integers(1, 50), st.sampled_from([0.001, 0.01, 0.1]))
def test_more_harm_more_traffic_and_more_events_are_seen_sooner(
    ratio: float, percent: int, rate: float
) -> None:
    base = requests_to_roll_back(ratio, percent / 100, rate, LIMIT)
    assert requests_to_roll_back(ratio * 1.5, percent / 100, rate, LIMIT) <= base
    assert requests_to_roll_back(ratio, percent / 100, rate * 2, LIMIT) <= base
    assert requests_to_roll_back(ratio, percent / 100, rate, LIMIT + 1) >= base


def test_harm_within_the_margin_is_never_found() -> None:
    assert math.isinf(requests_to_roll_back(1.5, 0.5, 0.05, LIMIT, null=2.0))


@pytest.mark.parametrize(
    ("slope", "limit", "needed"), [(1.0, 7.0, 7), (0.5, 7.0, 14), (1.0, 0.5, 1), (2.0, 1.0, 1)]
)
def test_the_smallest_number_of_requests(slope: float, limit: float, needed: int) -> None:
    assert requests_needed(lambda n: slope * n, limit) == needed
    assert math.isinf(requests_needed(lambda n: 1 - 1 / n, limit + 1))


def test_a_large_number_is_near_enough() -> None:
    found = requests_needed(lambda n: n, 1e6)
    assert 1e6 <= found <= 1.001e6
    assert requests_needed(lambda n: n, 9e11) >= 9e11
    assert math.isinf(requests_needed(lambda n: n, 3e12))
