from __future__ import annotations

import dataclasses
import math

import pytest

from airflow_mlops.rollout.core import Counts, EpochCounts, GuardPlan, judge
from airflow_mlops.rollout.core.evidence import EventShareProcess, FailureRateProcess
from airflow_mlops.rollout.core.guards import Finding
from airflow_mlops.rollout.core.labelled import JudgedLabels
from airflow_mlops.rollout.core.odds import Block, OddsProcess, log_e_differs
from airflow_mlops.rollout.core.quality import find_quality
from tests.support.labels import block, judged
from tests.support.rollout_states import PLAN

QUALITY = GuardPlan(name="quality", max_ratio=1.5)
LIMITS = {"harm_limit": math.log(60), "pass_limit": math.log(20)}


def found(*epochs: EpochCounts, guard: GuardPlan = QUALITY) -> Finding:
    return find_quality(guard, epochs, **LIMITS)


def test_wrong_answers_are_weighed_with_the_labels_and_not_with_the_traffic() -> None:
    """90 % of the canary's answers and 30 % of the champion's would be 65 to 100 % false rollbacks."""
    epoch = judged(
        block(60, ("1", (1000, 300, 30), (3000, 900, 90))), block(120, ("1", (50, 20, 3), (60, 30, 2)))
    )
    finding = found(epoch)
    compared = [Block((300, 30), (900, 90)), Block((20, 3), (30, 2))]
    assert finding.evidence["worse"] == {
        "log_e": OddsProcess.inferiority(1.0).log_e(compared), "limit": math.log(60),
    }  # fmt: skip
    assert finding.evidence["within_max_ratio"]["log_e"] == OddsProcess.non_inferiority(1.5).log_e(compared)
    assert finding.evidence["judged"] == {"canary": [320, 33], "champion": [930, 92]}
    assert finding.evidence["late"] == [0, 0]
    assert finding.missing is finding.harm is None


def test_a_worse_canary_is_harm_and_an_equal_one_passes() -> None:
    worse = found(judged(block(60, ("1", (1000, 500, 120), (1000, 500, 50)))))
    assert worse.harm is not None
    assert worse.harm.startswith(
        "the canary is wrong more often than the champion: 120 of 500 were wrong against 50 of 500, log E "
    )
    assert worse.harm.endswith(f" >= {math.log(60):.2f}")
    assert worse.good is None
    equal = found(judged(block(60, ("1", (9000, 3000, 300), (9000, 3000, 300)))))
    assert equal.harm is None
    assert equal.good is not None
    assert equal.good.startswith("wrong-prediction ratio below 1.5: log E ")


def test_a_tolerance_is_about_what_is_judged() -> None:
    guard = dataclasses.replace(QUALITY, tolerance=0.2)
    finding = found(judged(block(60, ("1", (100, 60, 3), (100, 60, 9)))), guard=guard)
    assert finding.evidence["within_tolerance"]["log_e"] == FailureRateProcess(0.2, 60, 3).log_e
    assert finding.good is not None
    assert finding.good.startswith("wrong-prediction rate below 0.2 (3 of 60 were wrong): log E ")


def test_labels_that_reach_one_version_more_often_are_neither_harm_nor_good() -> None:
    worse = judged(block(60, ("1", (1000, 900, 400), (3000, 900, 90))))
    finding = found(worse)
    assert finding.harm is finding.good is None
    assert finding.missing is not None
    assert finding.missing.startswith(
        "quality cannot be judged: labels reach 90% of the canary's answers and 30% of the champion's (log E "
    )
    alike = finding.evidence["labelled_alike"]
    assert alike == {"log_e": log_e_differs([Block((1000, 900), (3000, 900))]), "limit": math.log(20)}
    plan = dataclasses.replace(PLAN, guards=(QUALITY,))
    judgement = judge([dataclasses.replace(worse, canary=Counts(1000, 0, labelled=900, wrong=400))], plan)
    assert (judgement.harm, judgement.pass_) == (None, None)


def test_labels_that_prefer_other_predictions_of_each_version_are_seen_by_class() -> None:
    """Half of the answers of both versions are labelled, but not the same half."""
    epoch = judged(block(60, ("0", (500, 50, 5), (500, 450, 9)), ("1", (500, 450, 90), (500, 50, 10))))
    finding = found(epoch)
    assert finding.missing is not None
    assert " reach 90% of the canary's answers 1 and 10% of the champion's " in finding.missing
    tests = [
        log_e_differs([Block(*pair)])
        for pair in (((1000, 500), (1000, 500)), ((500, 50), (500, 450)), ((500, 450), (500, 50)))
    ]
    mean = math.log(sum(math.exp(value - max(tests)) for value in tests) / 3) + max(tests)
    assert finding.evidence["labelled_alike"]["log_e"] == pytest.approx(mean)


def test_where_only_flagged_answers_are_labelled_their_precision_is_judged_and_the_limit_is_said() -> None:
    half = block(60, ("0", (700, 7, 7), (700, 7, 0)), ("1", (300, 300, 195), (300, 300, 90)), alone=("1",))
    finding = found(judged(half))
    assert finding.evidence["judged"] == {"canary": [300, 195], "champion": [300, 90]}
    assert finding.harm is not None
    assert "champion where the prediction is 1: 195 of 300 were wrong against 90 of 300" in finding.harm
    assert finding.harm.endswith(
        "; too few of the answers 0 are labelled to judge them, so what they miss is not known: a shadow, or "
        "labels of a random sample, would say it"
    )
    same = block(
        60, ("0", (7000, 7, 0), (7000, 7, 0)), ("1", (3000, 3000, 900), (3000, 3000, 900)), alone=("1",)
    )
    finding = found(judged(same))
    assert finding.good is not None
    assert " where the prediction is 1; too few of the answers 0 are labelled" in finding.good


def test_numbers_are_never_judged() -> None:
    finding = found(judged(block(60, ("1", (100, 50, 5), (100, 50, 5))), numbers=12))
    assert finding.missing == (
        "quality cannot be judged: 12 predictions are numbers, not classes; remove the guard"
    )


def test_labels_that_wait_are_inconclusive_and_say_for_what() -> None:
    counts = Counts(100, labelled=40, wrong=9)
    for labels, wait in (
        (JudgedLabels(waiting=(40, 19)), "20 of each are needed to learn how long labels take"),
        (
            JudgedLabels(waiting=(40, 19), delay_s=7200.0),
            "a request is judged when it is 7200 s old, 20 labels at a time",
        ),
    ):
        finding = found(EpochCounts(1, 50, counts, counts, labels=labels))
        assert finding.missing == (
            f"quality has nothing to judge yet: 40 canary and 19 champion labels wait; {wait}"
        )
        assert (finding.harm, finding.good) == (None, None)


def test_a_server_that_does_not_count_by_time_is_named() -> None:
    counts = Counts(100, labelled=40, wrong=9)
    assert found(EpochCounts(1, 50, counts, counts)).missing == (
        "quality cannot be judged: the model server must be updated to count labels by time"
    )
    unlabelled = EpochCounts(1, 50, Counts(100), counts)
    assert found(unlabelled).missing == "quality was not measured (0 canary and 40 champion requests)"


def test_labels_that_mostly_come_too_late_are_inconclusive() -> None:
    epoch = block(60, ("1", (100, 50, 5), (100, 50, 5)))
    finding = found(judged(epoch, late=(60, 41)))
    assert finding.missing is not None
    assert finding.missing.startswith(
        "quality cannot be judged: 101 of 201 labels came later than expected; set "
    )
    assert found(judged(epoch, late=(60, 40))).missing is None
    assert finding.evidence["late"] == [60, 41]


def test_a_shadow_needs_no_blocks_because_both_share_each_label() -> None:
    shadow = EpochCounts(
        7, 0, Counts(500, labelled=400, wrong=90), Counts(500, labelled=400, wrong=40), Counts(500, wrong=30)
    )
    finding = found(shadow)
    assert finding.evidence["worse"]["log_e"] == pytest.approx(EventShareProcess().add(60, 10, 0.5).log_e)
    assert finding.harm is not None
    assert "90 of 400 were wrong against 40 of 400" in finding.harm
    both = found(shadow, judged(block(60, ("1", (100, 50, 9), (100, 50, 5)))))
    assert both.evidence["judged"] == {"canary": [450, 99], "champion": [450, 45]}
    process = OddsProcess.inferiority(1.0)
    assert both.evidence["worse"]["log_e"] == process.log_e([Block((50, 9), (50, 5))], (60, 10))
