from __future__ import annotations

import dataclasses

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core import Phase
from airflow_mlops.rollout.core.faults import FAULTS
from airflow_mlops.rollout.core.simulation import simulate
from tests.support.rollout import GUARDED_PLAN as PLAN


@pytest.mark.parametrize(
    ("fault", "phase"),
    [
        ("none", Phase.PROMOTING), ("errors", Phase.ROLLING_BACK), ("latency", Phase.ROLLING_BACK),
        ("quality", Phase.ROLLING_BACK), ("shift", Phase.PAUSED), ("no-traffic", Phase.PAUSED),
        ("no-load", Phase.ROLLING_BACK), ("dead-controller", Phase.PROMOTING),
        ("dead-server", Phase.PROMOTING),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shadow_s", [0.0, 300.0])
def test_a_simulated_fault_ends_as_it_should(fault: str, phase: Phase, shadow_s: float) -> None:
    plan = dataclasses.replace(PLAN, shadow_s=shadow_s)
    story = simulate(plan, fault=fault, rps=60, error_rate=0.005, poll_s=10)
    assert story.state.phase is phase
    assert fault in FAULTS
    assert story == simulate(plan, fault=fault, rps=60, error_rate=0.005, poll_s=10)


@pytest.mark.parametrize("fault", ["dead-controller", "dead-server"])
def test_an_hour_without_controller_or_server_costs_that_hour_and_nothing_else(fault: str) -> None:
    undisturbed, story = (
        simulate(PLAN, fault=name, rps=60, error_rate=0.005, poll_s=10).state for name in ("none", fault)
    )
    assert [entry.to for entry in story.history] == [entry.to for entry in undisturbed.history]
    later = story.history[3].at - undisturbed.history[3].at
    assert 3600 - PLAN.gap_s <= later <= 3600 + PLAN.gap_s


def test_an_unknown_fault_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown fault 'fire'; known: none, errors"):
        simulate(PLAN, fault="fire", rps=1, error_rate=0.01, poll_s=1)


def test_requests_are_drawn_at_the_rates_that_were_asked_for() -> None:
    """A hold of 100,000 s at 10 requests a second: each share within four standard errors."""
    plan = dataclasses.replace(
        PLAN, steps=(25,), hold_s=100_000, step_timeout_s=200_000, guards=(), gap_s=1e6
    )
    state = simulate(plan, fault="none", rps=10, error_rate=0.02, poll_s=60).state
    assert state.phase is Phase.PROMOTING
    [counts] = state.epochs
    total = counts.canary.requests + counts.champion.requests
    seconds = state.history[-1].at - state.history[-2].at
    assert total == pytest.approx(10 * seconds, rel=4 / (10 * seconds) ** 0.5 + 200 / seconds)
    assert counts.canary.requests / total == pytest.approx(0.25, abs=4 * (0.1875 / total) ** 0.5)
    for side in (counts.canary, counts.champion):
        n = side.requests
        assert (side.timed, side.labelled, sum(side.deciles)) == (n, n, n)
        for events, rate in ((side.failures, 0.02), (side.slow, 0.05), (side.wrong, 0.1)):
            assert events / n == pytest.approx(rate, abs=4 * (rate * (1 - rate) / n) ** 0.5)
        for decile in side.deciles:
            assert decile / n == pytest.approx(0.1, abs=4 * (0.09 / n) ** 0.5)


def test_a_shift_moves_four_in_five_of_the_upper_scores_down() -> None:
    state = simulate(PLAN, fault="shift", rps=60, error_rate=0.005, poll_s=10).state
    shifted, usual = state.epochs[0].canary, state.epochs[0].champion
    assert sum(shifted.deciles[:5]) / shifted.requests == pytest.approx(0.9, abs=0.03)
    assert sum(usual.deciles[:5]) / usual.requests == pytest.approx(0.5, abs=0.03)


def test_a_shadow_answers_a_copy_of_every_request() -> None:
    plan = dataclasses.replace(PLAN, shadow_s=600)
    shadow = simulate(plan, fault="none", rps=20, error_rate=0.01, poll_s=10).state.epochs[0]
    assert shadow.percent == 0
    assert shadow.canary.requests == shadow.champion.requests > 10_000
    assert shadow.both is not None


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            "dead-controller",
            {
                0: "the controller dies; the server keeps splitting the traffic",
                120: "the lease was not renewed: the server sends all traffic to the champion",
                3600: "a new controller resumes: same step, same evidence; unobserved time does not count",
            },
        ),
        (
            "dead-server",
            {
                0: "the model server dies: requests fail, nothing is counted, polling fails",
                3600: "the server is back with the champion; the controller sets the weight again",
            },
        ),
    ],
)
def test_an_outage_begins_after_five_polls_with_traffic_and_is_told(fault: str, told: dict[int, str]) -> None:
    story = simulate(PLAN, fault=fault, rps=200, error_rate=0.005, poll_s=10)
    first_step = next(entry.at for entry in story.state.history if entry.to.startswith("STEP 1/2"))
    began = first_step + 70  # one poll sets the weight, one reads it back, and then five
    assert story.events == tuple((began + seconds, text) for seconds, text in told.items())
    assert next(entry.at for entry in story.state.history if entry.to.startswith("STEP 2/2")) == began + 3600
    undisturbed = simulate(PLAN, fault="none", rps=200, error_rate=0.005, poll_s=10)
    assert undisturbed.events == ()
    counted = [
        [(e.canary.requests, e.champion.requests) for e in s.epochs] for s in (story.state, undisturbed.state)
    ]
    assert (counted[0] == counted[1]) == (fault == "dead-server")


def test_the_seed_decides() -> None:
    first, again, other = (
        simulate(PLAN, fault="none", rps=60, error_rate=0.005, poll_s=10, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.state.epochs != other.state.epochs


def test_a_plan_without_a_champion_is_simulated_against_one() -> None:
    state = simulate(
        dataclasses.replace(PLAN, champion_version=None), fault="errors", rps=60, error_rate=0.01, poll_s=10
    ).state
    assert (state.phase, state.plan.champion_version) == (Phase.ROLLING_BACK, 0)


def test_a_tick_is_so_long_that_the_longest_rollout_takes_4000_polls() -> None:
    """Two steps, loading and the end of 4,000 s each, and a shadow of 8,000 s: 24,000 s."""
    plan = dataclasses.replace(PLAN, steps=(25, 50), step_timeout_s=4_000, shadow_s=8_000)
    for poll_s, tick in ((0.001, 6.0), (7, 7.0)):
        state = simulate(plan, fault="no-load", rps=60, error_rate=0.005, poll_s=poll_s).state
        assert [entry.at for entry in state.history] == [0, 0, tick]


def test_a_plan_without_any_time_still_ends() -> None:
    plan = dataclasses.replace(PLAN, step_timeout_s=0, shadow_s=0)
    state = simulate(plan, fault="none", rps=60, error_rate=0.005, poll_s=0).state
    assert (state.phase, state.history[2].at) == (Phase.PAUSED, 1 / 4_000)


@pytest.mark.parametrize(("fault", "served_s"), [("dead-controller", 120), ("dead-server", 0)])
def test_requests_of_an_outage_count_until_the_lease_ends(fault: str, served_s: int) -> None:
    """At 200 requests a second, within five standard errors of a Poisson count."""
    story = simulate(PLAN, fault=fault, rps=200, error_rate=0.005, poll_s=10)
    step = next(entry.at for entry in story.state.history if entry.to.startswith("STEP 1/2"))
    began, back = story.events[0][0], story.events[-1][0]
    counted = story.state.epochs[0].canary.requests + story.state.epochs[0].champion.requests
    expected = 200 * (began - step + served_s)
    assert counted == pytest.approx(expected, abs=5 * expected**0.5)
    assert back == began + 3600


def test_a_version_that_does_not_load_says_that_this_was_simulated() -> None:
    state = simulate(PLAN, fault="no-load", rps=60, error_rate=0.005, poll_s=10).state
    assert (state.reason, state.since) == ("the version does not load: simulated", 0)
