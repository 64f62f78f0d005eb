"""Control of false alarms over many columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def benjamini_hochberg(p_values: Sequence[float], q: float) -> tuple[bool, ...]:
    """Say which hypotheses to reject so that at most a share ``q`` of the rejections is false.

    The step-up procedure of Benjamini and Hochberg (1995).
    """
    values = np.asarray(p_values, dtype=np.float64)
    ranked = np.sort(values)
    below = np.flatnonzero(ranked <= q * np.arange(1, values.size + 1) / values.size)
    limit = ranked[below[-1]] if below.size else -1.0
    return tuple(bool(value <= limit) for value in values)
