"""Expectations of a pipeline file, checked on rows.

A verdict depends on the rows alone: not on which columns were read beside those that are asked about, nor
on how a time or a number is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.expectations import TYPE, Expectation, expand
from airflow_mlops.core.records import Failure
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.data.validation import great_expectations as gx
from airflow_mlops.data.validation.columns import Columns
from airflow_mlops.data.validation.limits import Bound, bind, evaluated
from airflow_mlops.data.validation.outcome import Outcome, cut, failed
from airflow_mlops.data.validation.types import check_type

__all__ = ["Broken", "Expectation", "Outcome", "Terms", "broken", "check", "evaluate", "expand", "find"]

_EXISTS: Final = "expect_column_to_exist"
_OF_COLUMNS: Final = ("expect_table_column", _EXISTS)
_OF_COUNT: Final = "expect_table_row_count"


@dataclass(frozen=True)
class Terms:
    """How expectations are checked.

    ``most`` asks for the positions of rows where at most this many break an expectation. Without
    ``samples`` nothing quotes a cell. ``parameters`` are the values of ``$PARAMETER``. Modules in the folder
    ``base`` may have own classes.
    """

    most: int = 0
    samples: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    base: Path = Path()


@dataclass(frozen=True, eq=False)
class Broken:
    """A failed expectation, and the positions of the rows that break it where they were asked for."""

    failure: Failure
    rows: np.ndarray[Any, Any] | None = None


def check(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> tuple[Failure, ...]:
    """Return the expectations that ``frame`` does not meet; raises what ``evaluate`` raises."""
    return tuple(item.failure for item in find(frame, expectations))


def find(frame: pd.DataFrame, expectations: Sequence[Expectation], *, most: int = 0) -> tuple[Broken, ...]:
    """Return the expectations that ``frame`` does not meet, with rows for those that few rows break.

    :param most: positions are returned for expectations that at most this many rows break; 0 for none.

    Raises what ``evaluate`` raises.
    """
    return broken(evaluate(frame, expectations, Terms(most=most)))


def broken(outcomes: Sequence[Outcome]) -> tuple[Broken, ...]:
    """Return what does not hold."""
    return tuple(Broken(item.failure, item.rows) for item in outcomes if item.failure is not None)


@gx.quiet()
def evaluate(
    frame: pd.DataFrame, expectations: Sequence[Expectation], terms: Terms | None = None
) -> tuple[Outcome, ...]:
    """Return what each expectation found, in their order.

    A column that does not exist is a failure of its own. Raises ConfigError when Great Expectations does
    not know an expectation or an argument, or cannot evaluate it.

    >>> rows = pd.DataFrame({"age": [30, -5, 41]})
    >>> [outcome] = evaluate(rows, expand([{"column": "age", "min": 0}]))
    >>> outcome.failure.detail
    '1 of 3 rows, e.g. -5 (expected min_value=0)'
    """
    terms = terms or Terms()
    columns = Columns(frame.reset_index(drop=True))
    outcomes: dict[int, Outcome] = {}
    checks = _Checks(columns, terms)
    for number, written in enumerate(expectations):
        item = evaluated(written, terms.parameters)
        if item.name != TYPE:
            gx.build(item, terms.base)  # a fault in the file is reported whatever the rows are
        found = without_values(item, columns)
        if found is None:
            bound = bind(item, columns, samples=terms.samples)
            if bound.mismatch:
                found = failed(Outcome(item), bound.mismatch)
            else:
                checks.add(number, item, bound)
        if found is not None:
            outcomes[number] = found
    outcomes |= checks.outcomes()
    return tuple(outcomes[number] for number in range(len(expectations)))


def without_values(item: Expectation, columns: Columns) -> Outcome | None:
    """Return the outcome of an expectation on a column that does not exist, or on a type."""
    absent = [column for column in item.columns if column not in columns.names]
    if absent and item.name != _EXISTS:
        hint = did_you_mean(absent[0], columns.names)
        text = f"the data has no column {cut(absent[0])!r}{hint}"
        failure = Failure(item.name, cut(absent[0]), text, severity=item.severity)
        return Outcome(item, failure, text)
    return check_type(columns, item) if item.name == TYPE else None


class _Checks:
    """Expectations for Great Expectations, by the frame that they are checked on."""

    def __init__(self, columns: Columns, terms: Terms) -> None:
        self._columns, self._terms = columns, terms
        self._items: dict[int, Expectation] = {}
        self._natives: dict[str, list[Any]] = {}
        self._wanted: dict[str, dict[str, pd.Series]] = {}

    def add(self, number: int, item: Expectation, bound: Bound) -> None:
        """Take an expectation with what it compares."""
        native = gx.build(item, self._terms.base, bound.arguments, number)
        view = self._view(item, native, bound)
        self._items[number] = item
        self._natives.setdefault(view, []).append(native)
        read = {name: self._columns.frame[name] for name in item.columns if name in self._columns.names}
        self._wanted.setdefault(view, {}).update({**read, **bound.columns})

    def _view(self, item: Expectation, native: Any, bound: Bound) -> str:
        """Return the name of the frame that an expectation is checked on."""
        if item.name.startswith(_OF_COLUMNS):
            return "columns"
        if item.name.startswith(_OF_COUNT) and "other" not in item.name:
            return "count"
        known = type(native).__module__.startswith(gx.CORE)
        by_column = known and item.columns and not item.arguments.get("row_condition")
        return bound.view if by_column else f"whole {bound.view}"

    def outcomes(self) -> dict[int, Outcome]:
        """Check them all; returns the outcomes by number."""
        found: dict[int, Outcome] = {}
        if not self._natives:
            return found
        batches = gx.Batches()
        for view, natives in self._natives.items():
            for number, result in batches.check(self._frame(view), natives, self._terms.most).items():
                found[number] = self._outcome(self._items[number], result)
        return found

    def _frame(self, view: str) -> pd.DataFrame:
        frame = self._columns.frame
        if view == "columns":
            return frame.iloc[:0]
        if view == "count":
            return frame.iloc[:, :1]
        if view.startswith("whole"):
            return frame.assign(**self._wanted[view])
        return pd.DataFrame(self._wanted[view], copy=False)

    def _outcome(self, item: Expectation, result: Any) -> Outcome:
        cells = self._cells(item, result.result) if gx.by_row(result.result) else None
        outcome = gx.outcome_of(item, result, cells, samples=self._terms.samples)
        rows = result.meta.get("rows")
        return outcome if rows is None else replace(outcome, rows=rows)

    def _cells(self, item: Expectation, seen: Mapping[str, Any]) -> Sequence[Any] | None:
        """Return examples as they are in the data, not as they were compared; None if not known."""
        places = seen.get("partial_unexpected_index_list")
        names = item.columns
        if places and names:
            rows = self._columns.frame[list(names)].iloc[list(places)]
            return list(rows[names[0]]) if len(names) == 1 else list(rows.itertuples(index=False, name=None))
        return None
