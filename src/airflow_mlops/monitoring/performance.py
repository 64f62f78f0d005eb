"""Realised quality of a scored window, once its labels are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Performance
from airflow_mlops.core.records import PerformanceReport, ScoredWindow
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.monitoring.champion import PREDICTION, SCORE, probability_column
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.gates import check

MIN_ROWS: Final = 500


def compute(
    section: Performance,
    window: ScoredWindow,
    *,
    labelled: int,
    truth: Callable[[], pd.Series],
    waits: bool = False,
    storage: Storage = PLAIN_STORAGE,
    samples: bool = True,
) -> PerformanceReport:
    """Return the metrics of ``section.require`` over the labelled rows, each held against its limit.

    :param labelled: how many rows of the window have a label.
    :param truth: gives the label of each row, missing where there is none; not called for too few labels.
    :param storage: where the window's rows are opened.
    :param samples: whether errors may name labels.
    :param waits: a window below ``min_labels`` is ``waiting``, since it will be scanned again.

    ``insufficient`` when fewer than ``min_labels`` of the rows or fewer than 500 rows have a label, or
    when the labels are all of one class and a metric needs two: nothing is computed then. Raises
    ConfigError for a metric that is unknown or does not fit the model, DataRejected for labels that the
    model does not know.
    """
    task = metrics.CLASSIFICATION if window.classes else metrics.REGRESSION
    needed = [metrics.facts(name, task) for name in section.require]
    rows, outcome = window.dataset.rows, None
    complete = labelled >= section.min_labels * rows
    if complete and labelled >= MIN_ROWS:
        outcome = _outcome(window, truth(), storage, samples=samples)
        if any(metric.needs_probability for metric in needed) and len(set(outcome.truth.tolist())) < 2:
            outcome = None
    values = {} if outcome is None else metrics.compute(section.require, outcome)
    checks = tuple(check(name, value, section.require[name]) for name, value in values.items())
    judged = "ok" if all(item.passed for item in checks) else "decay"
    unjudged = "waiting" if waits and not complete else "insufficient"
    return PerformanceReport(
        start=window.start,
        end=window.end,
        model_version=window.model_version,
        rows=labelled,
        metrics=values,
        checks=checks,
        verdict=unjudged if outcome is None else judged,
        window_rows=rows,
        scored_at=None if outcome is None else window.end,
    )


def _outcome(window: ScoredWindow, truth: pd.Series, storage: Storage, *, samples: bool) -> metrics.Outcome:
    """Read the predictions of the labelled rows."""
    every = [
        name for name in map(probability_column, range(len(window.classes))) if name in window.dataset.columns
    ]
    known = truth.notna().to_numpy()
    frame = read_dataset(window.dataset, [SCORE, PREDICTION, *every], storage)[known]
    labels, predicted = truth[known].to_numpy(), frame[PREDICTION].to_numpy()
    if not window.classes:
        return metrics.regression(labels, predicted)
    probabilities = None
    if every:
        probabilities = frame[every].to_numpy()
    elif window.probabilities:
        probabilities = np.asarray(frame[SCORE], dtype=float)
    return metrics.classification(labels, predicted, window.classes, probabilities, samples=samples)
