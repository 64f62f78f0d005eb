"""The records of data: where rows are, how they were validated and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from airflow_mlops.core.record import Record
from airflow_mlops.core.records.leaks import LeakProbe

OWN_TEST_SET: Final = "source"
"""How a hold-out is chosen that is a test set of its own: ``split_by`` of a ``FeatureSet``."""
_SPLITS: Final = {
    "time": "by time",
    "entity": "by entity",
    "random": "at random",
    OWN_TEST_SET: "as a test set of its own",
}
_LISTED: Final = 20
"""Failures that a summary names."""


@dataclass(frozen=True, kw_only=True)
class RowTimes:
    """The event times of a dataset's rows, from ``first`` to ``last`` (ISO times in UTC, both inclusive).

    ``quarantined`` rows were left out because ``column`` has no time there that can be read, such as
    ``examples``; they are in the file ``quarantine``. ``ambiguous`` local times are in an hour that occurs
    twice and were taken as the second one.
    """

    column: str
    first: str
    last: str
    quarantined: int = 0
    examples: tuple[str, ...] = ()
    quarantine: str = ""
    ambiguous: int = 0

    @property
    def reason(self) -> str:
        """Why rows were quarantined."""
        return unreadable_reason(self.column)

    @property
    def span(self) -> str:
        """The first and the last time, to the minute."""
        return f"{to_minute(self.first)} to {to_minute(self.last)}"

    @property
    def remarks(self) -> str:
        """What a reader should know about times that were left out or ambiguous; empty for none."""
        found = []
        if self.quarantined:
            rows = f"{self.quarantined:,} {'row' if self.quarantined == 1 else 'rows'}"
            shown = f", e.g. {', '.join(self.examples)}" if self.examples else ""
            found.append(f"{rows} quarantined: {self.reason}{shown}")
        if self.ambiguous:
            found.append(
                f"{self.ambiguous:,} local times of {self.column} are in an hour that occurs twice, the "
                "second is used"
            )
        return "; ".join(found)


@dataclass(frozen=True, kw_only=True)
class DatasetRef(Record):
    """Rows in Parquet: where they are, what is in them. ``start``/``end`` are ISO times, end exclusive.

    ``times`` are the event times of the rows, None when they have none. ``window`` says which rows of the
    source were taken.
    Where ``of`` names a file, the rows are ``columns`` of those rows in it that ``uri`` marks: they are not
    stored twice. ``airflow_mlops.data.datasets.read_dataset`` reads either kind.
    Of rows that were read from a source, ``left_out`` counts those that are not in the file, by reason, and
    ``notes`` say what was noticed while they were read.
    """

    uri: str
    digest: str
    rows: int
    columns: Mapping[str, str]
    start: str | None = None
    end: str | None = None
    times: RowTimes | None = None
    window: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    of: str = ""

    @property
    def summary(self) -> str:
        """Rows, which they are, digest, rows that were left out, and the first note."""
        window = f" ({self.window})" if self.window else ""
        quarantined = self.times.reason if self.times else ""
        left = [f"{rows:,} left out: {why}" for why, rows in self.left_out.items() if why != quarantined]
        remarks = [self.times.remarks] if self.times and self.times.remarks else []
        more = f" (and {len(self.notes) - 1} more notes)" if len(self.notes) > 1 else ""
        note = [f"{self.notes[0]}{more}"] if self.notes else []
        return "; ".join([f"{self.rows:,} rows{window}, digest {self.digest[:12]}", *left, *remarks, *note])


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
class SplitRule:
    """Which rows a version was trained on and which were held out, as a rule that later rows can be held to.

    ``kind`` is ``row`` or ``entity`` (``columns`` are hashed and the lowest ``share`` of the hashes is held
    out), ``time`` (rows from ``cut`` on are held out, those of the last ``gap`` seconds before it do not
    teach; rows of an entity, ``columns``, on both sides of it count on one side), or ``source`` (the test set
    with the digest ``test_set`` is held out). ``first`` and ``newest`` are the times of the first and last
    row that there was, in the column ``time``; times are ISO and in UTC. ``scheme`` is the way of hashing.
    """

    kind: str
    columns: tuple[str, ...] = ()
    share: float = 0.0
    time: str = ""
    cut: str = ""
    gap: float = 0.0
    first: str = ""
    newest: str = ""
    test_set: str = ""
    scheme: int = 1


@dataclass(frozen=True, kw_only=True)
class FeatureSet(Record):
    """Train and hold-out rows (raw columns) and the same rows after the feature function.

    ``aside`` are rows that neither teach the judged model nor judge it (None when there are none): those of
    the gap before the hold-out, and of entities on its two sides.
    ``split`` says how the hold-out was chosen, ``split_by`` by what: ``time``, ``entity`` or ``random``,
    or ``source`` when it is a test set of its own; ``learned`` says it as a rule, None in older records.
    ``leaks`` is what the leak probe found, None when it was off or in older records.
    ``window`` says which rows of the source were taken. ``notes`` say what was left out on the way,
    ``validation_page`` is the address of the page about the validation of the rows, if there was one,
    ``validation`` its result in a sentence.
    """

    train: DatasetRef
    holdout: DatasetRef
    train_features: DatasetRef
    holdout_features: DatasetRef
    features: tuple[str, ...]
    split: str
    split_by: str = ""
    window: str = ""
    notes: tuple[str, ...] = ()
    validation_page: str = ""
    aside: DatasetRef | None = None
    aside_features: DatasetRef | None = None
    learned: SplitRule | None = None
    leaks: LeakProbe | None = None
    validation: str = ""

    @property
    def summary(self) -> str:
        """Features, training rows, hold-out rows, how these were chosen, and what was left out."""
        by = _SPLITS.get(self.split_by, "")
        train, holdout = (_span(side) for side in (self.train, self.holdout))
        rows = f"{self.train.rows:,} rows{train} to learn from, {self.holdout.rows:,}{holdout} held out"
        rows += f" {by}" if by else ""
        return "; ".join([f"{len(self.features)} features", rows, *self.notes])

    @property
    def test_set(self) -> str:
        """The digest of a hold-out that is a test set of its own, whatever the version; else empty."""
        return self.holdout.digest if self.split_by == OWN_TEST_SET else ""

    def facts(self) -> dict[str, str | int]:
        """Return what a training should remember of its rows, by name: how many, from when to when."""
        found: dict[str, str | int] = {
            "data.window": self.window,
            "split": self.split,
            "split.by": self.split_by,
        }
        for name, side in (("train", self.train), ("holdout", self.holdout)):
            found[f"{name}.rows"] = side.rows
            if side.times:
                found |= {f"{name}.from": side.times.first, f"{name}.to": side.times.last}
        found["holdout.digest"] = self.test_set
        if self.train.times and self.train.times.quarantined:
            found["data.quarantined"] = self.train.times.quarantined
        return {name: value for name, value in found.items() if value != ""}


def unreadable_reason(column: str) -> str:
    """Return why rows without a readable time are left out.

    >>> unreadable_reason("seen_at")
    'no time in seen_at that can be read'
    """
    return f"no time in {column} that can be read"


def to_minute(iso: str) -> str:
    """Return an ISO time in UTC as people read it, to the minute.

    >>> to_minute("2025-01-31T06:30:00+00:00")
    '2025-01-31 06:30'
    """
    return iso[:16].replace("T", " ")


def _span(side: DatasetRef) -> str:
    return f" ({side.times.span})" if side.times else ""
