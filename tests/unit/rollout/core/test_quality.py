from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

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
    assert finding.evidence["canary"] == {"labelled": 320, "wrong": 33}
    assert finding.evidence["champion"] == {"labelled": 930, "wrong": 92}
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
    log_e = log_e_differs([Block((1000, 900), (3000, 900))])  # the whole and its only class
    assert alike == {"log_e": pytest.approx(log_e + math.log(1 / 2 + 1 / 6)), "limit": math.log(20)}
    plan = dataclasses.replace(PLAN, guards=(QUALITY,))
    judgement = judge([dataclasses.replace(worse, canary=Counts(1000, 0, labelled=900, wrong=400))], plan)
    assert (judgement.harm, judgement.pass_) == (None, None)


def test_labels_that_prefer_other_predictions_of_each_version_are_seen_by_class() -> None:
    """Half of the answers of both versions are labelled, but not the same half."""
    epoch = judged(block(60, ("0", (500, 50, 5), (500, 450, 9)), ("1", (500, 450, 90), (500, 50, 10))))
    finding = found(epoch)
    assert finding.missing is not None
    assert " reach 90% of the canary's answers 1 and 10% of the champion's " in finding.missing
    whole, zeros, ones = (
        math.exp(log_e_differs([Block(*pair)]))
        for pair in (((1000, 500), (1000, 500)), ((500, 50), (500, 450)), ((500, 450), (500, 50)))
    )
    mean = math.log(whole / 2 + zeros / 6 + ones / 12 + 1 / 4)
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


def test_a_canary_that_flags_more_answers_is_judged_by_those_it_flags() -> None:
    """All flagged answers are labelled and no other: 45 % of the canary's answers, 30 % of the champion's."""
    flagged = ("0", (550, 0, 0), (700, 0, 0)), ("1", (450, 450, 135), (300, 300, 90))
    finding = found(judged(*(block(60 * n, *flagged, alone=("1",)) for n in range(1, 13))))
    assert finding.evidence["labelled_alike"]["log_e"] == pytest.approx(0)
    assert finding.missing is finding.harm is None
    assert finding.good is not None
    worse = ("0", (550, 0, 0), (700, 0, 0)), ("1", (450, 450, 225), (300, 300, 90))
    assert "135 of 450" not in str(found(judged(block(60, *worse, alone=("1",)))).harm)
    assert " where the prediction is 1: 225 of 450 " in str(
        found(judged(block(60, *worse, alone=("1",)))).harm
    )
    together = found(judged(block(60, *flagged)))
    assert together.missing is not None
    assert "labels reach 45% of the canary's answers and 30% of the champion's" in together.missing


def test_labels_of_flagged_answers_that_reach_one_version_more_often_are_inconclusive() -> None:
    epoch = judged(
        block(60, ("0", (550, 0, 0), (700, 0, 0)), ("1", (450, 400, 99), (300, 150, 20)), alone=("1",))
    )
    finding = found(epoch)
    assert finding.harm is finding.good is None
    assert finding.missing is not None
    assert finding.missing.startswith(
        "quality cannot be judged: labels reach 89% of the canary's answers 1 and 50% of the champion's (log"
    )


def test_classes_judged_by_themselves_may_be_labelled_each_to_another_share() -> None:
    """The canary predicts the class more often that is labelled more often, and is not labelled otherwise."""
    classes = ("1", (800, 800, 80), (200, 200, 20)), ("2", (200, 120, 12), (800, 480, 48))
    finding = found(judged(block(60, ("0", (900, 0, 0), (900, 0, 0)), *classes, alone=("1", "2"))))
    assert finding.missing is None
    other = ("1", (800, 600, 60), (200, 100, 10)), ("2", (200, 150, 15), (800, 400, 40))
    finding = found(judged(block(60, *other, alone=("1", "2"))))
    assert finding.missing is not None
    assert "labels reach 75% of the canary's answers 1, 2 and 50% of the champion's" in finding.missing


def test_the_classes_that_are_judged_now_are_named_whatever_was_judged_at_first() -> None:
    first = block(60, ("0", (20, 0, 0), (20, 0, 0)), ("1", (20, 12, 2), (20, 12, 2)))
    classes = ("1", (400, 300, 30), (400, 200, 20)), ("2", (400, 300, 30), (400, 200, 20))
    finding = found(judged(first, block(120, *classes, alone=("1", "2"))))
    assert finding.missing is not None
    assert " of the canary's answers 1, 2 and " in finding.missing
    same = ("1", (9000, 6000, 600), (9000, 6000, 600)), ("2", (900, 600, 60), (900, 600, 60))
    good = found(judged(first, block(120, *same, alone=("1", "2")))).good
    assert good is not None
    assert " where the prediction is 1, 2; too few of the answers 0 are labelled" in good


@pytest.mark.parametrize("sides", [((100, 50, 0), (0, 0, 0)), ((0, 0, 0), (100, 50, 0))])
def test_labels_of_one_version_say_nothing_about_a_difference(
    sides: tuple[tuple[int, int, int], tuple[int, int, int]],
) -> None:
    """The labels of the other version wait still."""
    epoch = judged(block(60, ("1", *sides)), waiting=(10, 10))
    counts = Counts(100, labelled=60)
    finding = found(dataclasses.replace(epoch, canary=counts, champion=counts))
    assert finding.missing is finding.harm is finding.good is None
    assert finding.evidence["worse"]["log_e"] == pytest.approx(0)


@pytest.mark.parametrize("alone", [(), ("1",), ("1", "2")])
def test_that_labels_reach_both_alike_is_doubted_by_chance_only(alone: tuple[str, ...]) -> None:
    """Over all ways in which labels can fall on the answers the evidence is 1 on average.

    Within a block any answer may get one; where classes are judged by themselves, any answer of the class.
    The class 2 is predicted for the first time in the second block.
    """
    blocks = (
        ({"0": (1, 2), "1": (3, 2)}, {"0": 2, "1": 3}),
        ({"1": (2, 3), "2": (2, 1)}, {"1": 3, "2": 2}),
    )
    expected = 0.0
    for ways in itertools.product(*(_falls(*each, apart=bool(alone)) for each in blocks)):
        epoch = judged(*(block(60.0, *strata, alone=alone) for _, strata in ways))
        evidence = found(epoch).evidence["labelled_alike"]["log_e"]
        expected += math.prod(chance for chance, _ in ways) * math.exp(evidence)
    assert expected == pytest.approx(1)


Strata = tuple[tuple[str, tuple[int, int, int], tuple[int, int, int]], ...]


def _falls(
    answers: dict[str, tuple[int, int]], labels: dict[str, int], *, apart: bool
) -> Iterator[tuple[float, Strata]]:
    """Yield (chance, strata of a block) of each way, given the labels of each class or of all together."""
    sizes = [size for pair in answers.values() for size in pair]
    total = math.comb(sum(sizes), sum(labels.values()))
    if apart:
        total = math.prod(math.comb(sum(answers[name]), labels[name]) for name in answers)
    for each in itertools.product(*(range(size + 1) for size in sizes)):
        strata = tuple(
            (name, (n, each[2 * place], 0), (m, each[2 * place + 1], 0))
            for place, (name, (n, m)) in enumerate(answers.items())
        )
        if apart:
            possible = all(ours[1] + theirs[1] == labels[name] for name, ours, theirs in strata)
        else:
            possible = sum(each) == sum(labels.values())
        if possible:
            yield math.prod(map(math.comb, sizes, each)) / total, strata


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
