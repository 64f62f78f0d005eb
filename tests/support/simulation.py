"""How many random runs a simulation makes, and what chance explains in so many.

The default is small, so that every run of the suite has them; ``SIMULATIONS=full`` makes ten times as many.
"""

from __future__ import annotations

import math
import os

_TIMES = 10 if os.environ.get("SIMULATIONS") == "full" else 1


def runs(default: int) -> int:
    """Return how many runs to make."""
    return _TIMES * default


def at_most(chance: float, tried: int) -> float:
    """Return the largest share of ``tried`` runs that a chance of ``chance`` explains: 3 standard errors."""
    return chance + 3 * _standard_error(chance, tried)


def at_least(chance: float, tried: int) -> float:
    """Return the smallest such share."""
    return chance - 3 * _standard_error(chance, tried)


def _standard_error(chance: float, tried: int) -> float:
    return math.sqrt(chance * (1 - chance) / tried)
