"""Great Expectations on a stored dataset, batch by batch, for expectations that judge each cell by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.expectations import Expectation
from airflow_mlops.core.records import DatasetRef
from airflow_mlops.data.validation import Outcome, Terms, evaluate
from airflow_mlops.data.validation.limits import BETWEEN, BOUNDS
from airflow_mlops.data.validation.outcome import EXAMPLES, counted

MOST_ROWS = 1 << 18
"""Up to this number of rows a dataset is checked at once."""

Batches = Callable[[Sequence[str]], Iterator[pd.DataFrame]]
_PLAIN: Final = {"column", "mostly", "severity"}
_STRICT: Final = {"strict_min", "strict_max"}
_OF_ALL: Final = {"expect_column_values_to_not_be_null", "expect_column_values_to_be_null"}
_ARGUMENTS: Final[Mapping[str, set[str]]] = {
    **{name: set() for name in _OF_ALL},
    BETWEEN: {*BOUNDS, *_STRICT},
    "expect_column_values_to_be_in_set": {"value_set"},
    "expect_column_values_to_not_be_in_set": {"value_set"},
    "expect_column_values_to_match_regex": {"regex"},
    "expect_column_values_to_not_match_regex": {"regex"},
    "expect_column_value_lengths_to_be_between": {*BOUNDS, *_STRICT},
    "expect_column_value_lengths_to_equal": {"value"},
}
_BY_ROWS: Final = ("object", "category")
"""Types of columns of which only all rows say what the cells are."""


@dataclass
class _Sums:
    """What the batches of one expectation have found."""

    present: int = 0
    bad: int = 0
    cells: list[str] = field(default_factory=list)
    positions: list[np.ndarray[Any, Any]] | None = field(default_factory=list)
    whole: bool = True
    """Whether it can be judged by its batches."""


def by_batches(
    dataset: DatasetRef, items: Mapping[int, Expectation], terms: Terms, batches: Batches
) -> dict[int, Outcome]:
    """Return the outcomes of those expectations that judge each cell by itself, by number.

    :param batches: returns the rows with the named columns, batch by batch.

    Raises what ``evaluate`` raises.
    """
    chosen = {number: item for number, item in items.items() if _judges_cells(dataset, item)}
    if not chosen:
        return {}
    # Every bad row of a batch is a failure of it; the share is judged at the end.
    strict = {
        number: replace(item, arguments={**item.arguments, "mostly": 1.0}) for number, item in chosen.items()
    }
    sums = {number: _Sums() for number in chosen}
    columns = list(dict.fromkeys(str(item.arguments["column"]) for item in chosen.values()))
    rows = 0
    for frame in batches(columns):
        outcomes = evaluate(frame, list(strict.values()), replace(terms, parameters={}))
        for number, outcome in zip(strict, outcomes, strict=True):
            _add(sums[number], outcome, frame[str(chosen[number].arguments["column"])], rows, terms.most)
        rows += len(frame)
    return {
        number: _judged(item, sums[number], rows, terms)
        for number, item in chosen.items()
        if sums[number].whole
    }


def _judges_cells(dataset: DatasetRef, item: Expectation) -> bool:
    """Whether the verdict on a cell depends on the cell alone, and the share is a plain one."""
    known, mostly = _ARGUMENTS.get(item.name), item.arguments.get("mostly", 1)
    if known is None or not set(item.arguments) <= _PLAIN | known:
        return False
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 <= mostly <= 1:
        return False
    return dataset.columns.get(str(item.arguments.get("column")), "object") not in _BY_ROWS


def _add(sums: _Sums, outcome: Outcome, values: pd.Series, before: int, most: int) -> None:
    sums.present += int(values.notna().sum())
    failure = outcome.failure
    if failure is None:
        return
    if failure.rows is None:  # about the column as a whole
        sums.whole = False
        return
    sums.bad += failure.rows
    sums.cells += failure.examples[: EXAMPLES - len(sums.cells)]
    if outcome.rows is None or sums.bad > most:
        sums.positions = None
    elif sums.positions is not None:
        sums.positions.append(outcome.rows + before)


def _judged(item: Expectation, sums: _Sums, rows: int, terms: Terms) -> Outcome:
    judged = rows if item.name in _OF_ALL else sums.present
    holds = judged == 0 or (judged - sums.bad) / judged >= item.arguments.get("mostly", 1)
    outcome = counted(
        item, holds=holds, bad=sums.bad, of=rows, cells=sums.cells, samples=terms.samples, are_cut=True
    )
    if holds or not terms.most or sums.positions is None:
        return outcome
    return replace(outcome, rows=np.concatenate(sums.positions))
