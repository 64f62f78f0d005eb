from __future__ import annotations

import dataclasses

import pytest

from airflow_mlops.core.records import (
    Check,
    ColumnDrift,
    DriftReport,
    Failure,
    MissingLabels,
    PerformanceReport,
    Quarantine,
    ValidationReport,
)
from airflow_mlops.monitoring.core import triage_text
from airflow_mlops.monitoring.core.triage_text import window_name

START, END = "2020-01-01T00:00:00+00:00", "2020-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("2013-09-01T00:00:00+00:00", "2013-10-01T00:00:00+00:00", "2013-09"),
        ("2013-12-01T00:00:00+00:00", "2014-01-01T00:00:00+00:00", "2013-12"),
        ("2013-09-01T00:00:00+00:00", "2013-09-02T00:00:00+00:00", "2013-09-01"),
        ("2013-09-02T00:00:00+00:00", "2013-09-09T00:00:00+00:00", "2013-09-02/2013-09-09"),
        ("2013-09-01T10:00:00+00:00", "2013-09-01T11:00:00+00:00", "2013-09-01T10:00/2013-09-01T11:00"),
    ],
)
def test_windows_have_the_names_that_people_use(start: str, end: str, name: str) -> None:
    assert window_name(start, end) == name


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("2013-02-01T00:00:00", "2013-03-01T00:00:00", "2013-02"),
        ("2013-01-01T00:00:00", "2013-03-01T00:00:00", "2013-01-01/2013-03-01"),
        ("2013-01-02T00:00:00", "2013-02-02T00:00:00", "2013-01-02/2013-02-02"),
        ("2013-01-01T00:00:01", "2013-02-01T00:00:01", "2013-01-01T00:00/2013-02-01T00:00"),
        ("2013-01-01T00:00:00.000001", "2013-01-02T00:00:00.000001", "2013-01-01T00:00/2013-01-02T00:00"),
        ("2013-01-01T00:30:00", "2013-01-02T00:30:00", "2013-01-01T00:30/2013-01-02T00:30"),
        ("2013-01-01T00:00:00", "2013-01-01T12:00:00", "2013-01-01T00:00/2013-01-01T12:00"),
        ("2013-01-01T00:00:00", "2013-01-03T00:00:00", "2013-01-01/2013-01-03"),
    ],
)
def test_only_whole_months_and_days_have_short_names(start: str, end: str, name: str) -> None:
    assert window_name(start, end) == name


def validation(failures: int, quarantine: Quarantine | None = None) -> ValidationReport:
    found = tuple(Failure(f"rule {n}", "age" if n % 2 else None, f"{n} rows") for n in range(1, failures + 1))
    return ValidationReport(
        passed=not failures, rows=12_000, expectations=7, failures=found, quarantine=quarantine
    )


def test_up_to_three_failed_expectations_are_told() -> None:
    assert triage_text.failed_expectations(None) == ""
    assert triage_text.failed_expectations(validation(0)) == ""
    three = "rule 1 on age: 1 rows; rule 2: 2 rows; rule 3 on age: 3 rows"
    assert triage_text.failed_expectations(validation(3)) == f"3 of 7 expectations failed ({three})"
    assert (
        triage_text.failed_expectations(validation(5)) == f"5 of 7 expectations failed ({three}; and 2 more)"
    )


def test_what_quarantine_would_do_is_told() -> None:
    kept = triage_text.failed_expectations(validation(1, Quarantine(rows=1200, limit=0.2)))
    assert kept.endswith("(rule 1 on age: 1 rows), a training would quarantine 1,200 of 12,000 rows")
    refused = triage_text.failed_expectations(validation(1, Quarantine(rows=9, limit=0, refused="too many")))
    assert refused.endswith("(rule 1 on age: 1 rows), too many")


def performance(*checks: Check, verdict: str = "ok", **more: object) -> PerformanceReport:
    report = PerformanceReport(
        start=START, end=END, model_version=1, rows=1200, metrics={}, checks=checks, verdict=verdict,
        window_rows=5000,
    )  # fmt: skip
    return dataclasses.replace(report, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "missed"), [(">= 0.7", "< 0.7"), ("> 0.7", "<= 0.7"), ("<= 0.7", "> 0.7"), ("< 0.7", ">= 0.7")]
)
def test_a_missed_limit_is_told_as_what_is_so(limit: str, missed: str) -> None:
    checks = (Check("f1", 0.65, limit, False), Check("auc", 0.8, ">= 0.5", True))
    assert triage_text.missed_limits(performance(*checks)) == f"f1 0.650 {missed}"
    twice = (*checks, Check("recall", 0.1, ">= 0.5", False))
    assert triage_text.missed_limits(performance(*twice)) == f"f1 0.650 {missed}, recall 0.100 < 0.5"


def column(name: str, effect: float, drifted: bool = True) -> ColumnDrift:
    return ColumnDrift(name, "numeric", effect, 0.0, 0.0, drifted)


def report(*columns: ColumnDrift, score: ColumnDrift | None = None, verdict: str = "drift") -> DriftReport:
    return DriftReport(
        start=START, end=END, model_version=1, rows=900, columns=columns, score=score, drifted=(),
        threshold=0.25, verdict=verdict,
    )  # fmt: skip


def test_up_to_three_drifted_columns_are_told_with_their_effects() -> None:
    calm = column("calm", 0.1, drifted=False)
    three = [column("a", 0.5), calm, column("b", 0.4)]
    found = triage_text.drifted_columns(report(*three, score=column("_score", 0.3)))
    assert found == "a 0.50, b 0.40, _score 0.30 drifted (effect >= 0.25)"
    assert triage_text.drifted_columns(report(*three)) == "a 0.50, b 0.40 drifted (effect >= 0.25)"
    four = triage_text.drifted_columns(report(*three, column("c", 0.35), score=column("_score", 0.3)))
    assert four == "a 0.50, b 0.40, c 0.35 and 1 more drifted (effect >= 0.25)"


def test_labels_that_are_overdue_or_wrong_are_told() -> None:
    assert triage_text.label_problems(None) == triage_text.label_problems(performance()) == ""
    late = MissingLabels(START, END, 1000, 2000)
    overdue = triage_text.label_problems(performance(overdue=(late,)))
    assert overdue == "labels overdue: 2020-01-01 (1,000 of 2,000 rows)"
    both = performance(overdue=(late,) * 4, label_faults=("a", "b", "c", "d", "e"))
    assert triage_text.label_problems(both) == (
        f"labels overdue: {', '.join(['2020-01-01 (1,000 of 2,000 rows)'] * 3)} and 1 more; "
        "labels that cannot be used: a, b, c and 2 more"
    )
    three = triage_text.label_problems(performance(label_faults=("a", "b", "c")))
    assert three == "labels that cannot be used: a, b, c"
    assert triage_text.label_problems(performance(label_faults=("a",))) == "labels that cannot be used: a"


def test_labels_landed_after_a_window_when_a_later_run_found_them() -> None:
    later = "2020-01-02T00:00:01+00:00"
    assert triage_text.landed_after(performance(scored_at=later), END)
    assert not triage_text.landed_after(performance(scored_at=END), END)
    assert not triage_text.landed_after(performance(), END)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ((None, None), "nothing is monitored"),
        ((performance(Check("f1", 0.8, "> 0.7", True)), None), "f1 0.800 > 0.7"),
        (
            (performance(Check("f1", 0.8, "> 0.7", True), Check("rmse", 0.5, "< 0.7", True)), None),
            "f1 0.800 > 0.7, rmse 0.500 < 0.7",
        ),
        ((performance(verdict="insufficient"), None), "too few labels to judge performance"),
        ((performance(verdict="waiting"), None), "waiting for labels (1,200 of 5,000 rows)"),
        (
            (performance(scored_at="2020-01-05T00:00:00+00:00"), None),
            "labels landed later, judged at 2020-01-05T00:00:00+00:00",
        ),
        ((None, report(column("a", 0.1), column("b", 0.1), verdict="stable")), "no drift in 2 columns"),
        ((None, report(verdict="insufficient")), "too few rows (900) to judge drift"),
        (
            (performance(verdict="waiting"), report(column("a", 0.1), verdict="stable")),
            "waiting for labels (1,200 of 5,000 rows); no drift in 1 columns",
        ),
    ],
)
def test_a_window_without_findings_says_what_was_seen(
    seen: tuple[PerformanceReport | None, DriftReport | None], told: str
) -> None:
    assert triage_text.all_clear(*seen) == told


def judged(**more: object) -> PerformanceReport:
    fields = {"start": START, "end": END, "model_version": 1, "rows": 9, "metrics": {}, "checks": (), **more}
    return PerformanceReport(verdict="decay", **fields)  # type: ignore[arg-type]


def test_answers_that_cannot_be_used_are_named_after_the_labels() -> None:
    assert triage_text.label_problems(judged(answer_fault="3 rows have no answer")) == (
        "predictions that cannot be used: 3 rows have no answer"
    )
    both = judged(answer_fault="no answer", label_faults=("no label",))
    assert triage_text.label_problems(both) == (
        "labels that cannot be used: no label; predictions that cannot be used: no answer"
    )
    assert triage_text.label_problems(judged()) == ""


def test_a_missed_limit_names_the_class_of_its_figure() -> None:
    missed, met = Check("recall", 0.5, ">= 0.6", False), Check("f1", 0.7, ">= 0.6", True)
    assert triage_text.missed_limits(judged(checks=(missed, met), of_class="fraud")) == (
        "recall 0.500 < 0.6 (of the class 'fraud')"
    )
    assert triage_text.missed_limits(judged(checks=(missed,))) == "recall 0.500 < 0.6"
    assert triage_text.missed_limits(judged(checks=(met,), of_class="fraud")) == ""
