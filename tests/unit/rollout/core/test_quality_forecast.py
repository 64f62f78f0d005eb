from __future__ import annotations

import dataclasses
import math

import pytest

from airflow_mlops.rollout.core import GuardPlan, Phase
from airflow_mlops.rollout.core.forecast import Need, forecast
from airflow_mlops.rollout.core.labels_to_come import LabelsToCome
from airflow_mlops.rollout.core.odds import Block, OddsProcess
from airflow_mlops.rollout.core.quality_forecast import label_drift
from airflow_mlops.rollout.core.requests_needed import (
    requests_needed,
    requests_to_pass,
    requests_to_roll_back,
    tolerance_drift,
)
from airflow_mlops.rollout.core.simulation import simulate
from tests.support.rollout import GUARDED_PLAN

PLAN = dataclasses.replace(
    GUARDED_PLAN, guards=(GuardPlan(name="quality", max_ratio=1.5),), step_timeout_s=86_400.0
)


def needs(labels: LabelsToCome | None = None, *, plan: object = PLAN, percent: int = 10) -> Need:
    found = forecast(plan, rps=50, error_rate=0.01, labels=labels)  # type: ignore[arg-type]
    [step] = [step for step in found.steps if step.percent == percent]
    return next(need for need in step.needs if need.guard == "quality")


def test_the_drift_is_the_evidence_of_the_expected_counts() -> None:
    process = OddsProcess.inferiority(1.0)
    for n in (200, 2000):
        expected = process.log_e([Block((n // 2, n // 10), (n // 2, n // 20))] * 10)
        assert label_drift(process, 0.5, 0.1, 2.0)(10 * n) == pytest.approx(expected, rel=0.05)
    assert label_drift(process, 0.5, 0.0, 2.0)(1e9) <= 0


def test_few_and_late_labels_take_longer() -> None:
    plain, few = needs(), needs(LabelsToCome(coverage=(0.25, 0.25)))
    wait = 2 * 50  # Labels that come at once are judged after two seconds.
    for ratio in (1.5, 2.0):
        assert few.worse[ratio] - wait == pytest.approx(4 * (plain.worse[ratio] - wait), rel=0.01)
    assert few.good - wait == pytest.approx(4 * (plain.good - wait), rel=0.01)
    late = needs(LabelsToCome(delay_s=3600))
    assert late.good - plain.good == 50 * (7200 - 2)
    configured = dataclasses.replace(
        PLAN, guards=(dataclasses.replace(PLAN.guards[0], label_delay_s=3600.0),)
    )
    assert needs(LabelsToCome(delay_s=3600), plan=configured).good - plain.good == 50 * (3600 - 2)


def test_labels_that_will_not_be_judged_are_said_before_any_traffic() -> None:
    uneven = forecast(PLAN, rps=50, error_rate=0.01, labels=LabelsToCome(coverage=(0.9, 0.3)))
    words = (
        "quality cannot be judged: labels reach 90% of the canary's answers and 30% of the champion's; label "
        "a random sample of both alike, or use a shadow"
    )
    assert [step.warnings for step in uneven.steps] == [(words,), (words,)]
    assert math.isinf(uneven.shortest_s)
    strict = dataclasses.replace(PLAN, guards=(dataclasses.replace(PLAN.guards[0], label_delay_s=60.0),))
    late = forecast(strict, rps=50, error_rate=0.01, labels=LabelsToCome(delay_s=61))
    assert late.steps[0].warnings == (
        "quality cannot be judged: labels come after 61 s, but label_delay is 60 s; raise it",
    )
    assert forecast(strict, rps=50, error_rate=0.01, labels=LabelsToCome(delay_s=60)).steps[0].warnings == ()


def test_in_a_shadow_the_labels_of_both_versions_are_the_same() -> None:
    plan = dataclasses.replace(PLAN, shadow_s=3600.0)
    plain, some = (
        needs(plan=plan, percent=0),
        needs(LabelsToCome(coverage=(0.9, 0.5), delay_s=60), plan=plan, percent=0),
    )
    assert some.good == 2 * plain.good + 60 * 50
    assert not math.isinf(some.good)


def test_each_pair_of_a_shadow_is_two_requests_of_an_even_split() -> None:
    plan = dataclasses.replace(PLAN, shadow_s=3600.0)
    found, limit = needs(plan=plan, percent=0), math.log(3 / plan.alpha)
    assert found.good == requests_to_pass(PLAN.guards[0], 0.5, 0.1, math.log(20)) / 2
    assert found.worse == {ratio: requests_to_roll_back(ratio, 0.5, 0.1, limit) / 2 for ratio in (1.5, 2.0)}


def test_a_tolerance_of_wrong_predictions_passes_where_it_is_sooner() -> None:
    generous, strict = (
        dataclasses.replace(PLAN, guards=(dataclasses.replace(PLAN.guards[0], tolerance=tolerance),))
        for tolerance in (0.3, 0.1001)
    )
    by_rate = requests_needed(tolerance_drift(0.3, 0.1, 0.1), math.log(20))
    assert needs(plan=generous).good == by_rate + 2 * 50
    assert needs(plan=generous).good < needs().good
    assert needs(plan=strict).good == needs().good


@pytest.mark.parametrize(
    ("fault", "labels", "phase"),
    [
        ("none", LabelsToCome(coverage=(0.3, 0.3), delay_s=3600), Phase.PROMOTING),
        ("quality", LabelsToCome(coverage=(0.3, 0.3), delay_s=3600), Phase.ROLLING_BACK),
        ("none", LabelsToCome(coverage=(0.9, 0.3)), Phase.PAUSED),
        ("quality", LabelsToCome(coverage=(0.9, 0.3)), Phase.PAUSED),
    ],
)
def test_a_simulated_rollout_ends_as_its_labels_allow(fault: str, labels: LabelsToCome, phase: Phase) -> None:
    state = simulate(PLAN, fault=fault, rps=40, error_rate=0.005, poll_s=30, labels=labels).state
    assert state.phase is phase
    if labels.delay_s:
        judged = state.epochs[0].labels
        assert judged is not None
        assert judged.delay_s == 7200.0
        assert state.history[-1].at > 7200
    else:
        assert "labels reach 90% of the canary's answers and 30% of the champion's" in state.reason
