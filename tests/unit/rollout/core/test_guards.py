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
from airflow_mlops.rollout.core.evidence import EventShareProcess, FailureRateProcess
from airflow_mlops.rollout.core.judgement import find_harm as find
from airflow_mlops.rollout.core.odds import Block, OddsProcess
from tests.support.labels import with_labels
from tests.support.simulation import at_most, runs

LATENCY = GuardPlan(name="latency_p95", max_ratio=2.0, tolerance=0.1)
QUALITY = GuardPlan(name="quality", max_ratio=1.5)
SHIFT = GuardPlan(name="prediction_shift", max_ratio=1.5, action="warn")
ALL = (LATENCY, QUALITY, SHIFT)
EVEN = (100,) * 10


def plan(*guards: GuardPlan, **changes: Any) -> RolloutPlan:
    base = RolloutPlan(
        name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(50,),
        hold_s=10, step_timeout_s=100, min_requests=50, guards=guards, tolerance=0.02,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


GOOD = Counts(1000, 0, 1000, 50, 1000, 100, EVEN)


def epoch(canary: Counts, champion: Counts = GOOD, percent: int = 50) -> EpochCounts:
    return with_labels(EpochCounts(percent, percent, canary, champion))


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


def limits(harm: float = 1e9, good: float = 1e9) -> dict[str, float]:
    return {"harm_limit": harm, "pass_limit": good}


def test_a_shift_is_the_mean_of_both_directions_of_every_decile() -> None:
    """Events that both versions share are left out; a version without deciles counts as zeros."""
    first = EpochCounts(1, 25, Counts(deciles=(9, 2)), Counts(deciles=(20, 30, 7)))
    shadow = EpochCounts(2, 0, Counts(deciles=(5, 5, 1)), Counts(deciles=(4, 8)), Counts(deciles=(3, 6)))
    found = find(SHIFT, [first, shadow], **limits())
    counted = [((9, 20), (2, 1)), ((2, 30), (0, 2)), ((0, 7), (1, 0))]
    evidence = 0.0
    for (ours, theirs), (copied, beside) in counted:
        for process in (EventShareProcess.inferiority(1.5), EventShareProcess.non_inferiority(1 / 1.5)):
            evidence += np.exp(process.add(ours, theirs, 0.25).add(copied, beside, 0.5).log_e) / 6
    assert found.evidence == {
        "canary": {"deciles": [14, 7, 1]},
        "champion": {"deciles": [24, 38, 7]},
        "shifted": {"log_e": pytest.approx(np.log(evidence)), "limit": 1e9},
    }
    assert (found.harm, found.good, found.missing) == (None, "no shift of the scores found", None)
    empty = find(SHIFT, [], **limits())
    assert empty.evidence["shifted"]["log_e"] == 0
    assert (empty.good, empty.missing) == (
        None,
        "prediction_shift was not measured (0 canary and 0 champion requests)",
    )


@pytest.mark.parametrize(
    ("spread", "decile", "holds"),
    [((10, 190, *EVEN[2:]), 1, "1%"), ((*EVEN[2:], 5, 195), 9, "0%"), ((*(78,) * 9, 298), 10, "30%")],
)
def test_the_decile_that_has_moved_most_is_named(spread: tuple[int, ...], decile: int, holds: str) -> None:
    found = find(SHIFT, [epoch(dataclasses.replace(GOOD, deciles=spread))], **limits(harm=3.0))
    assert found.harm is not None
    assert found.harm.startswith(
        f"the canary's scores are spread differently: decile {decile} holds {holds} of them against "
        "10% of the champion's, log E "
    )
    assert found.harm.endswith(" >= 3.00")
    assert found.good is None


def test_evidence_that_just_reaches_its_limit_decides() -> None:
    counts = [epoch(Counts(1000, 30), Counts(1000, 10))]
    errors = GuardPlan(name="error_rate", max_ratio=5.0, tolerance=0.1)
    figures = find(errors, counts, **limits()).evidence
    names = ("worse", "within_max_ratio", "within_tolerance")
    worse, within, tolerable = (figures[name]["log_e"] for name in names)
    assert worse == EventShareProcess().add(30, 10, 0.5).log_e
    assert within == EventShareProcess.non_inferiority(5.0).add(30, 10, 0.5).log_e
    assert tolerable == FailureRateProcess(0.1, 1000, 30).log_e
    assert find(errors, counts, **limits(harm=worse)).harm == (
        f"the canary fails more often than the champion: 30 of 1000 failed against 10 of 1000, "
        f"log E {worse:.2f} >= {worse:.2f}"
    )
    assert find(errors, counts, **limits(harm=worse * 1.0001)).harm is None
    by_rate = f"failure rate below 0.1 (30 of 1000 failed): log E {tolerable:.2f} >= {tolerable:.2f}"
    assert find(errors, counts, **limits(good=tolerable)).good == by_rate
    assert find(errors, counts, **limits(good=tolerable * 1.0001)).good is None
    alone = dataclasses.replace(errors, tolerance=None)
    by_ratio = f"failure ratio below 5: log E {within:.2f} >= {within:.2f}"
    assert find(alone, counts, **limits(good=within)).good == by_ratio
    assert find(alone, counts, **limits(good=within)).evidence["within_tolerance"]["log_e"] is None
    assert find(alone, counts, **limits(good=within + 0.001)).good is None
    assert figures["worse"]["limit"] == figures["within_max_ratio"]["limit"] == 1e9


def test_shared_events_of_a_shadow_are_left_out_but_shown() -> None:
    counts = EpochCounts(1, 0, Counts(100, 9), Counts(100, 8), Counts(100, 6))
    found = find(GuardPlan(name="error_rate", max_ratio=2.0, tolerance=0.02), [counts], **limits())
    assert found.evidence["worse"]["log_e"] == EventShareProcess().add(3, 2, 0.5).log_e
    assert found.evidence["canary"] == {"requests": 100, "failures": 9}
    assert found.evidence["champion"] == {"requests": 100, "failures": 8}
    odd = EpochCounts(1, 0, Counts(100, 3), Counts(100, 4), Counts(100, 6))
    assert find(QUALITY, [odd], **limits()).evidence["worse"]["log_e"] == pytest.approx(0)
    assert find(GuardPlan(name="error_rate", max_ratio=2.0), [odd], **limits()).evidence["worse"][
        "log_e"
    ] == pytest.approx(0)


def test_errors_alone_are_harm_even_beside_a_champion_without_requests() -> None:
    failing = [epoch(Counts(60, 60, 60, 60), Counts())]
    errors = find(GuardPlan(name="error_rate", max_ratio=2.0), failing, **limits(harm=1.0))
    assert errors.harm is not None
    assert errors.missing == "error_rate was not measured (60 canary and 0 champion requests)"
    slow = find(dataclasses.replace(LATENCY, max_ratio=1.1), failing, **limits(harm=1.0))
    assert slow.harm is None
    assert slow.missing == "latency_p95 was not measured (60 canary and 0 champion requests)"


def test_a_slow_answer_is_harm_from_the_margin_on_and_a_failure_from_the_first_difference() -> None:
    counts = [epoch(dataclasses.replace(GOOD, slow=200, wrong=200))]
    slow, wrong = find(LATENCY, counts, **limits()), find(QUALITY, counts, **limits())
    assert slow.evidence["worse"]["log_e"] == EventShareProcess.inferiority(2.0).add(200, 50, 0.5).log_e
    compared = [Block((1000, 200), (1000, 100))]
    assert wrong.evidence["worse"]["log_e"] == OddsProcess.inferiority(1.0).log_e(compared)
    assert slow.evidence["canary"] == {"timed": 1000, "slow": 200}
    assert wrong.evidence["champion"] == {"labelled": 1000, "wrong": 100}
    assert (slow.guard, slow.action) == ("latency_p95", "rollback")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"name": "speed"},
            "unknown guard 'speed'; known: error_rate, latency_p95, quality, prediction_shift",
        ),
        ({"action": "panic"}, "guard quality: action must be one of"),
        ({"max_ratio": 1.0}, "guard quality: max_ratio must be above 1, got 1.0"),
    ],
)
def test_a_guard_that_is_refused_says_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        dataclasses.replace(QUALITY, **change)
    assert GuardPlan(name="error_rate", max_ratio=2.0).action == "rollback"


def test_a_shift_that_just_reaches_its_limit_is_harm() -> None:
    counts = [epoch(dataclasses.replace(GOOD, deciles=(120, 80, *EVEN[2:])))]
    reached = find(SHIFT, counts, **limits()).evidence["shifted"]["log_e"]
    assert find(SHIFT, counts, **limits(harm=reached)).harm is not None
    assert find(SHIFT, counts, **limits(harm=reached + 0.001)).harm is None


def test_more_shared_events_than_a_version_has_are_none_of_its_own() -> None:
    odd = EpochCounts(1, 0, Counts(deciles=(1, 5)), Counts(deciles=(5, 1)), Counts(deciles=(5, 5)))
    assert find(SHIFT, [odd], **limits()).evidence["shifted"]["log_e"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("guard", "noun", "limit"), [(LATENCY, "slow-answer", -1e9), (QUALITY, "wrong-prediction", 1.0)]
)
def test_a_guard_that_passes_names_its_events_and_its_limits(
    guard: GuardPlan, noun: str, limit: float
) -> None:
    thrice = GOOD + GOOD + GOOD
    found = find(guard, [epoch(thrice, thrice)], **limits(harm=7.0, good=limit))
    assert found.good is not None
    assert found.good.startswith(f"{noun} ratio below {guard.max_ratio:g}: log E ")
    figures = {
        name: found.evidence[name]["limit"] for name in ("worse", "within_max_ratio", "within_tolerance")
    }
    assert figures == {"worse": 7.0, "within_max_ratio": limit, "within_tolerance": limit}
