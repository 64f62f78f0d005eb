"""The base class of drift tests, and the population stability index that is shown with each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from airflow_mlops.monitoring.core.drift.profiles import ColumnProfile

P = TypeVar("P", bound=ColumnProfile)


@dataclass(frozen=True)
class Finding:
    """One column's comparison: its effect size, its p-value, and the PSI (shown, never decisive)."""

    effect: float
    p_value: float
    psi: float


class DriftTest(ABC, Generic[P]):
    """A test whether a column has drifted: a p-value for significance, an effect size for relevance."""

    profile: ClassVar[type[ColumnProfile]]
    """The profile of the columns that the test compares."""
    help: ClassVar[str]
    """What is tested, and by what."""
    effect: ClassVar[str]
    """What the effect size is, with its unit."""
    references: ClassVar[tuple[str, ...]]
    """Where the formulas come from."""

    @abstractmethod
    def compare(self, reference: P, window: P) -> Finding:
        """Compare a window with its reference.

        Raises ValueError when the two were not counted over the same bins, or one of them is empty.
        """

    @abstractmethod
    def fault(self, reference: P, window: P) -> str:
        """Return what is wrong with the window's values without being drift, or an empty text."""


def psi(reference: npt.NDArray[Any], window: npt.NDArray[Any]) -> float:
    """Return the population stability index of two arrays of counts over the same bins.

    Half a row is added to each bin, so that an empty bin does not make it infinite; bins empty on both
    sides do not count.

    >>> psi(np.array([50, 50]), np.array([50, 50]))
    0.0
    >>> round(psi(np.array([100, 100]), np.array([150, 50])), 3)
    0.272
    """
    used = (reference + window) > 0
    expected, actual = reference[used] + 0.5, window[used] + 0.5
    expected, actual = expected / expected.sum(), actual / actual.sum()
    return float(np.sum((actual - expected) * np.log(actual / expected)))
