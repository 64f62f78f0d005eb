"""The intervals that a card shows beside the figures on the hold-out."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.units import Units
from airflow_mlops.training.figure_bounds import Bounds, bounds


def of_figures(names: Iterable[str], outcome: metrics.Outcome, units: Units) -> dict[str, Bounds]:
    """Return the 95 % interval of each metric, without those that have none; entities are resampled whole."""
    found = {name: bounds(name, outcome, units) for name in names}
    return {name: ends for name, ends in found.items() if ends is not None}
