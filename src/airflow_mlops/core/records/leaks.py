"""What the leak probe found in the features of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MEASURES: Final[Mapping[str, str]] = {
    "roc_auc": "AUC",
    "error_reduction": "share of errors removed",
    "r2": "R²",
}
"""What a single column is scored by: two classes, more classes, numbers."""
_LISTED: Final = 10


@dataclass(frozen=True)
class Leak:
    """A feature that tells the target by itself.

    ``kind`` is ``copy`` (one-to-one with the target), ``predicts`` (alone better than an honest feature is)
    or ``gaps`` (whether it has a value tells the class); ``detail`` says how.
    """

    column: str
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.column} {self.detail}"


@dataclass(frozen=True)
class LeakProbe:
    """Each feature alone against the target, on rows that its rule was not made from.

    ``measure`` is a key of ``MEASURES``; ``strongest`` is the column with the largest ``score``, empty when
    none could be scored. ``rows`` training rows were looked at. ``allowed`` columns were not reported.
    """

    measure: str
    rows: int
    columns: int
    strongest: str = ""
    score: float = 0.0
    leaks: tuple[Leak, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The suspected leaks in one sentence with the next step; empty for none."""
        if not self.leaks:
            return ""
        more = len(self.leaks) - _LISTED
        shown = "; ".join(map(str, self.leaks[:_LISTED])) + (f"; and {more:,} more" if more > 0 else "")
        many = "a possible leak" if len(self.leaks) == 1 else f"{len(self.leaks):,} possible leaks"
        return (
            f"{many} of the target: {shown}. Drop a column that is not known before the event "
            "(data.columns.drop, or the feature function); name one that is in evaluate.leaks.allow"
        )
