"""How long after its prediction a label came: the classes in which servers count and rollouts judge."""

from __future__ import annotations

from bisect import bisect_left
from itertools import product
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
AGES: Final = (
    *(1, 2, 3, 5, 8, 10, 15, 20, 30, 45),
    *(unit * count for unit, count in product((_MINUTE,), (1, 1.5, 2, 3, 5, 8, 10, 15, 20, 30, 45))),
    *(unit * count for unit, count in product((_HOUR,), (1, 1.5, 2, 3, 4, 6, 8, 12, 18))),
    *(unit * count for unit, count in product((_DAY,), (1, 1.5, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90))),
)
"""Seconds; a label is counted with the smallest of these that is not below its age."""
TOO_OLD: Final = 1e9
"""What stands for a label that is older than all of them."""
NUMBER: Final = "#number"
"""What stands for the predicted class where the prediction is a number that is not whole."""


def age_class(seconds: float) -> float:
    """Return the smallest age class that is not below an age in seconds, which may be negative.

    >>> age_class(-5), age_class(1), age_class(100), age_class(3600), age_class(1e8)
    (1.0, 1.0, 120.0, 3600.0, 1000000000.0)
    """
    place = bisect_left(AGES, seconds)
    return float(AGES[place]) if place < len(AGES) else TOO_OLD
