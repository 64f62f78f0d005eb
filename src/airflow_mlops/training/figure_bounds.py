"""The 95 % interval of one figure of a model, from resampled entities or rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from airflow_mlops.core.errors import MlopsError
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.bootstrap import paired_bootstrap
from airflow_mlops.training.core.units import Units, by_class

Bounds = tuple[float, float]

LEAST_DRAWS: Final = 50
_MOST_CELLS: Final = 20_000_000
_MOST_DRAWS: Final = 500


def bounds(name: str, outcome: metrics.Outcome, units: Units, draws: int = _MOST_DRAWS) -> Bounds | None:
    """Return the interval of a metric, None where there is none: one class only, fewer than 30 units.

    At most ``draws`` resamples, fewer on many rows and 50 of a metric that is computed elsewhere, so that the
    time is bounded. Rows with a label that the model does not know do not count.
    """
    if outcome.unknown_rows:
        outcome, units = outcome.part(outcome.known), units.part(outcome.known)
    if not outcome.rows:
        return None
    affordable = int(np.clip(_MOST_CELLS // outcome.rows, LEAST_DRAWS, draws))
    strata = by_class(outcome.truth, units) if metrics.facts(name).by_class else None
    codes = None if units.are_rows else units.codes
    try:
        found = paired_bootstrap(
            metrics.statistic(name, outcome),
            lambda _: 0.0,
            outcome.rows,
            units=codes,
            strata=strata,
            draws=LEAST_DRAWS if metrics.facts(name).by else affordable,
        )
    except MlopsError:
        return None
    return (found.low, found.high) if found.is_sound else None
