"""Computes a window's realised quality from the labels that have arrived, now or later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_mlops.config.models import Performance
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import PerformanceReport, ScoredWindow
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.monitoring.core.label_deadlines import oldest_start

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlops.monitoring.history import MonitorHistory, Watched


def run(call: StageCall) -> PerformanceReport:
    """Return and store the performance report of the input ``window``, by ``monitoring.performance``.

    With ``labels`` or ``label_delay``, labels are joined to the rows by the keys, and earlier windows that
    still wait for theirs are scanned again and stored; the report names those whose labels are overdue.
    Raises ConfigError for a metric that is unknown or does not fit the model, or labels without keys.
    """
    from airflow_mlops.monitoring.history import MonitorHistory

    section = call.pipeline.monitor and call.pipeline.monitor.performance
    if not section:
        raise ConfigError("stage performance needs monitor.performance in the pipeline file")
    window = call.input("window", ScoredWindow)
    history = MonitorHistory(call.artifacts, call.pipeline.name, call.storage)
    if section.labels or section.label_delay:
        report = _with_late_labels(call, section, window, history)
    else:
        report = _at_once(call, section, window)
    history.write(report)
    return report


def _at_once(call: StageCall, section: Performance, window: ScoredWindow) -> PerformanceReport:
    """Judge a window by the target column that its rows came with."""
    from airflow_mlops.monitoring.performance import compute
    from airflow_mlops.training.core.metrics import UnknownLabels
    from airflow_mlops.training.scorers import scoring

    data, target = call.pipeline.data, call.pipeline.data.target

    def truth() -> pd.Series:
        labels: pd.Series = call.read(window.dataset, [target])[target]
        return labels

    asked = scoring(data, section.require, call.base, samples=call.quotes_cells)
    try:
        return compute(
            section, window, labelled=window.labelled, truth=truth, storage=call.storage, scoring=asked
        )
    except UnknownLabels as error:  # drift and validation of the window still count
        unjudged = compute(section, window, labelled=0, truth=truth)
        return replace(unjudged, rows=window.labelled, label_faults=(str(error),))


def _with_late_labels(
    call: StageCall, section: Performance, window: ScoredWindow, history: MonitorHistory
) -> PerformanceReport:
    """Judge a window and the earlier ones that wait, as far as labels have landed."""
    from airflow_mlops.data.sources.quoting import without_causes
    from airflow_mlops.monitoring.late_labels import LateLabelScan, place

    if not call.pipeline.data.keys:
        raise ConfigError(
            "labels that land later are joined by data.keys: name the entity and the time of a row there"
        )
    history.write(window)
    since = oldest_start(section.label_delay, window.start, window.end)
    waiting = [item for item in history.watched(before=window.start, since=since) if _waits(item, window)]
    samples = call.quotes_cells
    found = LateLabelScan(
        call.pipeline.data,
        section,
        call.base,
        window.end,
        call.connections,
        call.storage,
        samples=samples,
    )
    with without_causes(samples=samples):
        found.run([*(item.window for item in waiting), window])
    for item in waiting:
        _update(history, item.performance, found.reports[place(item.window)])
    report = found.reports[place(window)]
    return replace(
        report,
        scored_at=_first_scored(report, history.performance(window.model_version, window.start)),
        also_scored=sum(found.reports[place(item.window)].scored_at is not None for item in waiting),
        overdue=found.overdue(),
        label_faults=tuple(found.faults.values()),
    )


def _waits(item: Watched, window: ScoredWindow) -> bool:
    """Whether a window waits for labels; those that this very run has scored before wait for it again."""
    known = item.performance
    return known is None or known.verdict == "waiting" or known.scored_at == window.end


def _update(history: MonitorHistory, known: PerformanceReport | None, found: PerformanceReport) -> None:
    """Store what is found of an earlier window, beside what its own run saw of others."""
    if known is not None:
        found = replace(
            found, also_scored=known.also_scored, overdue=known.overdue, label_faults=known.label_faults
        )
    if found != known:
        history.write(found)


def _first_scored(report: PerformanceReport, known: PerformanceReport | None) -> str | None:
    """Return when a window was scored first: a run that is cleared does not take that from a later one."""
    if not report.scored_at or known is None or not known.scored_at:
        return report.scored_at
    return max(report.scored_at, known.scored_at, key=datetime.fromisoformat)
