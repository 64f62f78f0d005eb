"""What the records of a training say, and when one ends without a model."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.records import (
    BudgetCheck,
    Check,
    Comparison,
    Evaluation,
    GroupDifference,
    ModelRef,
    OwnResult,
    Preprocessing,
    RegisteredVersion,
    SliceCheck,
    SliceComparison,
    TuneResult,
)
from airflow_mlops.core.records.training import INCONCLUSIVE, NOT_WORSE, WORSE
from tests.support.defaults import said_by_default

MODEL = ModelRef(name="churn", model_uri="m", run_id="0123456789abcdef", digest="d", params={}, rows=12_345)
EVALUATION = Evaluation(model=MODEL, metrics={"roc_auc": 0.91234, "f1": 0.5})


def search(worker: int, score: float | None, failed: int = 0, **params: Any) -> TuneResult:
    return TuneResult(
        worker=worker, metric="roc_auc", best_score=score, best_params=params, trials=5, failed=failed,
        run_id="r",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([search(0, 0.9, C=0.12345, depth=12)], "5 trials, best roc_auc 0.900 (C=0.123, depth=12)"),
        ([search(0, 0.9, loss="hinge")], "5 trials, best roc_auc 0.900 (loss=hinge)"),
        ([search(0, None, failed=5)], "5 trials, 5 failed"),
        (
            [search(0, 0.8, a=1), search(1, 0.9, failed=2, a=2)],
            "10 trials, 2 failed, best roc_auc 0.900 (a=2)",
        ),
        ([search(0, -0.4, a=1), search(1, -0.2, a=2)], "10 trials, best roc_auc -0.200 (a=2)"),
        ([search(0, None, 5), search(1, -3.0, a=1)], "10 trials, 5 failed, best roc_auc -3.000 (a=1)"),
        ([search(0, 0.0, a=1), search(1, -0.5, a=2)], "10 trials, best roc_auc 0.000 (a=1)"),
        ([search(0, 0.0, a=1), search(1, 0.5, a=2)], "10 trials, best roc_auc 0.500 (a=2)"),
        ([search(0, None, 5), search(1, None, 5)], "10 trials, 10 failed"),
    ],
)
def test_the_workers_of_a_search_tell_the_best_of_all(found: list[TuneResult], told: str) -> None:
    assert TuneResult.summary_of_all(found) == told


def test_a_model_says_what_it_learned_from_and_where_it_is() -> None:
    assert MODEL.summary == "fitted on 12,345 rows, in MLflow as run 01234567"


def test_an_evaluation_says_its_figures_and_the_difference_to_the_champion() -> None:
    assert EVALUATION.summary == "roc_auc 0.912, f1 0.500"
    better = Comparison("f1", 0.5, 0.4, 0.1, -0.02, 0.22, ">= 0", False)
    beside = dataclasses.replace(EVALUATION, champion_version=6, comparisons=(better,))
    difference = "f1 +0.100 (95 % interval -0.020 to +0.220)"
    said = f". Compared with the champion, version 6, on the same rows: {difference}"
    assert beside.summary == f"roc_auc 0.912, f1 0.500{said}"
    twice = dataclasses.replace(beside, comparisons=(better, better))
    assert twice.summary == f"roc_auc 0.912, f1 0.500{said}, {difference}"


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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"passed": True}, "Passed: it may be registered"),
        ({"asks": True, "reasons": ("too few",)}, "Next: the task decide asks a person"),
        ({"reasons": ("too low",)}, "Failed: it is not registered"),
        ({"reasons": ("too low",), "champion_version": 6}, "Failed: it is not registered; version 6 stays"),
    ],
)
def test_what_happens_now_is_said_last_and_not_in_the_findings(changes: dict[str, Any], said: str) -> None:
    found = dataclasses.replace(EVALUATION, rows=600, left_out=3, dummy={"f1": 0.2}, **changes)
    start = "roc_auc 0.912, f1 0.500 on 600 hold-out rows; a dummy has f1 0.200. "
    assert found.summary.startswith(f"{start}{said}")
    assert found.findings == "roc_auc 0.912, f1 0.500; a dummy has f1 0.200"


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


def test_an_evaluation_of_a_release_without_outcomes_is_read() -> None:
    figures = {"challenger": 0.5, "champion": 0.4, "difference": 0.1, "low": -0.02, "high": 0.22}
    model = {"name": "churn", "model_uri": "m", "run_id": "0123", "digest": "d", "params": {}, "rows": 900}
    found = Evaluation.from_json(
        {
            "kind": "Evaluation",
            "version": 1,
            "model": model,
            "metrics": {"f1": 0.5},
            "comparisons": [{"metric": "f1", **figures, "limit": ">= 0", "passed": False}],
            "champion_version": 6,
            "rows": 300,
            "reasons": ["f1 0.1 is not >= 0"],
        }
    )
    (item,) = found.comparisons
    assert (item.outcome, item.detectable, found.asks, found.anchor, found.lost) == (
        "",
        None,
        False,
        None,
        {},
    )
    assert found.findings == (
        "f1 0.500. Compared with the champion, version 6, on the same rows: f1 +0.100 (95 % interval -0.020 "
        "to +0.220)"
    )
    assert found.rejection == "evaluation gate failed: f1 0.1 is not >= 0"


def test_an_evaluation_passes_only_when_it_is_said() -> None:
    assert EVALUATION.rejection == "evaluation gate failed: "
    failed = dataclasses.replace(EVALUATION, reasons=("f1 0.5 is not >= 0.6", "too few rows"))
    assert failed.rejection == "evaluation gate failed: f1 0.5 is not >= 0.6; too few rows"
    assert dataclasses.replace(failed, passed=True).rejection == ""
    assert EVALUATION.rows == 0


def test_what_a_slice_or_an_own_stage_does_not_say_is_empty() -> None:
    assert (SliceCheck("plan", "basic", 9).checks, SliceCheck("plan", "basic", 9).skipped) == ((), "")
    assert OwnResult(stage="export", values={}).run_id == ""


def test_a_registered_version_is_a_challenger_until_it_is_more() -> None:
    version = RegisteredVersion(name="churn", model_version=7, model_uri="m", run_id="r")
    assert version.summary == "version 7, alias challenger"
    again = dataclasses.replace(version, alias="champion", judged_again=(3, 5))
    assert again.summary == (
        "version 7, alias champion; judged again: version 5 had become the champion since evaluate"
    )


def test_a_search_names_the_class_of_its_score() -> None:
    found = dataclasses.replace(search(0, 0.9, C=1), of_class="fraud")
    assert found.summary == "5 trials, best roc_auc 0.900 (of the class 'fraud') (C=1)"


def test_a_model_says_what_its_score_is_and_what_is_before_the_estimator() -> None:
    steps = Preprocessing(
        {"numbers": tuple(map(str, range(1_200))), "words": ("text",)}, notes=("an id is left out",)
    )
    found = dataclasses.replace(MODEL, positive="fraud", threshold=0.1234, preprocess=steps, rounds=1_500)
    assert found.summary == (
        "fitted on 12,345 rows, in MLflow as run 01234567; its score is the probability of 'fraud'; decision "
        "threshold 0.123; 1,500 rounds by early stopping; columns before the estimator: numbers 1,200, "
        "words 1; "
        "an id is left out"
    )
    never = dataclasses.replace(MODEL, threshold=0.0, rounds=0)
    assert never.summary == f"{MODEL.summary}; decision threshold 0"


SHOWN = Comparison("f1", 0.5, 0.4, 0.1, -0.02, 0.22, ">= 0", False, detectable=0.0321)
LOST = Comparison("f1", 0.3, 0.4, -0.1, -0.2, -0.01, ">= 0", False, outcome="worse")


def test_an_evaluation_says_what_it_was_compared_with_and_what_that_shows() -> None:
    found = dataclasses.replace(
        EVALUATION, of_class="fraud", dummy={"roc_auc": 0.5, "f1": 0.1}, champion_version=6,
        comparisons=(SHOWN,), anchor_version=3, against_anchor=(LOST,),
        groups=(
            GroupDifference("plan", "equal_opportunity_difference", "<= 0.1", "met", 0.05, 0.0, 0.09),
            GroupDifference("age", "equal_opportunity_difference", "<= 0.1", "unclear"),
        ),
        budget=(BudgetCheck("size", 3e6, "5MB", "met", "3 MB"),), caution="few rows",
    )  # fmt: skip
    assert found.summary == (
        "roc_auc 0.912, f1 0.500 (of the class 'fraud'); a dummy has roc_auc 0.500. Compared with the "
        "champion, version 6, on the same rows: f1 +0.100 (95 % interval -0.020 to +0.220). These rows show "
        "a true difference in f1 of 0.032 or more in 4 of 5 cases, a smaller one less often. Compared with "
        "the best earlier champion, version 3, on the same rows: f1 -0.100 (95 % interval -0.200 to -0.010), "
        "clearly beyond its limit >= 0. plan: equal_opportunity_difference 0.050 [0.000, 0.090]. size: 3 MB. "
        "Caution: few rows"
    )


def test_why_there_is_no_comparison_is_said_once() -> None:
    alone = dataclasses.replace(EVALUATION, not_compared="it lacks a column")
    assert alone.summary == ("roc_auc 0.912, f1 0.500. Not compared with the champion: it lacks a column")
    told = dataclasses.replace(alone, caution="not compared: it lacks a column")
    assert told.summary == "roc_auc 0.912, f1 0.500. Caution: not compared: it lacks a column"


def test_an_interval_has_signs() -> None:
    assert SHOWN.interval == "+0.1, 95 % interval -0.02 to +0.22"


def test_a_model_that_a_person_decides_about_is_not_rejected() -> None:
    asked = dataclasses.replace(EVALUATION, asks=True, reasons=("too few rows",), of_class="fraud")
    assert (asked.unfinished, asked.rejection) == (True, "")
    failed = dataclasses.replace(asked, asks=False)
    assert not failed.unfinished
    assert failed.rejection == "evaluation gate failed (of the class 'fraud'): too few rows"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (TuneResult, {}),
        (ModelRef, {}),
        (OwnResult, {}),
        (Comparison, {"unit": "rows"}),
        (SliceCheck, {}),
        (Evaluation, {}),
        (RegisteredVersion, {"alias": "challenger"}),
    ],
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said


def test_the_outcomes_are_the_words_in_records_of_before() -> None:
    assert (NOT_WORSE, WORSE, INCONCLUSIVE) == ("not_worse", "worse", "inconclusive")
