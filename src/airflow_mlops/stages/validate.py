"""Validate: hold a dataset against its expectations."""

from __future__ import annotations

import logging

import pandas as pd

from airflow_mlops.backends import expectations
from airflow_mlops.backends.data import read_dataset
from airflow_mlops.config.models import Validate
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import DatasetRef, ValidationReport
from airflow_mlops.stages.call import StageCall

_LOG = logging.getLogger(__name__)


def run(call: StageCall) -> ValidationReport:
    """Check the input ``dataset``; raises DataRejected listing every failure when ``on_failure`` is fail."""
    section = call.pipeline.validate_
    if section is None:
        raise ConfigError("stage validate needs a validate section in the pipeline file")
    dataset = call.input("dataset", DatasetRef)
    report = check(read_dataset(dataset), section)
    if not report.passed:
        text = summary(report, dataset.uri)
        if section.on_failure == "fail":
            raise DataRejected(text)
        _LOG.warning("%s", text)
    return report


def check(frame: pd.DataFrame, section: Validate) -> ValidationReport:
    """Return what Great Expectations says about ``frame``, without raising for bad data."""
    wanted = expectations.expand(section.expect)
    failures = expectations.check(frame, wanted)
    return ValidationReport(
        passed=not failures,
        rows=len(frame),
        expectations=len(wanted),
        failures=failures,
        on_failure=section.on_failure,
    )


def summary(report: ValidationReport, where: str) -> str:
    """Say in a few lines what failed."""
    lines = [
        f"- {failure.expectation}{f' ({failure.column})' if failure.column else ''}: {failure.detail}"
        for failure in report.failures
    ]
    head = f"{len(lines)} of {report.expectations} expectations failed on {report.rows:,} rows of {where}:"
    return "\n".join([head, *lines])
