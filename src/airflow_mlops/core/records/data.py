"""The records of data: where rows are, how they were validated and split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_mlops.core.record import Record


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
    """One expectation that did not hold; ``rows`` break it, None when it is about the data as a whole."""

    expectation: str
    column: str | None
    detail: str
    rows: int | None = None

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
    """What Great Expectations found in a dataset. ``on_failure``: ``fail``, ``warn`` or ``quarantine``."""

    passed: bool
    rows: int
    expectations: int
    failures: tuple[Failure, ...] = ()
    on_failure: str = "fail"
    digest: str = ""
    quarantine: Quarantine | None = None

    @property
    def summary(self) -> str:
        """Expectations that hold or fail, and quarantined rows."""
        whole = f"{self.expectations} expectations on {self.rows:,} rows"
        if self.passed:
            return f"Great Expectations: {whole} hold"
        failed = ", ".join(map(str, self.failures))
        text = f"Great Expectations: {len(self.failures)} of {whole} fail: {failed}"
        if self.quarantine is None or self.quarantine.dataset is None:
            return text
        rows, uri = self.quarantine.rows, self.quarantine.dataset.uri
        return f"{text}; {rows:,} rows ({100 * rows / self.rows:.1f} %) quarantined in {uri}"

    @property
    def refused(self) -> bool:
        """Whether no training may learn from these rows."""
        beyond = self.quarantine is not None and bool(self.quarantine.refused)
        return not self.passed and (self.on_failure == "fail" or beyond)


@dataclass(frozen=True, kw_only=True)
class FeatureSet(Record):
    """Train and hold-out rows (raw columns) and the same rows after the feature function.

    ``notes`` say what was left out on the way.
    """

    train: DatasetRef
    holdout: DatasetRef
    train_features: DatasetRef
    holdout_features: DatasetRef
    features: tuple[str, ...]
    split: str
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Features, training rows and hold-out rows, and what was left out."""
        rows = f"{self.train.rows:,} rows to learn from, {self.holdout.rows:,} held out"
        return "; ".join([f"{len(self.features)} features", rows, *self.notes])
