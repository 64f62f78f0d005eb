"""Rows that are on both sides of a split: copies, of which the model has seen the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from airflow_mlops.config.models import Data
from airflow_mlops.data.core.stable_hash import of_row
from airflow_mlops.data.membership import value_hashes

_PROBE: Final = 1_000
_SAMPLE: Final = 20_000
_BY_CHANCE: Final = 0.01
_ONCE: Final = 0.005
"""What counts of a value that only the copy has."""


def repeated_rows(train: pd.DataFrame, holdout: pd.DataFrame, columns: Sequence[str]) -> int:
    """Return how many rows of the hold-out equal a training row in all of these columns, and not by chance.

    By chance is where, were the columns independent, one in a hundred such rows or more had an equal among
    the training rows: two customers with the same plan and the same number of visits are no copies.

    >>> rows = pd.DataFrame({"plan": ["a", "b"] * 50, "spend": [number / 3 for number in range(100)]})
    >>> repeated_rows(rows, rows.head(7), ["plan", "spend"]), repeated_rows(rows, rows.head(7), ["plan"])
    (7, 0)
    """
    if not columns:
        return 0
    rows = [np.arange(len(train)), np.arange(len(holdout))]
    found = [np.zeros(len(side), dtype=np.uint64) for side in rows]
    distinct = {name: _distinct(holdout[name]) for name in columns}
    for name in sorted(columns, key=lambda name: -distinct[name]):
        for side, frame in enumerate((train, holdout)):
            values = value_hashes(frame[name].iloc[rows[side]])
            found[side] = of_row({"before": found[side], "value": values})
        for side in (0, 1):  # rows that differ from all of the other side already are left out
            alike = pd.Series(found[side]).isin(found[1 - side]).to_numpy()
            rows[side], found[side] = rows[side][alike], found[side][alike]
        if not rows[1].size:
            return 0
    expected = _expected(train, holdout.iloc[rows[1]], columns)
    return int((expected < _BY_CHANCE).sum())


def _expected(train: pd.DataFrame, rows: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.float64]:
    """Return how many equals each row would have among the training rows by chance, besides its copy."""
    some = train if len(train) <= _SAMPLE else train.sample(_SAMPLE, random_state=0)
    found = np.full(len(rows), float(len(train)))
    for name in columns:
        counts = pd.Series(value_hashes(some[name])).value_counts()
        others = counts.reindex(value_hashes(rows[name]), fill_value=0).to_numpy() - 1
        found *= np.maximum(others, _ONCE) / len(some)
    return found


def note_of_repeated(train: pd.DataFrame, holdout: pd.DataFrame, data: Data) -> str:
    """Return how many hold-out rows are in the training rows as well, as a sentence; empty for none.

    The target, the keys and the event time may differ: a copy often has another number.
    """
    others = (*data.keys, data.target)
    columns = [str(name) for name in holdout.columns if name not in others]
    count = repeated_rows(train, holdout, columns)
    if not count:
        return ""
    return (
        f"{count:,} of {len(holdout):,} hold-out rows equal a training row in every column but "
        f"{', '.join(others)}: figures are too good if they are copies"
    )


def note_of_shared(train: pd.DataFrame, holdout: pd.DataFrame, entity: str | None) -> str:
    """Return how many hold-out rows are of an entity that training rows have too; empty for none."""
    if entity is None:
        return ""
    mine, theirs = (pd.Series(value_hashes(side[entity])) for side in (holdout, train))
    count = int((mine.isin(theirs) & holdout[entity].notna().to_numpy()).sum())
    if not count:
        return ""
    return f"{count:,} of {len(holdout):,} hold-out rows are of a {entity} that training rows have too"


def _distinct(values: pd.Series) -> int:
    """Return how many different values the first rows of a column have."""
    return len(np.unique(value_hashes(values.head(_PROBE))))
