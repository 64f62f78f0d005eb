"""What the records of a training say, and when one ends without a model."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_mlops.core.records import (
    OwnResult,
    RegisteredVersion,
    TuneResult,
)
from tests.support.defaults import said_by_default


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


def test_an_own_stage_needs_no_run() -> None:
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


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (TuneResult, {}),
        (OwnResult, {}),
        (RegisteredVersion, {"alias": "challenger"}),
    ],
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said
