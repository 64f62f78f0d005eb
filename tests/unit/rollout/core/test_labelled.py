from __future__ import annotations

import dataclasses
import json

import pytest

from airflow_mlops.core.label_ages import NUMBER, TOO_OLD
from airflow_mlops.rollout.core import Counts, EpochCounts, RolloutPlan, RolloutState, new_state
from airflow_mlops.rollout.core.labelled import (
    ArmLabels,
    JudgedLabels,
    LabelRow,
    judge_labels,
    unlabelled_classes,
)


def minute(
    number: int, labelled: int, wrong: int, *, age: float = 1.0, answers: int = 100, predicted: str = "1"
) -> tuple[LabelRow, ...]:
    """Return the rows of one minute of one version."""
    start = 60.0 * number
    return (
        LabelRow(start, 60.0, predicted, 0.0, answers, 0, 0),
        LabelRow(start, 60.0, predicted, age, 0, labelled, wrong),
    )


def look(
    at: float,
    canary: tuple[LabelRow, ...],
    champion: tuple[LabelRow, ...],
    *,
    before: JudgedLabels | None = None,
    delay: float | None = None,
) -> JudgedLabels:
    found = judge_labels(before, ArmLabels(at, canary), ArmLabels(at, champion), delay)
    assert found is not None
    return found


def counts(found: JudgedLabels) -> list[tuple[float, tuple[int, ...], tuple[int, ...]]]:
    return [(b.end, b.strata[0].canary, b.strata[0].champion) for b in found.blocks]


def test_requests_are_judged_when_they_are_as_old_as_labels_take_and_not_before() -> None:
    canary, champion = minute(0, 30, 3), minute(0, 90, 9, age=600.0)
    young = look(60 + 600 - 1, canary, champion, delay=600)
    assert (young.blocks, young.waiting, young.late) == ((), (30, 90), (0, 0))
    old = look(60 + 600, canary, champion, delay=600)
    assert counts(old) == [(60.0, (100, 30, 3), (100, 90, 9))]
    assert (old.waiting, old.late, old.delay_s) == ((0, 0), (0, 0), 600.0)


def test_the_slower_clock_of_two_servers_decides() -> None:
    rows = minute(0, 30, 3)
    found = judge_labels(None, ArmLabels(1000.0, rows), ArmLabels(100.0, rows), 60.0)
    assert found is not None
    assert found.blocks == ()
    alone = judge_labels(None, ArmLabels(1000.0, rows), None, 60.0)
    assert alone is not None
    assert counts(alone) == [(60.0, (100, 30, 3), (0, 0, 0))]


def test_a_label_that_comes_later_counts_for_nobody_and_is_reported() -> None:
    late = minute(0, 5, 5, age=1200.0)[1]
    found = look(1e6, (*minute(0, 30, 3), late), minute(0, 90, 9), delay=600)
    assert counts(found) == [(60.0, (100, 30, 3), (100, 90, 9))]
    assert found.late == (5, 0)


def test_a_correction_counts_until_its_request_is_judged() -> None:
    def corrected(age: float) -> JudgedLabels:
        taken_back = LabelRow(0.0, 60.0, "1", age, 0, 0, -2)
        return look(1e6, (taken_back, *minute(0, 30, 3)), minute(0, 90, 9), delay=600)

    assert counts(corrected(300.0))[0][1] == (100, 30, 1)
    assert counts(corrected(1200.0))[0][1] == (100, 30, 3)
    assert corrected(1200.0).late == (0, 0)  # No label is missing.


def test_what_was_judged_stays_as_it_was() -> None:
    first = look(700, minute(0, 30, 3), minute(0, 90, 9), delay=600)
    again = look(
        1300, (*minute(0, 90, 90), *minute(1, 40, 4)), (*minute(0, 90, 9), *minute(1, 90, 9)),
        before=first, delay=600,
    )  # fmt: skip
    assert counts(again) == [(60.0, (100, 30, 3), (100, 90, 9)), (120.0, (100, 40, 4), (100, 90, 9))]
    lost = judge_labels(again, None, None, 600)  # A server that counts no labels any more.
    assert lost == again


def test_blocks_have_twenty_labels_and_grow_with_what_was_judged() -> None:
    few = tuple(row for number in range(6) for row in minute(number, 4, 1))
    found = look(1e6, few, few, delay=60)
    assert [b.end for b in found.blocks] == [180.0, 360.0]  # 8 labels a minute: three minutes each.
    many = tuple(row for number in range(3000) for row in minute(number, 20, 2))
    found = look(1e6, many, many, delay=60)
    sizes = [b.labelled for b in found.blocks]
    assert sizes[:20] == [40] * 20
    assert len(sizes) < 120
    assert all(size >= 0.05 * sum(sizes[:place]) for place, size in enumerate(sizes))
    assert found.waiting[0] * 2 < 0.05 * sum(sizes) + 40


def test_stretches_of_two_lengths_are_closed_where_none_reaches_across() -> None:
    """Servers whose splits began a little apart use longer stretches from different moments on."""
    short = tuple(LabelRow(5.0 * n, 5.0, "1", age, 9 * (not age), 9 * bool(age), 0)
                  for n in range(24) for age in (0.0, 1.0))  # fmt: skip
    found = look(1e6, short, (*minute(0, 50, 5), *minute(1, 50, 5)), delay=60)
    assert [(b.end, b.strata[0].canary[1]) for b in found.blocks] == [(60.0, 108), (120.0, 108)]


def test_a_delay_is_learned_from_the_slower_version_and_doubled() -> None:
    canary, champion = minute(0, 30, 3), minute(0, 90, 9, age=600.0)
    found = look(1259, canary, champion)
    assert (found.delay_s, found.blocks) == (1200.0, ())
    assert look(1260, canary, champion).blocks
    quick = look(63, canary, minute(0, 90, 9))
    assert (quick.delay_s, len(quick.blocks)) == (2.0, 1)
    mixed = (*minute(0, 95, 9), minute(0, 5, 0, age=3600.0)[1])
    assert look(1e6, mixed, mixed).delay_s == 2.0  # 95 % came within a second.
    mixed = (*minute(0, 94, 9), minute(0, 6, 0, age=3600.0)[1])
    assert look(1e6, mixed, mixed).delay_s == 7200.0


def test_a_delay_is_learned_from_twenty_labels_of_each_version() -> None:
    assert look(1e6, minute(0, 20, 3), minute(0, 20, 2)).delay_s == 2.0
    for few in ((19, 20), (20, 19)):
        found = look(1e6, *(minute(0, n, 3) for n in few))
        assert (found.delay_s, found.blocks, found.waiting) == (None, (), few)


def test_a_configured_delay_is_rounded_up_and_never_below_two_seconds() -> None:
    rows = minute(0, 30, 3)
    for asked, used in ((0.5, 2.0), (600, 600.0), (601, 900.0), (3600, 3600.0), (1e9, TOO_OLD)):
        assert look(0, rows, rows, delay=asked).delay_s == used, asked


def test_answers_that_are_numbers_are_counted_apart() -> None:
    rows = (*minute(0, 30, 3), *minute(0, 0, 0, predicted=NUMBER, answers=7))
    found = look(1e6, rows, minute(0, 30, 3), delay=60)
    assert found.numbers == 7
    assert [s.predicted for s in found.blocks[0].strata] == ["1"]


def test_counts_of_an_edited_database_stay_possible() -> None:
    odd = (LabelRow(0.0, 60.0, "1", 0.0, -4, 0, 0), LabelRow(0.0, 60.0, "1", 1.0, 0, 30, 44))
    found = look(1e6, odd, (*minute(0, 30, 3), LabelRow(0.0, 60.0, "1", 2.0, 0, 0, -9)), delay=60)
    assert counts(found) == [(60.0, (30, 30, 30), (100, 30, 0))]


@pytest.mark.parametrize(("zeros", "alone"), [(0, ("1",)), (20, ("1",)), (60, ()), (100, ())])
def test_a_class_that_few_labels_reach_is_not_judged(zeros: int, alone: tuple[str, ...]) -> None:
    rows = tuple(
        row
        for number in range(4)
        for row in (*minute(number, 100, 30), *minute(number, zeros, 1, predicted="0"))
    )
    found = look(1e6, rows, rows, delay=60)
    assert found.blocks[-1].alone == alone
    assert unlabelled_classes(found.blocks) == (("0",) if alone else ())
    assert unlabelled_classes(()) == ()


def test_few_answers_of_a_class_do_not_say_that_labels_avoid_it() -> None:
    rows = (*minute(0, 100, 30), *minute(0, 0, 0, predicted="0", answers=14))
    assert look(1e6, rows, rows, delay=60).blocks[0].alone == ()
    rows = (*minute(0, 100, 30), *minute(0, 0, 0, predicted="0", answers=15))
    assert look(1e6, rows, rows, delay=60).blocks[0].alone == ("1",)


def test_what_labels_avoid_is_known_of_all_that_was_judged_before() -> None:
    many = (*minute(0, 100, 30), *minute(0, 0, 0, predicted="0"))
    first = look(1e6, many, many, delay=60)
    few = (*minute(1, 20, 3, answers=20), *minute(1, 5, 0, predicted="0", answers=5))
    assert look(1e6, few, few, delay=60).blocks[0].alone == ()
    later = look(1e6, few, few, before=first, delay=60)
    assert [b.alone for b in later.blocks] == [("1",), ("1",)]
    assert later.through == 120.0
    assert unlabelled_classes(later.blocks) == ("0",)
    assert unlabelled_classes([*later.blocks, dataclasses.replace(later.blocks[1], alone=())]) == ()
    assert JudgedLabels() == JudgedLabels((), None, (0, 0), (0, 0), 0)
    assert JudgedLabels().through == 0.0


@pytest.mark.parametrize(("zeros", "alone"), [(4_100, ("1",)), (4_600, ("1",)), (4_960, ()), (5_400, ())])
def test_half_as_many_labels_and_three_standard_errors_are_the_limit(
    zeros: int, alone: tuple[str, ...]
) -> None:
    """All answers of the class 1 are labelled; 4,960 of 10,000 are not surely below half of that."""
    rows = (
        *minute(0, 1000, 0, answers=1000),
        *minute(0, zeros, 0, predicted="0", answers=10_000),
    )
    champion = minute(0, 0, 0, answers=0)
    assert look(1e6, rows, champion, delay=60).blocks[0].alone == alone


@pytest.mark.parametrize(("answers", "alone"), [(29, ()), (30, ("1",))])
def test_thirty_answers_of_a_class_are_needed_to_know(answers: int, alone: tuple[str, ...]) -> None:
    rows = (*minute(0, 100, 30), *minute(0, 0, 0, predicted="0", answers=answers))
    assert look(1e6, rows, minute(0, 100, 30), delay=60).blocks[0].alone == alone


@pytest.mark.parametrize(("labels", "blocks"), [(19, 0), (20, 1)])
def test_twenty_labels_close_a_block(labels: int, blocks: int) -> None:
    found = look(1e6, minute(0, labels, 1), minute(0, 0, 0), delay=60)
    assert (len(found.blocks), found.waiting) == (blocks, (0 if blocks else labels, 0))


def test_judged_labels_are_kept_with_the_rollout_and_rows_are_not() -> None:
    plan = RolloutPlan(name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2)
    arms = (ArmLabels(1e6, minute(0, 30, 3)), ArmLabels(1e6, minute(0, 90, 9)))
    seen = EpochCounts(1, 5, *(Counts(100, labels=arm) for arm in arms))
    kept = seen.after(None, 60.0)
    assert (kept.canary.labels, kept.champion.labels) == (None, None)
    assert kept.labels is not None
    assert counts(kept.labels) == [(60.0, (100, 30, 3), (100, 90, 9))]
    state = dataclasses.replace(new_state(plan, 0.0), epochs=(kept,))
    assert RolloutState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_a_state_of_a_release_before_has_no_labels() -> None:
    plan = RolloutPlan(name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2)
    state = dataclasses.replace(new_state(plan, 0.0), epochs=(EpochCounts(1, 5, Counts(9), Counts(9)),))
    document = json.loads(json.dumps(state.to_json()))
    for epoch in document["epochs"]:
        del epoch["labels"], epoch["canary"]["labels"], epoch["champion"]["labels"]
    assert RolloutState.from_json(document) == state
