"""Figures held against limits and against another model, of a hold-out and of its slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NOT_WORSE: Final = "not_worse"
WORSE: Final = "worse"
INCONCLUSIVE: Final = "inconclusive"


@dataclass(frozen=True)
class Check:
    """One limit held against one figure, such as ``roc_auc`` 0.71 against ``>= 0.6``.

    The figure decides; ``low`` and ``high`` bound it with 95 % confidence, None where that is not known.
    """

    name: str
    value: float
    limit: str
    passed: bool
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion on the same rows, larger is better, with a bootstrap interval.

    ``outcome`` is ``not_worse``, ``worse`` or ``inconclusive``. With an empty ``limit`` only a model that is
    ``worse`` is refused. ``detectable`` is the smallest difference that this hold-out shows with 80 % power,
    None where that cannot be said; ``rows`` counted, in ``units`` of ``unit``, which were resampled.
    """

    metric: str
    challenger: float
    champion: float
    difference: float
    low: float
    high: float
    limit: str
    passed: bool
    outcome: str = ""
    detectable: float | None = None
    rows: int = 0
    units: int = 0
    unit: str = "rows"

    @property
    def interval(self) -> str:
        """The difference with its interval, as text."""
        return f"{self.difference:+.3g}, 95 % interval {self.low:+.3g} to {self.high:+.3g}"


@dataclass(frozen=True)
class SliceCheck:
    """The hold-out rows with one value of a column against limits; ``skipped`` says why they were not."""

    column: str
    value: str
    rows: int
    checks: tuple[Check, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class SliceComparison:
    """The hold-out rows with one value of a column, of challenger and champion; ``skipped`` says why not.

    The intervals hold for all slices and metrics together: with 95 % confidence none of them is wrong.
    """

    column: str
    value: str
    rows: int
    comparisons: tuple[Comparison, ...] = ()
    skipped: str = ""
