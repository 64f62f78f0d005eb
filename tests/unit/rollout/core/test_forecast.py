from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.rollout.core import GuardPlan, RolloutPlan
from airflow_mlops.rollout.core.evidence import EventShareProcess
from airflow_mlops.rollout.core.forecast import forecast, format_duration, requests_to_roll_back
from tests.support.simulation import runs

LIMIT = math.log(40)
PLAN = RolloutPlan(
    name="churn", model_version=2, model_uri="models:/churn/2", champion_version=1, steps=(10, 50),
    hold_s=60, step_timeout_s=3600, min_requests=100,
    guards=(
        GuardPlan(name="latency_p95", max_ratio=2, tolerance=0.1),
        GuardPlan(name="quality", max_ratio=1.5),
        GuardPlan(name="prediction_shift", max_ratio=1.5, action="pause"),
    ),
)  # fmt: skip


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
