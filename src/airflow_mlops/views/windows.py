"""Monitored windows: validation, drift, performance beside the champion's usual figures, and the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.records import DriftReport, PerformanceReport, Triage, ValidationReport
from airflow_mlops.views.versions import VersionsView
from airflow_mlops.views.view import View, parsed_time

if TYPE_CHECKING:
    from airflow_mlops.monitoring.history import MonitorHistory, StoredWindow


@dataclass(frozen=True, kw_only=True)
class WindowView(View):
    """One window; a report that was not written (yet) is None, ``damage`` names a file that is damaged."""

    start: datetime
    end: datetime | None
    version: int
    rows: int | None
    validation: ValidationReport | None
    drift: DriftReport | None
    performance: PerformanceReport | None
    triage: Triage | None
    damage: str = ""


@dataclass(frozen=True, kw_only=True)
class Band(View):
    """A metric of the champion: its limit, its figure on the hold-out rows, and its range in good windows."""

    limit: str
    holdout: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class WindowsView(View):
    """Windows, newest first, and the champion's band for each metric that has a limit."""

    name: str
    windows: tuple[WindowView, ...] = ()
    bands: Mapping[str, Band]


def read_windows(
    pipeline: Pipeline, history: MonitorHistory, versions: VersionsView, limit: int = 12
) -> WindowsView:
    """Read the newest windows of a pipeline; raises BackendError when the storage does not answer."""
    windows = tuple(map(window_view, history.recent(limit)))
    return WindowsView(name=pipeline.name, windows=windows, bands=_bands(pipeline, windows, versions))


def window_view(stored: StoredWindow) -> WindowView:
    """Return the view of what is stored about one window."""
    window, drift, performance, triage = stored.window, stored.drift, stored.performance, stored.triage
    ends = [report.end for report in (triage, drift, performance, window) if report is not None]
    rows = [
        window.dataset.rows if window else None,
        drift.rows if drift else None,
        (performance.window_rows or None) if performance else None,
    ]
    return WindowView(
        start=stored.start,
        end=parsed_time(ends[0]) if ends else None,
        version=stored.model_version,
        rows=next((number for number in rows if number is not None), None),
        validation=window.validation if window else None,
        drift=drift,
        performance=performance,
        triage=triage,
        damage=stored.damage,
    )


def _bands(pipeline: Pipeline, windows: Sequence[WindowView], versions: VersionsView) -> dict[str, Band]:
    section = pipeline.monitor.performance if pipeline.monitor else None
    champion = versions.champion
    if section is None or champion is None:
        return {}
    good = [
        window.performance.metrics
        for window in windows
        if window.version == champion.version and window.performance and window.performance.verdict == "ok"
    ]
    bands = {}
    for metric, limit in section.require.items():
        figures = [metrics[metric] for metrics in good if metric in metrics]
        bands[metric] = Band(
            limit=str(limit),
            holdout=champion.metrics.get(metric),
            low=min(figures, default=None),
            high=max(figures, default=None),
        )
    return bands
