from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.evidence import EventShareProcess, FailureRateProcess, log_spaced, mixture
from tests.support.simulation import at_least, at_most, runs

COUNTS = st.integers(0, 10_000)
WEIGHTS = st.integers(1, 99).map(lambda percent: percent / 100)
LOOKS = st.lists(st.tuples(COUNTS, COUNTS, WEIGHTS), max_size=12)
PROCESSES = st.sampled_from([EventShareProcess(), EventShareProcess.non_inferiority(2.0)])


def feed(process: EventShareProcess, looks: list[tuple[int, int, float]]) -> EventShareProcess:
    for canary, champion, weight in looks:
        process = process.add(canary, champion, weight)
    return process


@given(PROCESSES, LOOKS, st.randoms())
def test_order_does_not_matter(process: EventShareProcess, looks: list, random: object) -> None:
    shuffled = list(looks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert feed(process, looks) == feed(process, shuffled)


@given(PROCESSES, LOOKS, LOOKS)
def test_a_resumed_process_equals_an_uninterrupted_one(
    process: EventShareProcess, first: list, second: list
) -> None:
    stored = json.dumps(feed(process, first).to_json())
    resumed = feed(EventShareProcess.from_json(json.loads(stored)), second)
    assert resumed == feed(process, first + second)
    assert resumed.log_e == feed(process, first + second).log_e


@given(PROCESSES, st.integers(0, 10**9), st.integers(0, 10**9), WEIGHTS)
def test_a_thousand_million_events_do_not_overflow(
    process: EventShareProcess, canary: int, champion: int, weight: float
) -> None:
    assert math.isfinite(process.add(canary, champion, weight).log_e)


@given(WEIGHTS, st.integers(0, 40))
def test_more_failures_of_the_canary_are_never_evidence_for_it(weight: float, champion: int) -> None:
    worse = [EventShareProcess().add(k, champion, weight).log_e for k in range(30)]
    fine = [EventShareProcess.non_inferiority(2.0).add(k, champion, weight).log_e for k in range(30)]
    assert worse == sorted(worse)
    assert fine == sorted(fine, reverse=True)


@pytest.mark.parametrize("weight", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("events", [1, 3, 12])
def test_expected_evidence_under_the_null_is_one(weight: float, events: int) -> None:
    """Exact: sum over all outcomes of P(outcome) x E(outcome), on the edge of both null hypotheses."""
    for process, ratio in ((EventShareProcess(), 1.0), (EventShareProcess.non_inferiority(2.0), 2.0)):
        share = weight * ratio / (weight * ratio + 1 - weight)
        mean = sum(
            math.comb(events, k)
            * share**k
            * (1 - share) ** (events - k)
            * math.exp(process.add(k, events - k, weight).log_e)
            for k in range(events + 1)
        )
        assert mean == pytest.approx(1.0, abs=1e-9)


def test_expected_failure_rate_evidence_under_the_null_is_one() -> None:
    mean = sum(
        math.comb(60, k) * 0.1**k * 0.9 ** (60 - k) * math.exp(FailureRateProcess(0.1, 60, k).log_e)
        for k in range(61)
    )
    assert mean == pytest.approx(1.0, abs=1e-9)


@pytest.mark.simulation
def test_false_alarms_stay_below_alpha_on_a_ramp_with_peeking() -> None:
    """Good canaries, 5 -> 25 -> 50 % while both arms drift from 0.5 to 2 %, 30 looks each."""
    rng = np.random.default_rng(11)
    alarms, tried = 0, runs(400)
    for _ in range(tried):
        process, top = EventShareProcess(), 0.0
        for look in range(30):
            weight = (0.05, 0.25, 0.5)[look // 10]
            rate = 0.005 + 0.015 * look / 29
            canary = rng.binomial(round(2000 * weight), rate)
            champion = rng.binomial(round(2000 * (1 - weight)), rate)
            process = process.add(int(canary), int(champion), weight)
            top = max(top, process.log_e)
        alarms += top >= math.log(20)
    assert alarms / tried <= at_most(0.05, tried)


@pytest.mark.simulation
def test_mean_evidence_of_stopped_canaries_is_at_most_one() -> None:
    """Good canaries on a ramp, each stopped where it looks worst for it, or after 200 failures.

    The mean of the stopped evidence is 1 in theory. It is cut off at 40, so the mean can only be lower and
    the variance is at most 40; three standard errors are allowed.
    """
    rng, tried = np.random.default_rng(13), runs(1500)
    weights = np.repeat([0.05, 0.25, 0.5], [60, 60, 80])
    steps = [EventShareProcess().add(1, 0, w) for w in (0.05, 0.25, 0.5)]
    assert all(step.log_e > 0 for step in steps)
    stopped = []
    for ours in rng.random((tried, 200)) < weights:
        stopped.append(_stopped(ours, weights))
    assert float(np.mean(stopped)) <= 1 + 3 * math.sqrt(40 / tried)


def _stopped(ours: np.ndarray, weights: np.ndarray) -> float:
    for look in range(20, 201, 20):
        process = EventShareProcess()
        for w in (0.05, 0.25, 0.5):
            here = ours[:look][weights[:look] == w]
            process = process.add(int(here.sum()), int((~here).sum()), w)
        if process.log_e >= math.log(40):
            return 40.0
    return min(40.0, math.exp(process.log_e))


@given(st.floats(0.1, 10.0), st.integers(2, 40))
def test_the_weights_of_the_alternatives_sum_to_one(null: float, count: int) -> None:
    weights = mixture(null, tuple(null * ratio for ratio in log_spaced(1.1, 16.0, count)))
    assert math.fsum(weights) == pytest.approx(1)
    assert min(weights) > 0


@pytest.mark.simulation
def test_the_chance_of_a_false_alarm_is_half_of_alpha_at_a_thousand_looks() -> None:
    """Good canaries at 1:1, a look after each of 1,000 failures, limit 2/alpha for alpha 0.05."""
    rng, tried = np.random.default_rng(3), runs(4000)
    ours = np.cumsum(rng.random((tried, 1000), np.float32) < 0.5, axis=1, dtype=np.int16)
    least = [0]
    for n in range(1, 1001):  # More failures need at least as many of the canary.
        least.append(next(k for k in range(least[-1], n + 2) if k > n or _log_e(k, n) >= math.log(40)))
    assert (ours >= np.array(least[1:])).any(axis=1).mean() <= at_most(0.025, tried)


def _log_e(canary: int, failures: int) -> float:
    return EventShareProcess().add(canary, failures - canary, 0.5).log_e


@pytest.mark.simulation
def test_a_doubled_failure_rate_is_found_in_twenty_thousand_requests() -> None:
    rng = np.random.default_rng(5)
    found, tried = 0, runs(50)
    for _ in range(tried):
        process = EventShareProcess()
        for _ in range(40):
            process = process.add(int(rng.binomial(500, 0.02)), int(rng.binomial(500, 0.01)), 0.5)
        found += process.log_e >= math.log(20)
    assert found / tried >= at_least(0.99, tried)


def test_no_traffic_says_nothing() -> None:
    assert EventShareProcess().log_e == pytest.approx(0)
    assert FailureRateProcess(0.02).log_e == pytest.approx(0)


def test_a_one_sided_split_compares_nothing() -> None:
    assert EventShareProcess().add(50, 0, 1.0).add(0, 50, 0.0) == EventShareProcess()


def test_the_documented_number_of_clean_requests_passes() -> None:
    limit = math.log(20)
    needed = next(n for n in range(1000) if FailureRateProcess(0.02, n).log_e >= limit)
    assert needed == 158


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_failure_rate_evidence_survives_storage_and_size(successes: int, failures: int) -> None:
    process = FailureRateProcess(0.02).add(successes, 0).add(failures, failures)
    assert FailureRateProcess.from_json(json.loads(json.dumps(process.to_json()))) == process
    assert not math.isnan(process.log_e)
    assert process.log_e < math.inf


@pytest.mark.parametrize("call", [
    lambda: EventShareProcess().add(-1, 0, 0.5),
    lambda: EventShareProcess().add(1, 0, 1.5),
    lambda: EventShareProcess(ratios=(0.5, 2.0)),
    lambda: FailureRateProcess(0.0),
    lambda: FailureRateProcess(0.1, 3, 4),
])  # fmt: skip
def test_impossible_values_are_refused(call: object) -> None:
    with pytest.raises(ConfigError):
        call()  # type: ignore[operator]
