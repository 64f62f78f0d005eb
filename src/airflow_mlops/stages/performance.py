"""Computes a window's realised quality from the labels that have arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import PerformanceReport, ScoredWindow
from airflow_mlops.stages.call import StageCall

if TYPE_CHECKING:
    from airflow_mlops.backends.metrics import Outcome

MIN_ROWS: Final = 500


def run(call: StageCall) -> PerformanceReport:
    """Return and store the performance report of the input ``window``.

    The metrics of ``monitor.performance.require`` over the labelled rows, each held against its limit.
    ``insufficient`` when fewer than ``min_labels`` of the rows or fewer than 500 rows have a label, or
    when the labels are all of one class and a metric needs two: nothing is computed then. Raises
    ConfigError for a metric that is unknown or does not fit the model.
    """
    from airflow_mlops.backends import metrics
    from airflow_mlops.backends.monitor_history import MonitorHistory
    from airflow_mlops.core.gates import check

    section = call.pipeline.monitor and call.pipeline.monitor.performance
    if not section:
        raise ConfigError("stage performance needs monitor.performance in the pipeline file")
    window = call.input("window", ScoredWindow)
    task = metrics.CLASSIFICATION if window.classes else metrics.REGRESSION
    needed = [metrics.find(name, task) for name in section.require]
    rows = window.dataset.rows
    outcome = None
    if window.labelled >= max(MIN_ROWS, section.min_labels * rows):
        outcome = _outcome(call, window)
        if any(metric.needs_probability for metric in needed) and len(set(outcome.truth.tolist())) < 2:
            outcome = None
    values = {} if outcome is None else metrics.compute(section.require, outcome)
    checks = tuple(check(name, value, section.require[name]) for name, value in values.items())
    failed = any(not item.passed for item in checks)
    report = PerformanceReport(
        start=window.start,
        end=window.end,
        model_version=window.model_version,
        rows=window.labelled,
        metrics=values,
        checks=checks,
        verdict="insufficient" if outcome is None else "decay" if failed else "ok",
    )
    MonitorHistory(call.artifacts, call.pipeline.name).write(report)
    return report


def _outcome(call: StageCall, window: ScoredWindow) -> Outcome:
    """Read truth and predictions of the labelled rows."""
    import numpy as np

    from airflow_mlops.backends import metrics
    from airflow_mlops.backends.champion import PREDICTION, SCORE, probability_column
    from airflow_mlops.backends.data import read_dataset

    target = call.pipeline.data.target
    every = [
        name for name in map(probability_column, range(len(window.classes))) if name in window.dataset.columns
    ]
    frame = read_dataset(window.dataset, [target, SCORE, PREDICTION, *every])
    frame = frame[frame[target].notna()]
    truth, predicted = frame[target].to_numpy(), frame[PREDICTION].to_numpy()
    if not window.classes:
        return metrics.regression(truth, predicted)
    probabilities = None
    if every:
        probabilities = frame[every].to_numpy()
    elif window.probabilities:
        probabilities = np.asarray(frame[SCORE], dtype=float)
    return metrics.classification(truth, predicted, window.classes, probabilities)
