from __future__ import annotations

import dataclasses

import pytest
from scipy import stats

from airflow_mlops.rollout.core import Counts, Phase, RolloutPlan, advance, new_state, rollout_id
from airflow_mlops.rollout.core.tolerance import (
    LEAST,
    expected_alone,
    lower_limit,
    measured_tolerance,
    with_tolerance,
)
from tests.support.rollout_states import PLAN, look

AUTOMATIC = dataclasses.replace(PLAN, tolerance=None)


@pytest.mark.parametrize(("failures", "requests"), [(1, 20), (12, 12_345), (123, 12_345), (50, 50)])
def test_the_limit_is_that_of_an_exact_binomial_test(failures: int, requests: int) -> None:
    limit = lower_limit(failures, requests)
    # At the limit so many failures or more have a chance of 5 %: the definition, by the binomial itself.
    assert stats.binom.sf(failures - 1, requests, limit) == pytest.approx(0.05)


def test_nothing_is_known_of_a_champion_without_failures() -> None:
    assert (lower_limit(0, 10**6), lower_limit(0, 0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("counts", "tolerance", "words"),
    [
        (None, LEAST, "tolerance 0.2 %: the least there is, no request of the champion"),
        (
            Counts(12_345, 12),
            0.002,
            "tolerance 0.2 %: the least there is, above 2 x the 0.056 % that the champion fails at least (",
        ),
        (Counts(100_000, 300), 0.0054, "2 x the 0.27 % that the champion fails at least (300 of 100,000"),
        (
            Counts(1_000, 100),
            0.02,
            "tolerance 2 %: the most there is, below 2 x the 8.5 % that the champion fails at least (100 of",
        ),
    ],
)
def test_it_follows_what_the_champion_is_known_to_do(
    counts: Counts | None, tolerance: float, words: str
) -> None:
    found, why = measured_tolerance(counts, 2.0)
    assert found == pytest.approx(tolerance)
    assert words in why


def test_a_day_of_requests_is_expected_before_a_rollout() -> None:
    assert expected_alone(0.5, 0.01) == Counts(requests=43_200, failures=432)


def test_more_than_the_margin_is_never_tolerated() -> None:
    """What fails max_ratio times as often as the champion is above the tolerance, or below 0.2 %."""
    for failures in range(0, 400, 7):
        tolerance, _ = measured_tolerance(Counts(20_000, failures), 2.0)
        assert tolerance <= max(LEAST, 2 * failures / 20_000)


def test_it_is_frozen_when_the_rollout_begins_and_told() -> None:
    seen = dataclasses.replace(look(), alone=Counts(100_000, 300))
    state, _ = advance(new_state(AUTOMATIC, 0), seen, 0)
    assert (state.phase, state.plan.tolerance) == (Phase.WARMING, pytest.approx(0.0054))
    assert state.history[-1].reason.startswith("loading; tolerance 0.54 %: 2 x the 0.27 %")
    assert state.reference["error_rate"] == state.plan.tolerance
    later, _ = advance(state, dataclasses.replace(look(), alone=Counts(100, 90)), 1)
    assert later.plan.tolerance == state.plan.tolerance
    assert state.id == rollout_id(AUTOMATIC)  # the request still finds it


def test_a_tolerance_of_the_file_stays_and_a_rollout_without_canary_needs_none() -> None:
    assert with_tolerance(PLAN, Counts(10, 9)) == (PLAN, "")
    first = RolloutPlan(name="churn", model_version=1, model_uri="models:/churn/1")
    assert with_tolerance(first, None) == (first, "")
