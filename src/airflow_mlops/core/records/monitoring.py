"""The records of monitoring: windows, drift, performance, triage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_mlops.core.positive_class import about
from airflow_mlops.core.record import Record
from airflow_mlops.core.records.data import DatasetRef, ValidationReport
from airflow_mlops.core.records.training import Check

_SHOWN_COLUMNS: Final = 4


@dataclass(frozen=True, kw_only=True)
class ScoredWindow(Record):
    """The rows of one window with the champion's score (``_score``) and prediction (``_prediction``).

    ``classes`` are a classifier's labels in the model's order, empty for a regressor; ``probabilities``
    says whether the scores are probabilities, of two classes those of ``positive`` (None: the last one).
    """

    dataset: DatasetRef
    model_version: int
    run_id: str
    start: str
    end: str
    labelled: int
    classes: tuple[Any, ...] = ()
    probabilities: bool = False
    positive: Any = None
    validation: ValidationReport | None = None

    @property
    def summary(self) -> str:
        """Rows, window, version, and rows that are in no window."""
        span = f"{self.start[:16]} to {self.end[:16]}"
        text = f"{self.dataset.rows:,} rows of {span} scored by version {self.model_version}"
        times = self.dataset.times
        if times is None and self.dataset.window:
            return f"{text}; {self.dataset.window}"
        return f"{text}; {times.remarks}" if times and times.remarks else text


@dataclass(frozen=True)
class ColumnDrift:
    """One column's window against the reference. ``effect``: Wasserstein/sd or Jensen–Shannon."""

    column: str
    kind: str
    effect: float
    p_value: float
    psi: float
    drifted: bool


@dataclass(frozen=True, kw_only=True)
class DriftReport(Record):
    """Drift of one window. ``verdict`` is ``stable``, ``drift`` or ``insufficient``.

    ``quality`` says in sentences what is wrong with the window without being drift. ``learned_times`` are
    evenly spaced quantiles of the event times of the rows that the model learned (ISO times in UTC).
    """

    start: str
    end: str
    model_version: int
    rows: int
    columns: tuple[ColumnDrift, ...]
    score: ColumnDrift | None
    drifted: tuple[str, ...]
    threshold: float
    verdict: str
    quality: tuple[str, ...] = ()
    learned_times: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Verdict and the first drifted columns."""
        if not self.drifted:
            return self.verdict
        more = len(self.drifted) - _SHOWN_COLUMNS
        named = ", ".join(self.drifted[:_SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")
        return f"{self.verdict}: {named}"


@dataclass(frozen=True)
class MissingLabels:
    """A window that lacks labels which should be there: ``labelled`` of its ``rows`` have one."""

    start: str
    end: str
    labelled: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class PerformanceReport(Record):
    """Realised quality of one window. ``verdict``: ``ok``, ``decay``, ``insufficient`` or ``waiting``.

    ``rows`` of its ``window_rows`` have a label. ``scored_at`` is the end of the window whose run had the
    labels first. What a run saw of others: how many earlier windows it ``also_scored``, those whose labels
    are ``overdue``, and ``label_faults``, sentences about labels that cannot be used. ``answer_fault`` says
    what is wrong with the champion's answers, ``of_class`` which class of two the metrics are about.
    """

    start: str
    end: str
    model_version: int
    rows: int
    metrics: Mapping[str, float]
    checks: tuple[Check, ...]
    verdict: str
    window_rows: int = 0
    scored_at: str | None = None
    also_scored: int = 0
    overdue: tuple[MissingLabels, ...] = ()
    label_faults: tuple[str, ...] = ()
    answer_fault: str = ""
    of_class: str = ""

    @property
    def summary(self) -> str:
        """Verdict, metrics or labelled rows, and what was found about earlier windows."""
        figures = ", ".join(f"{name} {value:.3f}" for name, value in self.metrics.items())
        figures += about(self.of_class) if figures else ""
        of = f" of {self.window_rows:,}" if self.window_rows else ""
        first = f"{self.verdict}: {figures or f'{self.rows:,}{of} rows with a label'}"
        others = {"scored": self.also_scored, "without labels": len(self.overdue)}
        earlier = [f"{_windows(count)} {what}" for what, count in others.items() if count]
        return "; ".join([first, *earlier])


@dataclass(frozen=True, kw_only=True)
class Triage(Record):
    """What is to be done about a window. ``action``: ``none``, ``retrain``, ``alert`` or ``block``."""

    start: str
    end: str
    model_version: int
    action: str
    causes: tuple[str, ...]
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Action and reason."""
        return f"{self.action}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class RetrainRequest(Record):
    """Why a new training starts: ``window`` is its cause, ``until`` the end of the data to learn from."""

    causes: tuple[str, ...]
    reason: str
    model_version: int
    window: tuple[str, ...]
    until: str

    @property
    def summary(self) -> str:
        """The reason."""
        return f"start a training: {self.reason}"


def _windows(count: int) -> str:
    return f"{count} earlier {'window' if count == 1 else 'windows'}"
