"""The records of data: where rows are, how they were validated and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from airflow_mlops.core.record import Record

_LISTED: Final = 20
"""Failures that a summary names."""


@dataclass(frozen=True, kw_only=True)
class DatasetRef(Record):
    """A Parquet file: where it is, what is in it. ``start``/``end`` are ISO times, end exclusive.

    Of rows that were read from a source, ``left_out`` counts those that are not in the file, by reason, and
    ``notes`` say what was noticed while they were read.
    """

    uri: str
    digest: str
    rows: int
    columns: Mapping[str, str]
    start: str | None = None
    end: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Rows and digest, rows that were left out, and the first note."""
        left = "".join(f"; {rows:,} left out: {reason}" for reason, rows in self.left_out.items())
        more = f" (and {len(self.notes) - 1} more notes)" if len(self.notes) > 1 else ""
        note = f"; {self.notes[0]}{more}" if self.notes else ""
        return f"{self.rows:,} rows, digest {self.digest[:12]}{left}{note}"


@dataclass(frozen=True)
class Failure:
    """One expectation that did not hold; ``rows`` break it, None when it is about the data as a whole.

    ``severity`` is ``critical``, or ``warning`` or ``info`` where the run goes on. ``examples`` are cells
    that break it: few, and cut short.
    """

    expectation: str
    column: str | None
    detail: str
    rows: int | None = None
    severity: str = "critical"
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        of = f" of {self.column}" if self.column else ""
        rows = "" if self.rows is None else f" ({self.rows:,} {'row' if self.rows == 1 else 'rows'})"
        return f"{self.expectation}{of}{rows}"


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """What quarantine means for rows that failed expectations.

    ``rows`` break at least one of them (the least that is known when ``refused`` says why the data is
    refused as a whole); ``limit`` is the share that may. A training sets them aside in ``dataset``, each
    with its reasons, and continues with ``kept``; a monitored window only counts them.
    """

    rows: int
    limit: float
    refused: str = ""
    dataset: DatasetRef | None = None
    kept: DatasetRef | None = None


@dataclass(frozen=True, kw_only=True)
class ValidationReport(Record):
    """What Great Expectations found in a dataset. ``on_failure``: ``fail``, ``warn`` or ``quarantine``.

    ``failures`` decide about the run, ``warnings`` are failures of a lesser severity, which are only
    reported. ``page`` is the address of the results as a page.
    """

    passed: bool
    rows: int
    expectations: int
    failures: tuple[Failure, ...] = ()
    on_failure: str = "fail"
    digest: str = ""
    quarantine: Quarantine | None = None
    warnings: tuple[Failure, ...] = ()
    page: str = ""

    @property
    def summary(self) -> str:
        """Expectations that hold or fail, those that only warn, and quarantined rows."""
        whole = f"{self.expectations} expectations on {self.rows:,} rows"
        warned = ""
        if self.warnings:
            count = f"{len(self.warnings)} {'warning' if len(self.warnings) == 1 else 'warnings'}"
            warned = f"; {count}: {_listed(self.warnings)}"
        if self.passed:
            rest = f"no failure in {whole}" if self.warnings else f"{whole} hold"
            return f"Great Expectations: {rest}{warned}"
        failed = _listed(self.failures)
        text = f"Great Expectations: {len(self.failures)} of {whole} fail: {failed}{warned}"
        if self.quarantine is None or self.quarantine.dataset is None:
            return text
        rows, uri = self.quarantine.rows, self.quarantine.dataset.uri
        return f"{text}; {rows:,} rows ({100 * rows / self.rows:.1f} %) quarantined in {uri}"

    @property
    def refused(self) -> bool:
        """Whether no training may learn from these rows."""
        beyond = self.quarantine is not None and bool(self.quarantine.refused)
        return not self.passed and (self.on_failure == "fail" or beyond)


def _listed(failures: Sequence[Failure]) -> str:
    """Return failures in one line, the first ones where there are many."""
    more = len(failures) - _LISTED
    shown = ", ".join(map(str, failures[:_LISTED]))
    return f"{shown} and {more:,} more" if more > 0 else shown


@dataclass(frozen=True, kw_only=True)
class FeatureSet(Record):
    """Train and hold-out rows (raw columns) and the same rows after the feature function.

    ``notes`` say what was left out on the way, ``validation_page`` is the address of the page about the
    validation of the rows, if there was one.
    """

    train: DatasetRef
    holdout: DatasetRef
    train_features: DatasetRef
    holdout_features: DatasetRef
    features: tuple[str, ...]
    split: str
    notes: tuple[str, ...] = ()
    validation_page: str = ""

    @property
    def summary(self) -> str:
        """Features, training rows and hold-out rows, and what was left out."""
        rows = f"{self.train.rows:,} rows to learn from, {self.holdout.rows:,} held out"
        return "; ".join([f"{len(self.features)} features", rows, *self.notes])
