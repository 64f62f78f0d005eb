"""What every drift test returns, and the population stability index that is shown with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Finding:
    """One column's comparison: its effect size, its p-value, and the PSI (shown, never decisive)."""

    effect: float
    p_value: float
    psi: float


def psi(reference: npt.NDArray[Any], window: npt.NDArray[Any]) -> float:
    """Return the population stability index of two arrays of counts over the same bins.

    Half a row is added to each bin, so that an empty bin does not make it infinite; bins empty on both
    sides do not count.
    """
    used = (reference + window) > 0
    if not used.any():
        return 0.0
    expected, actual = reference[used] + 0.5, window[used] + 0.5
    expected, actual = expected / expected.sum(), actual / actual.sum()
    return float(np.sum((actual - expected) * np.log(actual / expected)))
