"""The results of a validation as one page that loads no script, font or style from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from airflow_mlops.core.records import ValidationReport
from airflow_mlops.core.utc import in_utc
from airflow_mlops.data.validation.outcome import Outcome, cut
from airflow_mlops.pages import page_css, page_template

_ORDER = {"bad": 0, "ask": 1, "ok": 2}


@dataclass(frozen=True)
class Verdict:
    """The answer in a word and a sentence, and what follows from it; ``tone`` is the name of a colour."""

    tone: str
    word: str
    sentence: str
    action: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One expectation as the page shows it; ``share`` is the percentage of rows that break it, if any do."""

    tone: str
    state: str
    column: str
    rule: str
    limits: str
    observed: str
    detail: str = ""
    share: str | None = None
    percent: str = ""
    examples: tuple[str, ...] = ()


def results_page(
    report: ValidationReport,
    outcomes: Sequence[Outcome],
    *,
    pipeline: str,
    when: datetime,
    samples: bool = True,
    engine: str = "Great Expectations",
) -> str:
    """Return the results as a self-contained HTML page, in light or dark as the reader's system is.

    :param when: time of the validation; shown in UTC.
    :param samples: whether cells may be quoted; the page only says so.
    """
    page = page_template("airflow_mlops.data", "validation/page.html.j2")
    rows = sorted((_row(item, report.rows) for item in outcomes), key=lambda row: _ORDER[row.tone])
    bad, ask = ([row for row in rows if row.tone == tone] for tone in ("bad", "ask"))
    text: str = page.render(
        css=page_css(),
        pipeline=pipeline,
        verdict=verdict(report),
        facts=_facts(report),
        panels=[
            ("Failed", _count(len(bad), "expectation is", "expectations are", "not met."), bad),
            (
                "Warnings",
                _count(len(ask), "expectation", "expectations", "with severity warning or info not met."),
                ask,
            ),
        ],
        held=_count(len(rows) - len(bad) - len(ask), "expectation holds.", "expectations hold.", ""),
        table=rows,
        when=f"{in_utc(when):%d %b %Y %H:%M} UTC",
        engine=engine,
        digest=report.digest[:12],
        samples=samples,
    )
    return text


def verdict(report: ValidationReport) -> Verdict:
    """Return what the report says about the data, and what follows from it."""
    whole = f"{report.expectations:,} expectations on {report.rows:,} rows"
    quarantine = report.quarantine
    if report.passed and not report.warnings:
        return Verdict("ok", "Passed", f"All {whole} hold.", "The run continues.")
    if report.passed:
        count = _count(len(report.warnings), "warning.", "warnings.", "")
        return Verdict("ask", "Passed with warnings", f"No failure in {whole}; {count}", "The run continues.")
    sentence = f"{len(report.failures):,} of {whole} failed."
    if report.refused:
        reason = f" Not quarantined: {quarantine.refused}." if quarantine else ""
        return Verdict("bad", "Failed", sentence, f"No training may learn from these rows.{reason}")
    if quarantine is not None:
        return Verdict(
            "ask",
            "Quarantined",
            sentence,
            f"{_count(quarantine.rows, 'row is', 'rows are', 'taken out')}; the others continue.",
        )
    return Verdict("ask", "Failed, accepted", sentence, "The run continues (on_failure: warn).")


def _facts(report: ValidationReport) -> list[tuple[str, str, str]]:
    quarantine = report.quarantine
    held = report.expectations - len(report.failures) - len(report.warnings)
    aside = f"{quarantine.rows:,}" if quarantine else "0"
    limit = (
        f"at most {100 * quarantine.limit:g} % may be" if quarantine else f"on_failure: {report.on_failure}"
    )
    return [
        ("Rows checked", f"{report.rows:,}", ""),
        ("Expectations that hold", f"{held:,} of {report.expectations:,}", ""),
        (
            "Failures",
            f"{len(report.failures):,}",
            _count(len(report.warnings), "warning", "warnings", "beside"),
        ),
        ("Rows to quarantine", aside, limit),
    ]


def _row(outcome: Outcome, rows: int) -> Row:
    item, failure = outcome.item, outcome.failure
    columns = ", ".join(map(cut, item.columns)) or "table"
    rule = item.name
    for prefix in ("expect_column_", "expect_table_", "expect_"):
        rule = rule.removeprefix(prefix)
    row = Row(
        tone="ok",
        state="Holds",
        column=columns,
        rule=rule.replace("_", " "),
        limits=outcome.limits,
        observed=outcome.observed,
    )
    if failure is None:
        return row
    critical = failure.severity == "critical"
    share = None if failure.rows is None or not rows else 100 * failure.rows / rows
    return replace(
        row,
        tone="bad" if critical else "ask",
        state="Failed" if critical else failure.severity.capitalize(),
        detail=f"{outcome.observed}{f'; expected {outcome.limits}' if outcome.limits else ''}.",
        share=None if share is None else f"{share:.3f}",
        percent="" if share is None else _percent(share),
        examples=tuple(dict.fromkeys(failure.examples)),
    )


def _percent(share: float) -> str:
    return "less than 0.1 %" if 0 < share < 0.1 else f"{share:.1f} %"


def _count(number: int, one: str, many: str, rest: str) -> str:
    return f"{number:,} {one if number == 1 else many} {rest}".strip()
