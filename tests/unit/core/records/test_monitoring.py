"""What the records of monitoring say."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_mlops.core.records import (
    DatasetRef,
    DriftReport,
    MissingLabels,
    PerformanceReport,
    RetrainRequest,
    RowTimes,
    ScoredWindow,
    Triage,
)
from tests.support.defaults import said_by_default

START, END = "2026-01-31T06:00:00+00:00", "2026-02-01T06:00:00+00:00"


def test_a_scored_window_says_its_rows_its_span_and_the_version() -> None:
    dataset = DatasetRef(uri="x", digest="d", rows=1_234, columns={})
    found = ScoredWindow(dataset=dataset, model_version=3, run_id="r", start=START, end=END, labelled=0)
    assert found.summary == "1,234 rows of 2026-01-31T06:00 to 2026-02-01T06:00 scored by version 3"
    assert not found.probabilities


@pytest.mark.parametrize(
    ("drifted", "told"),
    [
        ("", "the verdict"),
        ("a", "the verdict: a"),
        ("abcd", "the verdict: a, b, c, d"),
        ("abcde", "the verdict: a, b, c, d and 1 more"),
        ("abcdefg", "the verdict: a, b, c, d and 3 more"),
    ],
)
def test_up_to_four_drifted_columns_are_named(drifted: str, told: str) -> None:
    report = DriftReport(
        start=START, end=END, model_version=3, rows=900, columns=(), score=None, drifted=tuple(drifted),
        threshold=0.25, verdict="the verdict",
    )  # fmt: skip
    assert report.summary == told


def performance(**fields: object) -> PerformanceReport:
    return PerformanceReport(
        **{"start": START, "end": END, "model_version": 3, "rows": 1_300, "metrics": {}, "checks": (),
           "verdict": "waiting", **fields}  # type: ignore[arg-type]
    )  # fmt: skip


LATE = MissingLabels(START, END, 0, 9)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "waiting: 1,300 rows with a label"),
        ({"window_rows": 9_000}, "waiting: 1,300 of 9,000 rows with a label"),
        (
            {"verdict": "ok", "metrics": {"f1": 0.81234, "auc": 0.9}, "window_rows": 9_000},
            "ok: f1 0.812, auc 0.900",
        ),
        ({"also_scored": 1}, "waiting: 1,300 rows with a label; 1 earlier window scored"),
        ({"overdue": (LATE, LATE)}, "waiting: 1,300 rows with a label; 2 earlier windows without labels"),
    ],
)
def test_quality_is_told_with_its_figures_or_its_labels(fields: dict[str, object], told: str) -> None:
    assert performance(**fields).summary == told


def test_a_triage_says_what_is_to_be_done_and_why() -> None:
    found = Triage(start=START, end=END, model_version=3, action="alert", causes=("drift",), reason="a moved")
    assert found.summary == "alert: a moved"


def test_a_request_to_retrain_says_why() -> None:
    found = RetrainRequest(
        causes=("performance",), reason="f1 0.6 < 0.7", model_version=3, window=(START, END), until=END
    )
    assert found.summary == "start a training: f1 0.6 < 0.7"


def test_a_scored_window_says_which_rows_are_in_no_window() -> None:
    def summary(**fields: object) -> str:
        dataset = DatasetRef(uri="x", digest="d", rows=9, columns={}, **fields)  # type: ignore[arg-type]
        found = ScoredWindow(dataset=dataset, model_version=3, run_id="r", start=START, end=END, labelled=0)
        return found.summary.removeprefix(
            "9 rows of 2026-01-31T06:00 to 2026-02-01T06:00 scored by version 3"
        )

    times = RowTimes(column="at", first=START, last=END)
    unread = RowTimes(column="at", first=START, last=END, quarantined=2)
    assert summary(window="all rows: there is no event time") == "; all rows: there is no event time"
    assert summary(times=times) == summary(times=times, window="the day") == ""
    assert summary(times=unread, window="the day") == "; 2 rows quarantined: no time in at that can be read"


def test_figures_name_their_class_and_labels_do_not() -> None:
    assert performance(metrics={"f1": 0.8}, of_class="fraud").summary == (
        "waiting: f1 0.800 (of the class 'fraud')"
    )
    assert performance(of_class="fraud").summary == "waiting: 1,300 rows with a label"
    both = performance(also_scored=2, overdue=(LATE,)).summary
    assert both == (
        "waiting: 1,300 rows with a label; 2 earlier windows scored; 1 earlier window without labels"
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [(ScoredWindow, {}), (DriftReport, {}), (PerformanceReport, {}), (Triage, {})],
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said
