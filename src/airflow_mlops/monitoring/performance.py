"""Realised quality of a scored window, once its labels are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from airflow_mlops.config.models import Performance
from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.positive_class import positive_place
from airflow_mlops.core.records import PerformanceReport, ScoredWindow
from airflow_mlops.data.datasets import read_dataset
from airflow_mlops.monitoring.champion import PREDICTION, SCORE, probability_column
from airflow_mlops.storage.locations import PLAIN_STORAGE, Storage
from airflow_mlops.training.assessment import class_of
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
    scoring: metrics.Scoring = metrics.AS_THEY_ARE,
) -> PerformanceReport:
    """Return the metrics of ``section.require`` over the labelled rows, each held against its limit.

    :param labelled: how many rows of the window have a label.
    :param truth: gives the label of each row, missing where there is none; not called for too few labels.
    :param storage: where the window's rows are opened.
    :param waits: a window below ``min_labels`` is ``waiting``, since it will be scanned again.
    :param scoring: the positive class, and the share of rows whose label may be unknown.

    ``insufficient`` when fewer than ``min_labels`` of the rows or fewer than 500 rows have a label, or
    when the rows do not define a metric (labels of one class, no row of the positive one): nothing is
    computed then, nor when the model's answers are no predictions at all, which ``answer_fault`` says. Rows
    with an unknown label do not count and are named in ``label_faults``. Raises ConfigError for a metric that
    is unknown or does not fit the model, UnknownLabels for more of them than ``scoring`` allows.
    """
    task = metrics.CLASSIFICATION if window.classes else metrics.REGRESSION
    for name in section.require:
        metrics.facts(name, task)
    rows, found = window.dataset.rows, _Figures()
    complete = labelled >= section.min_labels * rows
    if complete and labelled >= MIN_ROWS:
        found = _figures(section, lambda: _outcome(window, truth(), storage, scoring))
    outcome = found.outcome
    checks = tuple(check(name, value, section.require[name]) for name, value in found.values.items())
    judged = "ok" if all(item.passed for item in checks) else "decay"
    unjudged = "waiting" if waits and not complete else "insufficient"
    return PerformanceReport(
        start=window.start,
        end=window.end,
        model_version=window.model_version,
        rows=labelled,
        metrics=found.values,
        checks=checks,
        verdict=unjudged if outcome is None else judged,
        window_rows=rows,
        scored_at=None if outcome is None else window.end,
        label_faults=_left_out(outcome),
        answer_fault=found.fault,
        of_class="" if outcome is None else class_of(outcome),
    )


@dataclass(frozen=True)
class _Figures:
    """The metrics of an outcome; without an outcome none, and ``fault`` if the answers are at fault."""

    outcome: metrics.Outcome | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""


def _figures(section: Performance, outcome_of: Callable[[], metrics.Outcome]) -> _Figures:
    """Return the metrics of ``section.require``; raises UnknownLabels for too many unknown labels."""
    try:
        outcome = outcome_of()
        return _Figures(outcome, metrics.compute(section.require, outcome))
    except metrics.UnknownLabels:
        raise
    except metrics.UndefinedMetric:
        return _Figures()
    except DataRejected as error:
        return _Figures(fault=str(error))


def _left_out(outcome: metrics.Outcome | None) -> tuple[str, ...]:
    if outcome is None or not outcome.unknown_rows:
        return ()
    named = f" ({outcome.unknown_labels})" if outcome.unknown_labels else ""
    return (
        f"{outcome.unknown_rows:,} of {outcome.rows:,} labels{named}, which the model was not trained on; "
        "these rows do not count",
    )


def _outcome(
    window: ScoredWindow, truth: pd.Series, storage: Storage, scoring: metrics.Scoring
) -> metrics.Outcome:
    """Read the predictions of the labelled rows."""
    every = [
        name for name in map(probability_column, range(len(window.classes))) if name in window.dataset.columns
    ]
    known = truth.notna().to_numpy()
    frame = read_dataset(window.dataset, [SCORE, PREDICTION, *every], storage)[known]
    labels, predicted = truth[known].to_numpy(), frame[PREDICTION].to_numpy()
    if not window.classes:
        return metrics.regression(labels, predicted, scoring)
    probabilities = None
    if every:
        probabilities = frame[every].to_numpy()
    elif window.probabilities:
        probabilities = _both(window, np.asarray(frame[SCORE], dtype=float))
    if scoring.positive is None:  # the file does not say it, or did not when the champion was trained
        scoring = replace(scoring, positive=window.positive)
    return metrics.classification(labels, predicted, window.classes, probabilities, scoring)


def _both(window: ScoredWindow, score: np.ndarray) -> np.ndarray:
    """Return the probabilities of both classes, shape (rows, 2), in the order of the model."""
    place = positive_place(window.classes, window.positive)
    return np.column_stack([score, 1 - score] if place == 0 else [1 - score, score])
