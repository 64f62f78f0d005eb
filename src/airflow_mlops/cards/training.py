"""Everything that a card is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from airflow_mlops.cards.importances import Importances
from airflow_mlops.core.records import Evaluation, FeatureSet
from airflow_mlops.training.core.metrics import Outcome

_LONGEST: Final = 40


@dataclass(frozen=True, eq=False, kw_only=True)
class Training:
    """A training that was judged: its records, what the model says of the hold-out, and its MLflow run.

    ``classes`` are the labels in the order of ``outcome``, empty for numbers; ``intervals`` the 95 % bounds
    of each metric; ``params``, ``scores`` and ``tags`` those of the run. ``importances`` is None when it
    could not be computed, and ``no_importances`` says why. Without ``samples`` no cell is shown: no class,
    no value of a slice.
    """

    pipeline: str
    when: datetime
    evaluation: Evaluation
    features: FeatureSet
    outcome: Outcome
    classes: tuple[str, ...] = ()
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    importances: Importances | None = None
    no_importances: str = ""
    function: str = ""
    target: str = ""
    samples: bool = True

    @property
    def positive(self) -> str:
        """The class that curves and shares are about, quoted."""
        return self.name_of(1)

    def name_of(self, index: int) -> str:
        """Return the name of a class, or its number where cells are not shown."""
        if self.samples and index < len(self.classes):
            return f"“{cut(self.classes[index])}”"
        return f"class {index + 1}"

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
