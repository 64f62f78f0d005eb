"""The gate within parts of the hold-out: every value of a column must hold its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Evaluate
from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import Check, SliceCheck
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.training.core import gates, metrics
from airflow_mlops.training.core.bootstrap import LEAST_UNITS
from airflow_mlops.training.core.units import Units
from airflow_mlops.training.figure_bounds import bounds

_MOST_VALUES: Final = 100
_GAP: Final = "(missing)"
_MOST_INTERVALS: Final = 60
_DRAWS: Final = 200


def judge(
    rows: pd.DataFrame, outcome: metrics.Outcome, section: Evaluate, units: Units
) -> tuple[SliceCheck, ...]:
    """Hold each value of the columns in ``evaluate.slices`` against its limits.

    ``rows`` are the raw hold-out rows in the order of ``outcome`` and ``units``; gaps are a value of their
    own. The figure decides; its interval, of the 60 largest slices, shows how far chance can move it. A value
    with fewer than ``min_slice_rows`` rows or 30 entities, or on which a metric is undefined or an average
    lacks a class, is reported and not judged.
    Raises ConfigError for a column that is not there or has more than 100 values.
    """
    found = [
        item
        for column, limits in section.slices.items()
        for item in _column(rows, outcome, column, limits, section.min_slice_rows, units)
    ]
    largest = sorted((item for item in found if item.checks), key=lambda item: -item.rows)[:_MOST_INTERVALS]
    chosen = {(item.column, item.value) for item in largest}
    labels = {column: slice_labels(rows[column]) for column in section.slices}
    return tuple(
        replace(item, checks=_with_intervals(item.checks, outcome, units, labels[item.column] == item.value))
        if (item.column, item.value) in chosen
        else item
        for item in found
    )


def too_small(rows: int, units: Units, least: int) -> str:
    """Return why a slice is too small to be judged, empty when it is not.

    Rows of one entity are alike: 30 entities are needed too, or as many as the rows where fewer rows are
    asked for.
    """
    if rows < least:
        return f"fewer than {least} rows"
    entities = min(LEAST_UNITS, least)
    return f"fewer than {entities} {units.what}" if units.count < entities else ""


def _with_intervals(
    checks: tuple[Check, ...], outcome: metrics.Outcome, units: Units, mask: NDArray[Any]
) -> tuple[Check, ...]:
    part, own = outcome.part(mask), units.part(mask)
    ends = ((check, bounds(check.name, part, own, _DRAWS)) for check in checks)
    return tuple(replace(check, low=found[0], high=found[1]) if found else check for check, found in ends)


def checked_labels(rows: pd.DataFrame, column: str, key: str) -> NDArray[Any]:
    """Return ``slice_labels`` of a column that the key ``key`` of the pipeline file names.

    Raises ConfigError when the column is not there or has more than 100 values.
    """
    if column not in rows:
        hint = did_you_mean(column, map(str, rows.columns))
        raise ConfigError(f"{key}: the hold-out has no column {column!r}{hint}")
    labels = slice_labels(rows[column])
    if (count := len(np.unique(labels))) > _MOST_VALUES:
        raise ConfigError(f"{key}: {column} has {count:,} values: name a column with at most {_MOST_VALUES}")
    return labels


def slice_labels(values: pd.Series) -> NDArray[Any]:
    """Return the value of each row as the text that names its slice, shape (rows,)."""
    labels: NDArray[Any] = values.astype(object).where(values.notna(), _GAP).astype(str).to_numpy()
    return labels


def _column(
    rows: pd.DataFrame,
    outcome: metrics.Outcome,
    column: str,
    limits: Mapping[str, str],
    least: int,
    units: Units,
) -> Iterator[SliceCheck]:
    labels = checked_labels(rows, column, "evaluate.slices")
    for value in np.unique(labels):
        mask: NDArray[Any] = labels == value
        count = int(mask.sum())
        if small := too_small(count, units.part(mask), least):
            yield SliceCheck(column, str(value), count, skipped=small)
            continue
        part = outcome.part(mask)
        if metrics.lowered_averages(limits, part):  # a limit that no model could hold here
            yield SliceCheck(column, str(value), count, skipped=metrics.unseen_classes(limits, part))
            continue
        try:
            figures = metrics.compute(limits, part)
        except DataRejected as error:
            yield SliceCheck(column, str(value), count, skipped=str(error))
            continue
        checks = tuple(gates.check(name, figures[name], limit) for name, limit in limits.items())
        yield SliceCheck(column, str(value), count, checks)
