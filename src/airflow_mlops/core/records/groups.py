"""The records of differences between groups of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MET: Final = "met"
BEYOND: Final = "beyond"
UNCLEAR: Final = "unclear"


@dataclass(frozen=True)
class GroupRate:
    """The rate of the rows with one value of a column; ``skipped`` says why it does not count.

    ``counted`` of its ``rows`` are in the denominator of the rate.
    """

    value: str
    rows: int
    counted: int
    rate: float | None = None
    skipped: str = ""


@dataclass(frozen=True)
class GroupDifference:
    """The largest minus the smallest rate of the groups of a column, with a 95 % interval and a limit.

    ``outcome`` is ``met`` (all of the interval holds the limit), ``beyond`` (none of it does) or
    ``unclear``. The difference is None with fewer than two groups that count.
    """

    column: str
    measure: str
    limit: str
    outcome: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    rates: tuple[GroupRate, ...] = ()

    @property
    def counted(self) -> tuple[GroupRate, ...]:
        """The groups that count, the one with the largest rate first."""
        found = [item for item in self.rates if item.rate is not None]
        return tuple(sorted(found, key=lambda item: -(item.rate or 0.0)))

    @property
    def figures(self) -> str:
        """The difference with its interval, as text; empty without one."""
        if self.difference is None or self.low is None or self.high is None:
            return ""
        return f"{self.difference:.3f} [{self.low:.3f}, {self.high:.3f}]"
