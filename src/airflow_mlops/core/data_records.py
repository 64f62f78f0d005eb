"""The records of data: where rows are, what was said about them, how they were split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_mlops.core.record import Record


@dataclass(frozen=True, kw_only=True)
class DatasetRef(Record):
    """A Parquet file: where it is, what is in it. ``start``/``end`` are ISO times, end exclusive."""

    uri: str
    digest: str
    rows: int
    columns: Mapping[str, str]
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Failure:
    """One expectation that did not hold; ``rows`` break it, None when it is about the data as a whole."""

    expectation: str
    column: str | None
    detail: str
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """What quarantine means for rows that failed expectations.

    ``rows`` break at least one of them (the least that is known when ``refused`` says why the data is
    refused as a whole); ``limit`` is the share that may. A training sets them aside in ``dataset``, each
    with its reasons, and goes on with ``kept``; a monitored window only counts them.
    """

    rows: int
    limit: float
    refused: str = ""
    dataset: DatasetRef | None = None
    kept: DatasetRef | None = None


@dataclass(frozen=True, kw_only=True)
class ValidationReport(Record):
    """What Great Expectations said about a dataset. ``on_failure``: ``fail``, ``warn`` or ``quarantine``."""

    passed: bool
    rows: int
    expectations: int
    failures: tuple[Failure, ...] = ()
    on_failure: str = "fail"
    digest: str = ""
    quarantine: Quarantine | None = None

    @property
    def refused(self) -> bool:
        """Whether no training may learn from these rows."""
        beyond = self.quarantine is not None and bool(self.quarantine.refused)
        return not self.passed and (self.on_failure == "fail" or beyond)


@dataclass(frozen=True, kw_only=True)
class FeatureSet(Record):
    """Train and hold-out rows (raw columns) and the same rows after the feature function."""

    train: DatasetRef
    holdout: DatasetRef
    train_features: DatasetRef
    holdout_features: DatasetRef
    features: tuple[str, ...]
    split: str
