"""The intervals that a card shows: of the figures on the hold-out, and of those on its slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_mlops.core.errors import MlopsError
from airflow_mlops.core.records import SliceCheck
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.bootstrap import paired_bootstrap
from airflow_mlops.training.core.units import Units, by_class
from airflow_mlops.training.slices import slice_labels

if TYPE_CHECKING:
    import pandas as pd

Bounds = tuple[float, float]

_MOST_CELLS: Final = 20_000_000
_LEAST_DRAWS: Final = 50
_MOST_DRAWS: Final = 500
_DRAWS_OF_A_SLICE: Final = 200
_MOST_SLICES: Final = 60


def of_figures(names: Iterable[str], outcome: metrics.Outcome, units: Units) -> dict[str, Bounds]:
    """Return the 95 % interval of each metric, without those that have none; entities are resampled whole.

    A large hold-out gets fewer draws, down to 50, so that the time is bounded.
    """
    draws = int(np.clip(_MOST_CELLS // max(outcome.rows, 1), _LEAST_DRAWS, _MOST_DRAWS))
    found = {
        name: _bounds(name, outcome, units, _LEAST_DRAWS if metrics.facts(name).by else draws)
        for name in names
    }
    return {name: bounds for name, bounds in found.items() if bounds is not None}


def of_slices(
    slices: Iterable[SliceCheck], rows: pd.DataFrame, outcome: metrics.Outcome, units: Units
) -> Mapping[tuple[str, str, str], Bounds]:
    """Return the 95 % interval by column, value and metric of the slices with the most rows."""
    found = {}
    largest = sorted((item for item in slices if item.checks), key=lambda item: -item.rows)[:_MOST_SLICES]
    labels = {item.column: slice_labels(rows[item.column]) for item in largest}
    for item in largest:
        mask = labels[item.column] == item.value
        part, own = outcome.part(mask), units.part(mask)
        for check in item.checks:
            bounds = _bounds(check.name, part, own, _DRAWS_OF_A_SLICE)
            if bounds is not None:
                found[item.column, item.value, check.name] = bounds
    return found


def _bounds(name: str, outcome: metrics.Outcome, units: Units, draws: int) -> Bounds | None:
    strata = by_class(outcome.truth, units) if metrics.facts(name).by_class else None
    codes = None if units.are_rows else units.codes
    try:
        statistic = metrics.statistic(name, outcome)
    except MlopsError:
        return None
    found = paired_bootstrap(statistic, lambda _: 0.0, outcome.rows, units=codes, strata=strata, draws=draws)
    return (found.low, found.high) if found.is_sound else None
