"""What was put before an estimator: part of the record of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_SHOWN: Final = 20
_TITLES: Final = {
    "numbers": "numbers",
    "flags": "booleans",
    "dates": "parts of dates",
    "one_hot": "one-hot",
    "ordinal": "ordinal",
    "categories": "categories of the estimator",
    "target_mean": "target encoding",
    "words": "TF-IDF",
    "as_is": "unchanged",
}


@dataclass(frozen=True)
class Preprocessing:
    """Steps before an estimator: columns by step, and notes about what was left out. Empty: there are none.

    ``parts`` are those of dates by column. ``scale`` is how numbers are scaled, ``sparse`` whether words and
    levels are a sparse matrix, ``max_levels`` how many levels one-hot tells apart.
    """

    steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scale: str = ""
    sparse: bool = False
    max_levels: int = 0

    def __bool__(self) -> bool:
        return bool(self.steps or self.left_out)

    @property
    def description(self) -> tuple[str, ...]:
        """Return one text per step, such as ``one-hot: cabin, deck``.

        >>> Preprocessing({"one_hot": ("cabin", "deck")}, left_out=("ticket",)).description
        ('one-hot: cabin, deck', 'left out: ticket')
        """
        texts = [f"{_TITLES[step]}: {_listed(names)}" for step, names in self.steps.items()]
        if self.scale and "numbers" in self.steps:
            texts.append("numbers are scaled")
        return (*texts, *([f"left out: {_listed(self.left_out)}"] if self.left_out else []))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
