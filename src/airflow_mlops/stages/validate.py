"""Validate: hold a dataset against its expectations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from airflow_mlops.config.database_engine import unfit
from airflow_mlops.config.expectations import SEVERITIES
from airflow_mlops.config.models import Validate
from airflow_mlops.config.suites import read_suite
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef, Failure, ValidationReport
from airflow_mlops.data import validation as expectations
from airflow_mlops.data.core.quarantine import judge
from airflow_mlops.data.event_times import times_of
from airflow_mlops.data.quarantine import bad_rows, parted
from airflow_mlops.data.row_times import times_of_part
from airflow_mlops.data.sources.base import ReadRequest
from airflow_mlops.data.sources.report import ReadReport
from airflow_mlops.data.stored_quarantine import part_dataset
from airflow_mlops.data.validation import by_batches
from airflow_mlops.data.validation.stored import evaluate_dataset
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.validation_pages import write_pages

_LOG = logging.getLogger(__name__)
_LINES: Final = 20
"""Failed expectations that a message lists, and whose examples a record keeps."""


def run(call: StageCall) -> ValidationReport:
    """Check the input ``dataset`` and write a page of the results.

    With ``on_failure: quarantine`` bad rows are quarantined and the report names the dataset without them.
    Raises DataRejected listing every failure when ``on_failure`` is ``fail``, or when quarantine cannot
    help: too many rows are bad, or a failed expectation names none.
    """
    section = call.pipeline.validate_
    if section is None:
        raise ConfigError("stage validate needs a validate section in the pipeline file")
    dataset = call.input("dataset", DatasetRef)
    outcomes = _outcomes(call, dataset, section)
    report = replace(_report(outcomes, dataset.rows, section), digest=dataset.digest)
    report = replace(report, page=write_pages(call, report, outcomes))
    _LOG.info("all results: %s", report.page)
    if report.warnings:
        _LOG.warning("%s", warning(report, dataset.uri))
    if report.passed:
        return report
    text = summary(report, dataset.uri)
    if report.refused:
        raise DataRejected(f"{text}\nall results: {report.page}")
    _LOG.warning("%s", text)
    return report if report.quarantine is None else _set_aside(call, report, outcomes)


def _outcomes(call: StageCall, dataset: DatasetRef, section: Validate) -> tuple[expectations.Outcome, ...]:
    """Return what each expectation found, by the engine that the section names."""
    if section.engine != "database":
        return _stored_outcomes(call, dataset, section)
    wanted, place = all_expectations(section, call.base), call.storage.locate(dataset.uri)
    terms = _terms(section, call.base, dataset.rows)
    from airflow_mlops.data.validation.database_engine import evaluate_in_database

    data = call.pipeline.data
    for key, reason in unfit(data, section):
        raise ConfigError(f"{'.'.join(map(str, key))}: {reason}")
    request = ReadRequest(
        source=data.source,
        base=call.base,
        connections=call.connections,
        format=data.time.format if data.time else None,
        timezone=(data.time.timezone if data.time else None) or "UTC",
        start=call.window_start,
        end=call.as_of,
        report=ReadReport(samples=section.quotes_cells),
    )
    return evaluate_in_database(dataset, wanted, terms, request=request, place=place)


def _stored_outcomes(
    call: StageCall, dataset: DatasetRef, section: Validate
) -> tuple[expectations.Outcome, ...]:
    """Return what each expectation finds in the rows that are stored."""
    return evaluate_dataset(
        dataset,
        all_expectations(section, call.base),
        _terms(section, call.base, dataset.rows),
        place=call.storage.locate(dataset.uri),
        read=lambda columns: call.read(dataset, columns),
        engine="duckdb" if section.engine == "duckdb" else "great_expectations",
    )


def all_expectations(section: Validate, base: Path) -> tuple[expectations.Expectation, ...]:
    """Return the expectations of the pipeline file, then those of its suite; raises ConfigError."""
    suite = read_suite(section.suite, base) if section.suite else ()
    return (*expectations.expand(section.expect), *suite)


def check(
    frame: pd.DataFrame, wanted: Sequence[expectations.Expectation], section: Validate, base: Path
) -> tuple[ValidationReport, tuple[expectations.Outcome, ...]]:
    """Return the report on ``frame`` and what each expectation found; bad data raises nothing."""
    terms = _terms(section, base, len(frame))
    outcomes = expectations.evaluate(frame, wanted, terms) if wanted else ()
    return _report(outcomes, len(frame), section), outcomes


def _terms(section: Validate, base: Path, rows: int) -> expectations.Terms:
    most = int(section.max_quarantine * rows) + 1 if section.on_failure == "quarantine" else 0
    samples = section.quotes_cells
    return expectations.Terms(most=most, samples=samples, parameters=section.parameters, base=base)


def _report(outcomes: Sequence[expectations.Outcome], rows: int, section: Validate) -> ValidationReport:
    every = [item.failure for item in outcomes if item.failure is not None]
    every = [*every[:_LINES], *(replace(failure, examples=()) for failure in every[_LINES:])]
    failures = tuple(failure for failure in every if failure.severity == SEVERITIES[0])
    judged = None
    if section.on_failure == "quarantine" and failures:
        bad = bad_rows(_critical(outcomes), rows)
        judged = judge(
            failures, None if bad is None else int(bad.sum()), rows=rows, limit=section.max_quarantine
        )
    return ValidationReport(
        passed=not failures,
        rows=rows,
        expectations=len(outcomes),
        failures=failures,
        on_failure=section.on_failure,
        quarantine=judged,
        warnings=tuple(failure for failure in every if failure.severity != SEVERITIES[0]),
    )


def _critical(outcomes: Sequence[expectations.Outcome]) -> tuple[expectations.Broken, ...]:
    found = expectations.broken(outcomes)
    return tuple(item for item in found if item.failure.severity == SEVERITIES[0])


def summary(report: ValidationReport, where: str) -> str:
    """Return what failed, one line for each expectation."""
    count = f"{len(report.failures):,} of {report.expectations:,} expectations"
    head = f"{count} failed on {report.rows:,} rows of {where}:"
    refused = report.quarantine.refused if report.quarantine else ""
    return "\n".join([head, *_lines(report.failures), *([f"not quarantined: {refused}"] if refused else [])])


def warning(report: ValidationReport, where: str) -> str:
    """Return what failed with a severity that lets the run go on, one line for each expectation."""
    count = f"{len(report.warnings):,} of {report.expectations:,} expectations"
    head = f"{count} failed with severity warning or info on {report.rows:,} rows of {where}:"
    return "\n".join([head, *_lines(report.warnings)])


def _lines(failures: Sequence[Failure]) -> list[str]:
    lines = [
        f"- {failure.expectation}{f' ({failure.column})' if failure.column else ''}: {failure.detail}"
        for failure in failures[:_LINES]
    ]
    more = len(failures) - _LINES
    return [*lines, f"- and {more:,} more"] if more > 0 else lines


def _set_aside(
    call: StageCall, report: ValidationReport, outcomes: Sequence[expectations.Outcome]
) -> ValidationReport:
    """Write bad rows and good rows as datasets of their own, once the good ones hold without the others."""
    section, checked, quarantine = (
        call.pipeline.validate_,
        call.input("dataset", DatasetRef),
        report.quarantine,
    )
    assert section is not None  # run has looked
    assert quarantine is not None
    found = _critical(outcomes)
    if checked.rows > by_batches.MOST_ROWS:
        return _set_aside_by_batches(call, section, report, found)
    kept, aside = parted(call.read(checked), found)
    again, _ = check(kept, all_expectations(section, call.base), section, call.base)
    if again.failures:
        rest = replace(report, rows=len(kept), failures=again.failures, quarantine=None)
        raise DataRejected(f"without {len(aside):,} quarantined rows, {summary(rest, checked.uri)}")
    side = call.write(aside, call.quarantine_folder)
    _LOG.warning("%s of %s rows quarantined in %s", f"{len(aside):,}", f"{report.rows:,}", side.uri)
    times = times_of_part(checked.times, times_of(kept, call.pipeline.data, samples=section.quotes_cells))
    good = replace(call.write(kept), start=checked.start, end=checked.end, times=times, window=checked.window)
    return replace(report, quarantine=replace(quarantine, dataset=side, kept=good))


def _set_aside_by_batches(
    call: StageCall, section: Validate, report: ValidationReport, found: Sequence[expectations.Broken]
) -> ValidationReport:
    """Do the same for a dataset that may be larger than memory; the good rows are checked once stored."""
    checked, quarantine = call.input("dataset", DatasetRef), report.quarantine
    assert quarantine is not None
    parts = part_dataset(
        checked,
        found,
        call.pipeline.data,
        folders=(call.data_folder, call.quarantine_folder),
        storage=call.storage,
        rows=by_batches.MOST_ROWS,
    )
    again = _report(_stored_outcomes(call, parts.kept, section), parts.kept.rows, section)
    if again.failures:
        rest = replace(report, rows=parts.kept.rows, failures=again.failures, quarantine=None)
        raise DataRejected(f"without {parts.aside.rows:,} quarantined rows, {summary(rest, checked.uri)}")
    rows = (f"{parts.aside.rows:,}", f"{report.rows:,}", parts.aside.uri)
    _LOG.warning("%s of %s rows quarantined in %s", *rows)
    return replace(report, quarantine=replace(quarantine, dataset=parts.aside, kept=parts.kept))
