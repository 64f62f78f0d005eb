"""What a hold-out consists of, for an interval: entities or rows, and the classes that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Units:
    """The unit of each row of a hold-out.

    ``codes`` has shape (rows,) and counts from 0, in any order and without gaps; ``what`` names a unit in the
    plural, for people.
    """

    codes: NDArray[Any]
    what: str = "rows"

    @property
    def count(self) -> int:
        """Number of units."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0

    @property
    def are_rows(self) -> bool:
        """Whether each row is a unit of its own."""
        return self.count == len(self.codes)

    def part(self, mask: NDArray[Any]) -> Units:
        """Return the units of the rows where ``mask`` is true."""
        return Units(np.unique(self.codes[mask], return_inverse=True)[1], self.what)


def each_row(rows: int) -> Units:
    """Return rows that are units of their own."""
    return Units(np.arange(rows))


def by_class(truth: NDArray[Any], units: Units) -> NDArray[Any]:
    """Return the stratum of each unit, shape (units,): the rarest class that one of its rows has.

    So a draw that takes as many units of each stratum as there are has rows of every class.

    >>> by_class(np.array([0, 0, 0, 1, 0, 0]), Units(np.array([0, 0, 1, 1, 2, 2])))
    array([1, 0, 1])
    """
    classes, index, sizes = np.unique(truth, return_inverse=True, return_counts=True)
    rank = np.empty(len(classes), dtype=np.int64)
    rank[np.argsort(sizes, kind="stable")] = np.arange(len(classes))
    found = np.full(units.count, len(classes), dtype=np.int64)
    np.minimum.at(found, units.codes, rank[index])
    return found
