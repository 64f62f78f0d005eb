"""What an evaluation says, and when a training ends without a model."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.records import (
    BudgetCheck,
    Comparison,
    Evaluation,
    GroupDifference,
    ModelRef,
    Preprocessing,
)
from airflow_mlops.core.records.model_format import ModelFormat
from tests.support.defaults import said_by_default

MODEL = ModelRef(name="churn", model_uri="m", run_id="0123456789abcdef", digest="d", params={}, rows=12_345)
EVALUATION = Evaluation(model=MODEL, metrics={"roc_auc": 0.91234, "f1": 0.5})
SHOWN = Comparison("f1", 0.5, 0.4, 0.1, -0.02, 0.22, ">= 0", False, detectable=0.0321)
LOST = Comparison("f1", 0.3, 0.4, -0.1, -0.2, -0.01, ">= 0", False, outcome="worse")


def test_an_evaluation_says_its_figures_and_the_difference_to_the_champion() -> None:
    assert EVALUATION.summary == "roc_auc 0.912, f1 0.500"
    better = Comparison("f1", 0.5, 0.4, 0.1, -0.02, 0.22, ">= 0", False)
    beside = dataclasses.replace(EVALUATION, champion_version=6, comparisons=(better,))
    difference = "f1 +0.100 (95 % interval -0.020 to +0.220)"
    said = f". Compared with the champion, version 6, on the same rows: {difference}"
    assert beside.summary == f"roc_auc 0.912, f1 0.500{said}"
    twice = dataclasses.replace(beside, comparisons=(better, better))
    assert twice.summary == f"roc_auc 0.912, f1 0.500{said}, {difference}"


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


def test_a_model_that_a_person_decides_about_is_not_rejected() -> None:
    asked = dataclasses.replace(EVALUATION, asks=True, reasons=("too few rows",), of_class="fraud")
    assert (asked.unfinished, asked.rejection) == (True, "")
    failed = dataclasses.replace(asked, asks=False)
    assert not failed.unfinished
    assert failed.rejection == "evaluation gate failed (of the class 'fraud'): too few rows"


def test_a_field_that_an_earlier_release_did_not_write_is_empty() -> None:
    assert said_by_default(Evaluation) == {}


def test_rows_that_the_champion_has_learned_are_said_where_it_was_compared() -> None:
    found = dataclasses.replace(EVALUATION, champion_version=6, comparisons=(SHOWN,), left_out=1_200)
    assert ". 1,200 rows that the champion has learned from do not count" in found.findings
    assert "do not count" not in dataclasses.replace(found, left_out=0).findings
    assert "do not count" not in dataclasses.replace(found, comparisons=()).findings


def test_a_model_says_what_it_learned_from_and_where_it_is() -> None:
    assert MODEL.summary == "fitted on 12,345 rows, in MLflow as run 01234567"


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
    said = dataclasses.replace(MODEL, format=ModelFormat("skops", "it fits"))
    assert said.summary == f"{MODEL.summary}; format skops (it fits)"
    assert said_by_default(ModelRef) == {}
