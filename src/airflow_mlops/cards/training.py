"""Everything that a card is drawn from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from airflow_mlops.cards.importances import Importances
from airflow_mlops.core.records import Evaluation, FeatureSet, SliceCheck, SliceComparison
from airflow_mlops.training.core.metrics import Outcome

_LONGEST: Final = 40
_QUOTED: Final = r"'[^']*'|\"[^\"]*\""


@dataclass(frozen=True, eq=False, kw_only=True)
class Training:
    """A training that was judged: its records, what the model says of the hold-out, and its MLflow run.

    ``classes`` are the labels in the order of ``outcome``, empty for numbers; ``intervals`` the 95 % bounds
    of each metric, from resampled ``unit``;
    ``params``, ``scores`` and ``tags`` those of the run. ``importances`` is None when they
    could not be computed, and ``no_importances`` says why. Without ``samples`` no cell of the data is shown:
    no class, no value of a slice. ``champion`` is what the champion says of the rows that it has not learned.
    """

    pipeline: str
    when: datetime
    evaluation: Evaluation
    features: FeatureSet
    outcome: Outcome
    classes: tuple[str, ...] = ()
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    unit: str = "rows"
    params: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    importances: Importances | None = None
    no_importances: str = ""
    function: str = ""
    target: str = ""
    samples: bool = True
    champion: Outcome | None = None

    @property
    def positive(self) -> str:
        """The class that curves and shares are about, quoted."""
        return self.name_of(1)

    def name_of(self, index: int) -> str:
        """Return the name of a class, or its number where cells are not shown."""
        if self.samples and index < len(self.classes):
            return f"“{cut(self.classes[index])}”"
        return f"class {index + 1}"

    def slice_name(self, item: SliceCheck | SliceComparison) -> str:
        """Return the name of a slice, with the number of its value where cells are not shown."""
        if self.samples:
            return f"{cut(item.column, 20)} = {cut(item.value, 24)}"
        same = [other.value for other in self._slices_of(item.column)]
        return f"{cut(item.column, 20)}, value {same.index(item.value) + 1}"

    def _slices_of(self, column: str) -> list[SliceCheck | SliceComparison]:
        """Return the values of a column, in the order of those that are held against limits of their own."""
        found = {item.value: item for item in self._all_slices if item.column == column}
        return list(found.values())

    @property
    def _all_slices(self) -> list[SliceCheck | SliceComparison]:
        return [*self.evaluation.slices, *self.evaluation.against_slices]

    def shown(self, text: str, most: int = 300) -> str:
        """Return a sentence of a record, cut; without samples free of slices' values and quotes."""
        if not self.samples:
            for item in self._all_slices:
                text = text.replace(f"{item.column}={item.value} ", f"{self.slice_name(item)} ")
            text = re.sub(_QUOTED, "…", text)
        return cut(text, most)

    @property
    def metric(self) -> str:
        """The first metric."""
        return next(iter(self.evaluation.metrics), "")


def cut(text: object, most: int = _LONGEST) -> str:
    """Return a text that fits into a card.

    >>> cut("a very long name of a class", 10)
    'a very lo…'
    """
    found = " ".join(str(text).split())
    return found if len(found) <= most else f"{found[: most - 1]}…"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    >>> count(1, "row"), count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
