"""The sentences about comparisons, slices and what happens now."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.records import Check, Comparison, Evaluation, ModelRef, SliceCheck, SliceComparison
from airflow_mlops.core.records import evaluation_words as words

MODEL = ModelRef(name="churn", model_uri="m", run_id="0123456789abcdef", digest="d", params={}, rows=12_345)
EVALUATION = Evaluation(model=MODEL, metrics={"roc_auc": 0.91234, "f1": 0.5})
COMPARED = Comparison(
    metric="roc_auc", challenger=0.9, champion=0.89, difference=0.01, low=-0.012, high=0.032,
    limit=">= -0.005", passed=False, outcome="inconclusive", detectable=0.031, rows=600, units=60,
    unit="entities (shop)",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "not enough evidence for >= -0.005"),
        ({"outcome": "worse"}, "clearly beyond its limit >= -0.005"),
        ({"outcome": "not_worse"}, "within its limit >= -0.005"),
        ({"limit": ""}, "no clear difference"),
        ({"limit": "", "outcome": "worse"}, "clearly worse"),
        ({"limit": "", "outcome": "not_worse"}, "not worse"),
    ],
)
def test_the_outcome_of_a_comparison_is_said_in_words(changes: dict[str, Any], said: str) -> None:
    item = dataclasses.replace(COMPARED, **changes)
    summary = dataclasses.replace(EVALUATION, champion_version=6, comparisons=(item,), rows=600).summary
    assert summary == (
        "roc_auc 0.912, f1 0.500 on 600 hold-out rows. Compared with the champion, version 6, on the same "
        "600 rows of 60 entities (shop): roc_auc +0.010 (95 % interval -0.012 to +0.032), "
        f"{said}. These rows show a true difference in roc_auc of 0.031 or more in 4 of 5 cases, a smaller "
        "one less often"
    )


def test_slices_are_said_with_the_closest_and_those_without_evidence() -> None:
    checks = (Check("f1", 0.7, ">= 0.6", True), Check("log_loss", 0.35, "<= 0.4", True))
    small = [SliceCheck("plan", f"p{number}", 12, skipped="fewer than 100 rows") for number in range(5)]
    slices = (SliceCheck("plan", "basic", 412, checks), *small)
    found = dataclasses.replace(EVALUATION, slices=slices)
    assert found.findings.endswith(
        "1 of 6 slices are judged, closest to its limit in plan=basic (412 rows): log_loss 0.350, required "
        "<= 0.4; not enough evidence about plan=p0 (fewer than 100 rows), plan=p1 (fewer than 100 rows), "
        "plan=p2 (fewer than 100 rows) and 2 more"
    )
    missed = SliceCheck("plan", "pro", 200, (Check("f1", 0.59, ">= 0.6", False),))
    assert (
        "missed in plan=pro (200 rows): f1 0.590"
        in dataclasses.replace(found, slices=(*slices, missed)).findings
    )
    assert "0 of 5 slices are judged; not enough" in dataclasses.replace(found, slices=tuple(small)).findings


def test_slices_against_the_champion_are_counted() -> None:
    worse, open_ = dataclasses.replace(COMPARED, outcome="worse"), COMPARED
    slices = (
        SliceComparison("plan", "basic", 412, (worse, open_)),
        SliceComparison("plan", "plus", 300, (open_,)),
        SliceComparison("plan", "pro", 9, skipped="fewer than 100 rows"),
    )
    said = "Slices against the champion: clearly worse in 1 of 2, too few rows to be sure in 2; not enough"
    assert said in dataclasses.replace(EVALUATION, against_slices=slices).findings


def test_rows_are_counted_where_they_are_known_and_units_where_they_are_not_rows() -> None:
    plain = dataclasses.replace(COMPARED, detectable=None, outcome="", rows=1_600, units=1_600, unit="rows")
    (text,) = words.compared("it", [plain, plain])
    figures = "roc_auc +0.010 (95 % interval -0.012 to +0.032)"
    assert text == f"Compared with it, on the same 1,600 rows: {figures}, {figures}"
    (text,) = words.compared("it", [dataclasses.replace(plain, rows=0, unit="shops", units=1_060)])
    assert text == f"Compared with it, on the same rows of 1,060 shops: {figures}"
    assert list(words.compared("it", [])) == []


@pytest.mark.parametrize(
    ("value", "limit", "inside"), [(0.7, ">= 0.5", 0.2), (0.7, "<= 0.5", -0.2), (0.3, "< 0.5", 0.2)]
)
def test_a_margin_is_how_far_a_figure_is_inside_its_limit(value: float, limit: str, inside: float) -> None:
    assert words.margin(Check("m", value, limit, True)) == pytest.approx(inside)


def test_a_limit_that_is_missed_comes_before_the_closest_one() -> None:
    far = SliceCheck("plan", "a", 1_200, (Check("f1", 0.1, ">= 0.6", False),))
    near = SliceCheck("plan", "b", 300, (Check("f1", 0.6, ">= 0.6", True),))
    lost = SliceCheck("plan", "c", 300, (Check("f1", 0.5, ">= 0.6", False),))
    (text,) = words.of_slices([near, lost, far])
    assert text == "3 of 3 slices are judged, missed in plan=a (1,200 rows): f1 0.100, required >= 0.6"
    assert list(words.of_slices([])) == list(words.of_slices_against([])) == []


def test_three_slices_without_evidence_are_named_and_the_others_counted() -> None:
    def skipped(count: int) -> list[SliceCheck]:
        return [SliceCheck("plan", f"p{number}", 9, skipped="few") for number in range(count)]

    named = "plan=p0 (few), plan=p1 (few), plan=p2 (few)"
    (three,) = words.of_slices(skipped(3))
    (four,) = words.of_slices(skipped(4))
    (many,) = words.of_slices(skipped(1_203))
    assert three == f"0 of 3 slices are judged; not enough evidence about {named}"
    assert four == f"0 of 4 slices are judged; not enough evidence about {named} and 1 more"
    assert many == f"0 of 1,203 slices are judged; not enough evidence about {named} and 1,200 more"


def test_slices_that_are_all_clear_leave_nothing_open() -> None:
    fine = dataclasses.replace(COMPARED, outcome="not_worse")
    (text,) = words.of_slices_against([SliceComparison("plan", "basic", 412, (fine,))])
    assert text == "Slices against the champion: clearly worse in 0 of 1"


@pytest.mark.parametrize(
    ("champion", "asks", "passed", "refused", "step"),
    [
        (3, True, True, True, "Next: the task decide asks a person"),
        (3, False, True, True, "Passed: it may be registered"),
        (3, False, False, True, "Failed: it is not registered; version 3 stays the champion"),
        (None, False, False, True, "Failed: it is not registered"),
        (3, False, False, False, ""),
    ],
)
def test_the_next_step_depends_on_the_gate(
    champion: int | None, asks: bool, passed: bool, refused: bool, step: str
) -> None:
    assert words.next_step(champion, asks=asks, passed=passed, refused=refused) == step
