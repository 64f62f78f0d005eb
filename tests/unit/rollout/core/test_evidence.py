from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.evidence import (
    EventShareProcess,
    FailureRateProcess,
    log_mean_exp,
    log_spaced,
    mixture,
)
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
    rng, tried = np.random.default_rng(13), runs(600)
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
    least = _least_failures(0.5, 1000)
    assert (ours >= np.array(least[1:])).any(axis=1).mean() <= at_most(0.025, tried)


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


def _least_failures(share: float, most: int) -> list[int]:
    """Return, for 0 to ``most`` failures, how many of the canary are evidence of harm at the limit 40."""
    least = [0]
    for failures in range(1, most + 1):  # More failures need at least as many of the canary.
        ours = least[-1]
        while ours <= failures:
            if EventShareProcess().add(ours, failures - ours, share).log_e >= math.log(40):
                break
            ours += 1
        least.append(ours)
    return least


def _found_after(share: float, ratio: float, least: list[int]) -> np.ndarray:
    """Return the exact chance that harm was found after 0, 1, 2 … failures, one look after each.

    ``ways[k]`` is the chance that k of the failures so far were the canary's and harm was not found yet.
    """
    theta = share * ratio / (share * ratio + 1 - share)
    ways, found = np.array([1.0]), [0.0]
    for failures in range(1, len(least)):
        ways = np.append(ways * (1 - theta), 0) + np.append(0, ways * theta)
        found.append(found[-1] + ways[least[failures] :].sum())
        ways[least[failures] :] = 0
    assert len(ways) == len(least)
    return np.array(found)


@pytest.mark.parametrize(
    ("share", "half", "nine_in_ten"), [(0.05, 206, 519), (0.25, 64, 157), (0.5, 61, 143)]
)
def test_a_doubled_failure_rate_is_found_after_no_more_failures_than_ever(
    share: float, half: int, nine_in_ten: int
) -> None:
    """The power, exactly: failures of both versions until half, and nine in ten, of the canaries are found.

    Another spacing or width of the alternatives changes these figures; they may only become smaller.
    """
    found = _found_after(share, 2.0, _least_failures(share, 600))
    assert int(np.argmax(found >= 0.5)) <= half
    assert int(np.argmax(found >= 0.9)) <= nine_in_ten
    assert found[-1] > 0.9


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_a_good_canary_is_accused_with_no_more_than_the_promised_chance(share: float) -> None:
    assert _found_after(share, 1.0, _least_failures(share, 600))[-1] <= 1 / 40


def _independent_log_e(null: float, ratios: list[float], counts: list[tuple[float, int, int]]) -> float:
    """Return the logarithm of the weighted mean of the likelihood ratios, from their definition."""
    bell = [math.exp(-2 * (abs(math.log(r / null)) - math.log(2)) ** 2) for r in ratios]
    total = 0.0
    for r, height in zip(ratios, bell, strict=True):
        likelihood = 1.0
        for w, ours, theirs in counts:
            theta, before = w * r / (w * r + 1 - w), w * null / (w * null + 1 - w)
            likelihood *= (theta / before) ** ours * ((1 - theta) / (1 - before)) ** theirs
        total += (0.85 * height / sum(bell) + 0.15 / 24) * likelihood
    return math.log(total)


@pytest.mark.parametrize(
    "counts",
    [
        [(0.5, 3, 1)],
        [(0.05, 4, 10)],
        [(0.05, 1, 9), (0.25, 12, 10), (0.9, 3, 1)],
        [(0.5, 0, 25)],
    ],
)
@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_the_evidence_is_what_its_definition_says(
    counts: list[tuple[float, int, int]], margin: float
) -> None:
    worse = [margin * 1.1 * (16 / 1.1) ** (i / 23) for i in range(24)]
    process = feed(EventShareProcess.inferiority(margin), [(a, b, w) for w, a, b in counts])
    assert process.log_e == pytest.approx(_independent_log_e(margin, worse, counts), abs=1e-12)
    if margin == 1.0:
        assert feed(EventShareProcess(), [(a, b, w) for w, a, b in counts]) == process
    better = [(margin + 1) / 16 * (16 / 1.1) ** (i / 23) for i in range(24)]
    process = feed(EventShareProcess.non_inferiority(margin + 1), [(a, b, w) for w, a, b in counts])
    assert process.log_e == pytest.approx(_independent_log_e(margin + 1, better, counts), abs=1e-12)


@pytest.mark.parametrize(("requests", "failures"), [(10, 0), (200, 1), (200, 3), (40, 40)])
@pytest.mark.parametrize("tolerance", [0.02, 0.3])
def test_the_evidence_of_a_small_rate_is_what_its_definition_says(
    requests: int, failures: int, tolerance: float
) -> None:
    mean = sum(
        weight
        * (share * tolerance / tolerance) ** failures
        * ((1 - share * tolerance) / (1 - tolerance)) ** (requests - failures)
        for share, weight in [(0, 0.5), (0.01, 0.1), (0.03, 0.1), (0.1, 0.1), (0.25, 0.1), (0.5, 0.1)]
    )
    assert FailureRateProcess(tolerance, requests, failures).log_e == pytest.approx(math.log(mean))
    assert FailureRateProcess(tolerance).add(3, 1).add(requests, failures) == FailureRateProcess(
        tolerance, requests + 3, failures + 1
    )


def test_alternatives_that_are_all_far_away_weigh_the_same() -> None:
    assert mixture(1.0, (1e30, 1e40)) == (0.5, 0.5)


def test_the_mean_of_logarithms_is_weighted_and_never_overflows() -> None:
    assert log_mean_exp((1000.0, 1000.0 + math.log(3))) == pytest.approx(1000 + math.log(2))
    assert log_mean_exp((0.0, math.log(5)), (0.75, 0.25)) == pytest.approx(math.log(2))
    assert log_mean_exp((-math.inf, -math.inf)) == -math.inf
    assert log_mean_exp((-math.inf, 0.0), (0.5, 0.5)) == pytest.approx(math.log(0.5))


def test_log_spaced_values_have_a_constant_ratio() -> None:
    assert log_spaced(1.0, 16.0, 5) == pytest.approx((1, 2, 4, 8, 16))


def test_what_is_stored_keeps_its_keys() -> None:
    process = EventShareProcess(1.0, (2.0,)).add(3, 4, 0.5).add(1, 2, 0.05).add(1, 0, 0.5)
    assert process.to_json() == {"null_ratio": 1.0, "ratios": [2.0], "counts": [(0.05, 1, 2), (0.5, 4, 4)]}
    assert FailureRateProcess(0.1, 9, 2).to_json() == {"tolerance": 0.1, "requests": 9, "failures": 2}


def test_no_traffic_says_nothing() -> None:
    assert EventShareProcess().log_e == pytest.approx(0)
    assert FailureRateProcess(0.02).log_e == pytest.approx(0)


def test_the_smallest_possible_values_are_accepted() -> None:
    assert EventShareProcess().add(0, 0, 0.5).counts == ((0.5, 0, 0),)
    assert FailureRateProcess(0.1, 3, 3).failures == 3


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
    lambda: EventShareProcess().add(0, -1, 0.5),
    lambda: EventShareProcess().add(1, 0, -0.1),
    lambda: EventShareProcess(ratios=()),
    lambda: EventShareProcess(ratios=(1.0, 2.0)),
    lambda: EventShareProcess(ratios=(0.5, 1.0)),
    lambda: EventShareProcess(ratios=(0.0, 0.5)),
    lambda: EventShareProcess(ratios=(-1.0, 0.5)),
    lambda: FailureRateProcess(1.0),
    lambda: FailureRateProcess(0.1, 3, -1),
    lambda: EventShareProcess().add(1, 0, 1.5),
    lambda: EventShareProcess(ratios=(0.5, 2.0)),
    lambda: FailureRateProcess(0.0),
    lambda: FailureRateProcess(0.1, 3, 4),
])  # fmt: skip
def test_impossible_values_are_refused(call: object) -> None:
    with pytest.raises(ConfigError):
        call()  # type: ignore[operator]
