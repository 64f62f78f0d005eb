"""Windows that wait for labels: which labels have arrived, which are wrong or overdue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd

from airflow_mlops.config.models import Data, Performance
from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.records import MissingLabels, PerformanceReport, ScoredWindow
from airflow_mlops.data.connections import Connections
from airflow_mlops.monitoring.core.label_deadlines import is_overdue
from airflow_mlops.monitoring.core.triage_text import window_name
from airflow_mlops.monitoring.labels import Labels, batches, read_labels
from airflow_mlops.monitoring.performance import compute
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage
from airflow_mlops.training.scorers import scoring

LABELS_AT_ONCE: Final = 1_000_000

Place = tuple[str, int]
"""Which window of which model version: its start and the version."""


@dataclass(frozen=True)
class LateLabelScan:
    """The reports of the windows that a run scans; ``now`` is the end of its own window.

    ``faults`` maps a window to the reason why its labels cannot be used. Without ``samples`` it
    quotes no cell.
    """

    data: Data
    section: Performance
    base: Path
    now: str
    connections: Connections
    storage: Storage = PLAIN_STORAGE
    samples: bool = True
    reports: dict[Place, PerformanceReport] = field(default_factory=dict)
    faults: dict[Place, str] = field(default_factory=dict)

    def run(self, windows: Sequence[ScoredWindow]) -> None:
        """Read the labels of windows, oldest first, and judge each by its own."""
        for batch in batches(windows, LABELS_AT_ONCE):
            start = min(datetime.fromisoformat(item.start) for item in batch)
            end = max(datetime.fromisoformat(item.end) for item in batch)
            labels = read_labels(
                self.data,
                self.section.labels,
                base=self.base,
                start=start,
                end=end,
                connections=self.connections,
                samples=self.samples,
            )
            for window in batch:
                self.reports[place(window)] = self._judged(window, labels)

    def overdue(self) -> tuple[MissingLabels, ...]:
        """Return the windows whose labels should have landed, each once, whatever versions scored it."""
        late = {
            report.start: MissingLabels(report.start, report.end, report.rows, report.window_rows)
            for at, report in self.reports.items()
            if report.verdict == "waiting"
            and at not in self.faults
            and is_overdue(report.end, self.section.label_delay, self.now)
        }
        return tuple(late.values())

    def _judged(self, window: ScoredWindow, labels: Labels) -> PerformanceReport:
        try:
            truth = labels.of(window, self.storage)
            labelled = int(truth.notna().sum())
            report = compute(
                self.section,
                window,
                labelled=labelled,
                truth=lambda: truth,
                waits=True,
                storage=self.storage,
                scoring=scoring(self.data, self.section.require, self.base, samples=self.samples),
            )
        except DataRejected as error:  # one window's labels must not keep the others from being watched
            self.faults[place(window)] = f"{window_name(window.start, window.end)}: {error}"
            return compute(self.section, window, labelled=0, truth=pd.Series, waits=True)
        if report.label_faults:
            self.faults[place(window)] = (
                f"{window_name(window.start, window.end)}: {'; '.join(report.label_faults)}"
            )
        return report if report.scored_at is None else replace(report, scored_at=self.now)


def place(window: ScoredWindow) -> Place:
    """Return the place of a window."""
    return window.start, window.model_version
