"""Validate: hold a dataset against its expectations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from airflow_mlops.config.models import Validate
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef, ValidationReport
from airflow_mlops.data import validation as expectations
from airflow_mlops.data.core.quarantine import judge
from airflow_mlops.data.event_times import times_of
from airflow_mlops.data.quarantine import bad_rows, parted
from airflow_mlops.data.row_times import times_of_part
from airflow_mlops.lifecycle.call import StageCall

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> ValidationReport:
    """Check the input ``dataset``.

    With ``on_failure: quarantine`` bad rows are quarantined and the report names the dataset without them.
    Raises DataRejected listing every failure when ``on_failure`` is ``fail``, or when quarantine cannot
    help: too many rows are bad, or a failed expectation names none.
    """
    section = call.pipeline.validate_
    if section is None:
        raise ConfigError("stage validate needs a validate section in the pipeline file")
    dataset = call.input("dataset", DatasetRef)
    frame = call.read(dataset)
    wanted = expectations.expand(section.expect)
    report, found = check(frame, wanted, section)
    report = replace(report, digest=dataset.digest)
    if report.passed:
        return report
    text = summary(report, dataset.uri)
    if report.refused:
        raise DataRejected(text)
    _LOG.warning("%s", text)
    return report if report.quarantine is None else _set_aside(call, report, frame, found)


def check(
    frame: pd.DataFrame, wanted: Sequence[expectations.Expectation], section: Validate
) -> tuple[ValidationReport, tuple[expectations.Broken, ...]]:
    """Return the report on ``frame`` and the broken expectations; bad data raises nothing."""
    quarantine = section.on_failure == "quarantine"
    most = int(section.max_quarantine * len(frame)) + 1 if quarantine else 0
    found = expectations.find(frame, wanted, most=most) if wanted else ()
    failures = tuple(item.failure for item in found)
    judged = None
    if quarantine and found:
        bad = bad_rows(found, len(frame))
        count = None if bad is None else int(bad.sum())
        judged = judge(failures, count, rows=len(frame), limit=section.max_quarantine)
    report = ValidationReport(
        passed=not failures,
        rows=len(frame),
        expectations=len(wanted),
        failures=failures,
        on_failure=section.on_failure,
        quarantine=judged,
    )
    return report, found


def summary(report: ValidationReport, where: str) -> str:
    """Return what failed, one line for each expectation."""
    lines = [
        f"- {failure.expectation}{f' ({failure.column})' if failure.column else ''}: {failure.detail}"
        for failure in report.failures
    ]
    head = f"{len(lines)} of {report.expectations} expectations failed on {report.rows:,} rows of {where}:"
    refused = report.quarantine.refused if report.quarantine else ""
    return "\n".join([head, *lines, *([f"not quarantined: {refused}"] if refused else [])])


def _set_aside(
    call: StageCall, report: ValidationReport, frame: pd.DataFrame, found: Sequence[expectations.Broken]
) -> ValidationReport:
    """Write bad rows and good rows as datasets of their own, once the good ones hold without the others."""
    section, checked, quarantine = (
        call.pipeline.validate_,
        call.input("dataset", DatasetRef),
        report.quarantine,
    )
    assert section is not None  # run has looked
    assert quarantine is not None
    kept, aside = parted(frame, found)
    again = expectations.check(kept, expectations.expand(section.expect))
    if again:
        rest = replace(report, rows=len(kept), failures=again, quarantine=None)
        raise DataRejected(f"without {len(aside):,} quarantined rows, {summary(rest, checked.uri)}")
    side = call.write(aside, call.quarantine_folder)
    _LOG.warning("%s of %s rows quarantined in %s", f"{len(aside):,}", f"{report.rows:,}", side.uri)
    times = times_of_part(checked.times, times_of(kept, call.pipeline.data))
    good = replace(call.write(kept), start=checked.start, end=checked.end, times=times, window=checked.window)
    return replace(report, quarantine=replace(quarantine, dataset=side, kept=good))
