from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core import (
    Counts,
    EpochCounts,
    GuardPlan,
    Health,
    Observation,
    Phase,
    RolloutPlan,
    RolloutState,
    advance,
    decide,
    judge,
    new_state,
    rollout_id,
)
from tests.support.simulation import at_most, runs

LATENCY = GuardPlan(name="latency_p95", max_ratio=2.0, tolerance=0.1)
QUALITY = GuardPlan(name="quality", max_ratio=1.5)
SHIFT = GuardPlan(name="prediction_shift", max_ratio=1.5, action="warn")
ALL = (LATENCY, QUALITY, SHIFT)
EVEN = (100,) * 10


def plan(*guards: GuardPlan, **changes: Any) -> RolloutPlan:
    base = RolloutPlan(
        name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(50,),
        hold_s=10, step_timeout_s=100, min_requests=50, guards=guards,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


GOOD = Counts(1000, 0, 1000, 50, 1000, 100, EVEN)


def epoch(canary: Counts, champion: Counts = GOOD, percent: int = 50) -> EpochCounts:
    return EpochCounts(percent, percent, canary, champion)


def step(plan: RolloutPlan, *epochs: EpochCounts, now: float = 20) -> RolloutState:
    state = new_state(plan, 0)
    for counts in ((), (), (), epochs):
        seen = Observation(health=Health("ok"), percent=50, champion=2, epoch=1, epochs=counts)
        state, _ = advance(state, seen, now if counts else 0)
    return state


def test_a_canary_that_is_like_the_champion_passes_all_guards() -> None:
    thrice = GOOD + GOOD + GOOD
    state = step(plan(*ALL), epoch(thrice, thrice))
    assert state.phase is Phase.PROMOTING
    assert set(state.history[-1].evidence["guards"]) == {"latency_p95", "quality", "prediction_shift"}
    assert RolloutState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.parametrize(
    ("worse", "words"),
    [
        ({"slow": 200}, "is slow more often than the champion times 2: 200 of 1000 were slow against 50"),
        ({"wrong": 180}, "is wrong more often than the champion: 180 of 1000 were wrong against 100"),
        ({"failures": 30}, "fails more often than the champion: 30 of 1000 failed against 0"),
    ],
)
def test_each_guard_rolls_back_on_its_own_events(worse: dict[str, int], words: str) -> None:
    state = step(plan(*ALL), epoch(dataclasses.replace(GOOD, **worse)))
    assert state.phase is Phase.ROLLING_BACK
    assert words in state.reason


def test_a_little_slower_is_no_harm_within_the_margin() -> None:
    state = step(plan(LATENCY), epoch(dataclasses.replace(GOOD, slow=75)))
    assert state.phase is not Phase.ROLLING_BACK


@pytest.mark.parametrize("action", ["warn", "pause", "rollback"])
@pytest.mark.parametrize("spread", [(190, 10, *EVEN[2:]), (10, 190, *EVEN[2:])])
def test_a_shift_does_what_the_plan_says(action: str, spread: tuple[int, ...]) -> None:
    guard = dataclasses.replace(SHIFT, action=action)
    state = step(plan(guard), epoch(dataclasses.replace(GOOD, deciles=spread)))
    expected = {"warn": Phase.PROMOTING, "pause": Phase.PAUSED, "rollback": Phase.ROLLING_BACK}
    assert state.phase is expected[action]
    assert "scores are spread differently: decile" in state.reason


def test_a_person_who_goes_on_is_not_stopped_by_the_same_finding_again() -> None:
    guard = dataclasses.replace(SHIFT, action="pause")
    counts = epoch(dataclasses.replace(GOOD, deciles=(190, 10, *EVEN[2:])))
    paused = step(plan(guard), counts)
    assert paused.phase is Phase.PAUSED
    state = decide(paused, "continue", "ann", 21)
    for now in (22, 40):
        seen = Observation(health=Health("ok"), percent=50, champion=2, epoch=1, epochs=(counts,))
        state, _ = advance(state, seen, now)
    assert state.phase is Phase.PROMOTING


@pytest.mark.parametrize(
    ("guard", "blind"),
    [
        (LATENCY, {"timed": 0, "slow": 0}),
        (QUALITY, {"labelled": 0, "wrong": 0}),
        (SHIFT, {"deciles": ()}),
    ],
)
@pytest.mark.parametrize("choice", ["pause", "promote", "rollback"])
def test_a_guard_without_counts_is_inconclusive_and_never_a_pass(
    guard: GuardPlan, blind: dict[str, Any], choice: str
) -> None:
    unmeasured = plan(guard, on_inconclusive=choice)
    for canary, champion in (
        (dataclasses.replace(GOOD, **blind), GOOD),
        (GOOD, dataclasses.replace(GOOD, **blind)),
    ):
        assert step(unmeasured, epoch(canary, champion)).phase is Phase.STEP
        ended = step(unmeasured, epoch(canary, champion), now=100)
        assert ended.phase is (Phase.ROLLING_BACK if choice == "rollback" else Phase.PAUSED)
        assert f"{guard.name} was not measured" in ended.reason


def test_the_evidence_needed_grows_with_the_number_of_guards() -> None:
    counts = [epoch(dataclasses.replace(GOOD, failures=10))]
    one, four = judge(counts, plan()), judge(counts, plan(*ALL))
    limits = [j.evidence()["worse"]["limit"] for j in (one, four)]
    assert limits == pytest.approx(
        [np.log(2 / 0.05), np.log(5 / 0.05)]
    )  # The floor has a share of alpha too.
    assert one.harm
    assert not four.harm


@pytest.mark.simulation
def test_all_guards_together_keep_the_promised_false_alarm_rate() -> None:
    """Canaries that equal the champion, 5 -> 25 -> 50 %, 20 looks each, four guards at alpha 0.05."""
    rng, tried = np.random.default_rng(4), runs(60)
    judged, alarms = plan(*(dataclasses.replace(g, action="rollback") for g in ALL)), 0
    for _ in range(tried):
        totals = {percent: (Counts(), Counts()) for percent in (5, 25, 50)}
        for number in range(20):
            percent = (5, 25, 50)[number * 3 // 20]
            sizes = (10 * percent, 10 * (100 - percent))
            before = totals[percent]
            totals[percent] = tuple(b + _draw(rng, n) for b, n in zip(before, sizes, strict=True))  # type: ignore[assignment]
            if judge([epoch(*pair, percent) for percent, pair in totals.items()], judged).harm:
                alarms += 1
                break
    assert alarms / tried <= at_most(0.05, tried)


def _draw(rng: np.random.Generator, n: int) -> Counts:
    failures, slow, wrong = (int(rng.binomial(n, p)) for p in (0.01, 0.05, 0.1))
    deciles = tuple(int(d) for d in rng.multinomial(n, [0.1] * 10))
    return Counts(n, failures, n, slow, n, wrong, deciles)


def test_guards_are_part_of_the_rollouts_identity() -> None:
    assert rollout_id(plan(LATENCY)) != rollout_id(plan(QUALITY)) != rollout_id(plan())


@pytest.mark.parametrize(
    "make",
    [
        lambda: GuardPlan(name="speed", max_ratio=2),
        lambda: GuardPlan(name="quality", max_ratio=1),
        lambda: GuardPlan(name="quality", max_ratio=2, action="panic"),
        lambda: plan(QUALITY, QUALITY),
    ],
)
def test_impossible_guards_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()
