"""What one expectation found, in words: counts, bounded examples, what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from airflow_mlops.config.expectations import COLUMN_ARGUMENTS, Expectation
from airflow_mlops.core.records import Failure

CELL: Final = 200
"""Characters of a cell, a limit or an observed value that a record, a log or a page quotes."""
EXAMPLES: Final = 20
"""Cells that are quoted for one expectation."""

_IN_TEXT: Final = 3
_GAPS: Final = frozenset({"None", "nan", "NaT", "<NA>"})
_NOT_LIMITS: Final = (
    *COLUMN_ARGUMENTS, "batch_id", "severity", "meta", "id", "notes", "description",
)  # fmt: skip
_COUNTED: Final = ("_count_", "_proportion_", "expect_table_")
"""Parts of the names of expectations that observe a count or a share, and no value of a cell."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an expectation found.

    ``failure`` is None when it holds, ``observed`` says what was seen, ``limits`` what was expected;
    ``rows`` are the positions of the rows that break it, where they were asked for.
    """

    item: Expectation
    failure: Failure | None = None
    observed: str = ""
    limits: str = ""
    rows: np.ndarray[Any, Any] | None = None


def counted(
    item: Expectation,
    *,
    holds: bool,
    bad: int,
    of: int,
    cells: Iterable[Any] = (),
    samples: bool = True,
    are_cut: bool = False,
) -> Outcome:
    """Return the outcome of an expectation that ``bad`` of ``of`` rows break.

    :param are_cut: whether the cells are examples of other outcomes already.
    """
    shown = tuple(cell if are_cut else cut(cell) for cell in cells)[:EXAMPLES] if samples else ()
    shown = () if set(shown) <= _GAPS else shown
    examples = list(dict.fromkeys(shown))[:_IN_TEXT]
    text = f"{bad:,} of {of:,} rows" + (f", e.g. {', '.join(examples)}" if examples else "")
    outcome = Outcome(item, observed=f"{bad:,} of {of:,} rows break it" if bad else "no row breaks it")
    return _limited(outcome) if holds else failed(outcome, text, rows=bad, examples=shown)


def observed(item: Expectation, value: Any, *, holds: bool, samples: bool = True) -> Outcome:
    """Return the outcome of an expectation about a column or table as a whole."""
    quoted = value is not None and (samples or any(part in item.name for part in _COUNTED))
    text = f"observed {plain(value)}" if quoted else "not met"
    outcome = Outcome(item, observed=text if quoted else "")
    return _limited(outcome) if holds else failed(outcome, text)


def failed(
    outcome: Outcome, text: str, *, rows: int | None = None, examples: tuple[str, ...] = ()
) -> Outcome:
    """Return the outcome with a failure whose detail is ``text`` and what was expected."""
    item, limits = outcome.item, limits_of(outcome.item)
    columns = ", ".join(map(cut, item.columns)) or None
    detail = f"{text} (expected {limits})" if limits else text
    failure = Failure(item.name, columns, detail, rows, item.severity, examples)
    return replace(outcome, failure=failure, observed=outcome.observed or text, limits=limits)


def limits_of(item: Expectation) -> str:
    """Return the arguments of an expectation without its columns, as ``min_value=0, max_value=110``."""
    arguments: Mapping[str, Any] = item.arguments
    return ", ".join(
        f"{key}={plain(value)}"
        for key, value in arguments.items()
        if key not in _NOT_LIMITS and value is not None
    )


def plain(value: Any) -> str:
    """Return a limit or an observed value as text of bounded length."""
    return f"{value:,.6g}" if isinstance(value, float) else cut(value)


def cut(value: Any) -> str:
    r"""Return a value as one line of at most ``CELL`` characters and the length of the rest.

    >>> cut("a\nb"), cut("x" * 1000)[-20:]
    ('a\\nb', '… (1,000 characters)')
    """
    text = str(value)
    line = text[:CELL].replace("\r", "\\r").replace("\n", "\\n")
    return line if len(text) <= CELL else f"{line}… ({len(text):,} characters)"


def _limited(outcome: Outcome) -> Outcome:
    return replace(outcome, limits=limits_of(outcome.item))
