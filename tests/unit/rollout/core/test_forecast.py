from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.rollout.core import GuardPlan
from airflow_mlops.rollout.core.evidence import EventShareProcess
from airflow_mlops.rollout.core.forecast import (
    forecast,
    format_duration,
    requests_needed,
    requests_to_pass,
    requests_to_roll_back,
)
from tests.support.rollout import GUARDED_PLAN as PLAN
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


def test_a_plan_with_traffic_has_no_warnings_and_one_without_says_why() -> None:
    busy = forecast(PLAN, rps=200, error_rate=0.01)
    assert [step.warnings for step in busy.steps] == [(), ()]
    assert busy.proposals == ()
    assert "at most 5%" in busy.guarantee
    assert "4 guards" in busy.guarantee
    quiet = forecast(PLAN, rps=0.1, error_rate=0.001)
    assert "cannot be judged: 36 canary requests within its limit of 1h" in quiet.steps[0].warnings[0]
    assert any(text.startswith("shadow: ") for text in quiet.proposals)
    silent = forecast(PLAN, rps=0, error_rate=0.01)
    assert all(step.warnings for step in silent.steps)
    assert "no traffic" in silent.proposals[0]


def test_a_shadow_is_a_step_of_its_own() -> None:
    found = forecast(dataclasses.replace(PLAN, shadow_s=900), rps=200, error_rate=0.01)
    assert [step.percent for step in found.steps] == [0, 10, 50]
    assert found.shortest_s >= 900


def test_a_plan_for_few_sticky_callers_says_that_they_run_out() -> None:
    fine = forecast(PLAN, rps=200, error_rate=0.01, callers=10_000_000)
    assert fine == forecast(PLAN, rps=200, error_rate=0.01)
    few = forecast(PLAN, rps=200, error_rate=0.01, callers=1500)
    assert "1,500 callers count once each" in few.steps[0].warnings[0]
    assert "random routing" in few.proposals[0]
    nobody = forecast(PLAN, rps=200, error_rate=0.01, callers=20)
    assert "2 canary requests from 20 callers, who count once" in nobody.steps[0].warnings[0]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1s"), (59, "59s"), (90, "1.5m"), (7200, "2h"), (172800, "2d")]
)
def test_times_in_words(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def _expected_log_e(requests: float, ratio: float, share: float, rate: float, null: float = 1.0) -> float:
    """Return the evidence at the events to be expected, from the definition of the process."""
    worse = [null * 1.1 * (16 / 1.1) ** (i / 23) for i in range(24)]
    bell = [math.exp(-2 * (math.log(r / null) - math.log(2)) ** 2) for r in worse]
    ours, theirs = requests * share * rate * ratio, requests * (1 - share) * rate
    logs = [
        ours * math.log(r / null)
        + (ours + theirs) * math.log((1 - share + share * null) / (1 - share + share * r))
        for r in worse
    ]
    weights = [0.85 * height / sum(bell) + 0.15 / 24 for height in bell]
    return math.log(math.fsum(w * math.exp(x) for w, x in zip(weights, logs, strict=True)))


@pytest.mark.parametrize(
    ("ratio", "share", "rate", "null"),
    [(2.0, 0.5, 0.01, 1.0), (1.5, 0.05, 0.02, 1.0), (4.0, 0.25, 0.05, 2.0), (3.0, 0.9, 0.1, 1.0)],
)
def test_harm_is_found_after_just_as_many_requests_as_the_evidence_needs(
    ratio: float, share: float, rate: float, null: float
) -> None:
    found = requests_to_roll_back(ratio, share, rate, LIMIT, null)
    assert _expected_log_e(found, ratio, share, rate, null) >= LIMIT
    assert _expected_log_e(found * 0.998 - 1, ratio, share, rate, null) < LIMIT


def test_a_good_canary_passes_by_the_ratio_or_by_the_tolerance_whichever_is_sooner() -> None:
    guard = GuardPlan(name="error_rate", max_ratio=2.0, tolerance=0.02)
    # Without any failure only the tolerance can pass: 158 requests of the canary, as documented.
    assert requests_to_pass(guard, 1.0, 0.0, math.log(20)) == 158
    assert requests_to_pass(guard, 0.5, 0.0, math.log(20)) == 316
    alone = dataclasses.replace(guard, tolerance=None)
    assert math.isinf(requests_to_pass(alone, 0.5, 0.0, math.log(20)))
    by_ratio = requests_to_pass(alone, 0.5, 0.1, math.log(20))
    assert requests_to_pass(guard, 0.5, 0.1, math.log(20)) == by_ratio  # far above the tolerance
    assert requests_to_pass(guard, 0.5, 0.002, math.log(20)) < requests_to_pass(
        alone, 0.5, 0.002, math.log(20)
    )


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


def test_each_step_has_the_needs_of_its_guards() -> None:
    plan = dataclasses.replace(PLAN, shadow_s=60)
    found = forecast(plan, rps=50, error_rate=0.01, wrong_rate=0.2)
    shadow, first, second = found.steps
    assert [need.guard for need in first.needs] == ["error_rate", "latency_p95", "quality"]
    assert [need.rate for need in first.needs] == [0.01, 0.05, 0.2]
    limit = math.log(5 / 0.05)
    for step, share, factor in ((shadow, 0.5, 0.5), (first, 0.1, 1), (second, 0.5, 1)):
        for need, null in zip(step.needs, (1.0, 2.0, 1.0), strict=True):
            assert set(need.worse) == {1.5, 2.0}
            for ratio, requests in need.worse.items():
                assert requests == factor * requests_to_roll_back(ratio, share, need.rate, limit, null)
        errors = GuardPlan(name="error_rate", max_ratio=2.0, tolerance=0.02)
        assert step.needs[0].good == factor * requests_to_pass(errors, share, 0.01, math.log(20))
        assert step.needs[2].good == factor * requests_to_pass(PLAN.guards[1], share, 0.2, math.log(20))
    assert found.rps == 50
    plain = forecast(dataclasses.replace(PLAN, guards=()), rps=50, error_rate=0.01)
    assert plain.guarantee.endswith("(alpha 0.05 shared with the hard floor)")
    assert found.guarantee.endswith("(alpha 0.05 shared by 4 guards and the hard floor)")


def test_the_shortest_time_is_the_longest_need_of_each_step() -> None:
    plan = dataclasses.replace(PLAN, guards=(), steps=(10, 50), hold_s=60.0, min_requests=100)
    for rps in (0.5, 20.0, 5000.0):
        found = forecast(plan, rps=rps, error_rate=0.01)
        by_step = [
            max(60.0, 100 / (rps * step.percent / 100), step.needs[0].good / rps) for step in found.steps
        ]
        assert found.shortest_s == pytest.approx(sum(by_step))
    shadowed = dataclasses.replace(plan, shadow_s=30.0, steps=(50,))
    found = forecast(shadowed, rps=2.0, error_rate=0.01)
    assert found.shortest_s == pytest.approx(50 + found.steps[1].needs[0].good / 2)
    assert math.isinf(forecast(plan, rps=0, error_rate=0.01).shortest_s)
    none = forecast(dataclasses.replace(plan, steps=()), rps=5, error_rate=0.01)
    assert (none.shortest_s, none.steps) == (0, ())
