"""The words of a triage: the name of a window, and a phrase for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from airflow_mlops.core.positive_class import about
from airflow_mlops.core.records import Check, DriftReport, PerformanceReport, ValidationReport

_NOT: Final = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
_SHOWN: Final = 3


def window_name(start: str, end: str) -> str:
    """Return a short name for a window: ``2013-09`` (a month), ``2013-09-01`` (a day), else start/end."""
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    midnight = all((t.hour, t.minute, t.second, t.microsecond) == (0, 0, 0, 0) for t in (first, last))
    if midnight and first.day == last.day == 1 and timedelta(days=28) <= last - first <= timedelta(days=31):
        return f"{first:%Y-%m}"
    if midnight and last - first == timedelta(days=1):
        return f"{first:%Y-%m-%d}"
    form = "%Y-%m-%d" if midnight else "%Y-%m-%dT%H:%M"
    return f"{first:{form}}/{last:{form}}"


def failed_expectations(validation: ValidationReport | None) -> str:
    """Return which expectations failed; empty when none did."""
    if validation is None or validation.passed:
        return ""
    shown = [
        f"{item.expectation}{f' on {item.column}' if item.column else ''}: {item.detail}"
        for item in validation.failures[:_SHOWN]
    ]
    more = len(validation.failures) - _SHOWN
    failed = f"{len(validation.failures)} of {validation.expectations} expectations failed"
    text = f"{failed} ({'; '.join(shown)}{f'; and {more} more' if more > 0 else ''})"
    quarantine = validation.quarantine
    if quarantine is None:
        return text
    few = f"a training would quarantine {quarantine.rows:,} of {validation.rows:,} rows"
    return f"{text}, {quarantine.refused or few}"


def missed_limits(report: PerformanceReport) -> str:
    """Return the limits that were missed."""
    missed = ", ".join(_check_text(item) for item in report.checks if not item.passed)
    return missed + (about(report.of_class) if missed else "")


def _check_text(check: Check) -> str:
    sign, _, bound = check.limit.strip().partition(" ")
    return f"{check.name} {check.value:.3f} {sign if check.passed else _NOT.get(sign, 'not ' + sign)} {bound}"


def drifted_columns(report: DriftReport) -> str:
    """Return the columns that drifted, with their effects."""
    every = (*report.columns, *((report.score,) if report.score else ()))
    effects = [f"{item.column} {item.effect:.2f}" for item in every if item.drifted]
    more = len(effects) - _SHOWN
    named = ", ".join(effects[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{named} drifted (effect >= {report.threshold:g})"


def label_problems(report: PerformanceReport | None) -> str:
    """Return what is overdue or wrong about labels and predictions; empty when nothing is."""
    if report is None:
        return ""
    late = [
        f"{window_name(item.start, item.end)} ({item.labelled:,} of {item.rows:,} rows)"
        for item in report.overdue
    ]
    parts = [f"labels overdue: {_few(late)}"] if late else []
    parts += [f"labels that cannot be used: {_few(report.label_faults)}"] if report.label_faults else []
    parts += [f"predictions that cannot be used: {report.answer_fault}"] if report.answer_fault else []
    return "; ".join(parts)


def landed_after(report: PerformanceReport, end: str) -> bool:
    """Whether the labels of a window were found by a run whose own window ended after ``end``."""
    at = report.scored_at
    return at is not None and datetime.fromisoformat(at) > datetime.fromisoformat(end)


def all_clear(performance: PerformanceReport | None, drift: DriftReport | None) -> str:
    """Return what was looked at, when nothing was found."""
    parts = []
    if performance is not None:
        held = ", ".join(_check_text(item) for item in performance.checks) + about(performance.of_class)
        waiting = f"waiting for labels ({performance.rows:,} of {performance.window_rows:,} rows)"
        unjudged = {"insufficient": "too few labels to judge performance", "waiting": waiting}
        later = f"labels landed later, judged at {performance.scored_at}"
        scored = later if landed_after(performance, performance.end) else held
        parts.append(unjudged.get(performance.verdict, scored))
    if drift is not None:
        enough = drift.verdict != "insufficient"
        rows, columns = drift.rows, len(drift.columns)
        parts.append(f"no drift in {columns} columns" if enough else f"too few rows ({rows}) to judge drift")
    return "; ".join(parts) or "nothing is monitored"


def _few(items: Sequence[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
