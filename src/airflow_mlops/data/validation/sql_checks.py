"""Common expectations as SQL, with the verdict that Great Expectations has on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.config.expectations import Expectation
from airflow_mlops.data.validation.columns import NUMBER, TEXT, TIME, is_number, stamp
from airflow_mlops.data.validation.limits import BETWEEN, BOUNDS
from airflow_mlops.data.validation.outcome import Outcome, counted, observed
from airflow_mlops.data.validation.regex import for_re2
from airflow_mlops.data.validation.sql_columns import FLOAT, SqlColumn, microseconds_of, text_literal

ROWS: Final = "checked_rows"
"""The name of the rows in SQL."""

SUBQUERY: Final = "(SELECT"
"""How a figure begins that is a query of its own, and not an aggregate."""

_ALWAYS: Final = frozenset({"column", "mostly", "severity"})
_STRICT: Final = ("strict_min", "strict_max")
TOO_CLOSE: Final = 1e-9
"""Relative distance from a limit within which the order of a sum may decide: Great Expectations then does."""

LARGEST: Final = 2.0**62
"""Beyond it, sums of integers overflow in one engine and not in the other."""

Columns = Mapping[str, SqlColumn]


@dataclass(frozen=True)
class Figures:
    """What a check is judged by: its aggregates, the number of rows, and cells that break it.

    Without ``samples`` nothing quotes a cell or a value of the column.
    """

    values: Sequence[Any]
    rows: int
    cells: Sequence[Any] = ()
    samples: bool = True


@dataclass(frozen=True)
class Check:
    """An expectation in SQL.

    ``selected`` are aggregates over the rows, or queries of one value; ``finish`` makes of their values and
    the number of rows an outcome, or None where Great Expectations has to decide. ``bad`` is true for rows
    that break it.
    """

    item: Expectation
    selected: tuple[str, ...]
    finish: Callable[[Figures], Outcome | None]
    column: SqlColumn | None = None
    bad: str = ""


def compile_check(item: Expectation, columns: Columns) -> Check | None:
    """Return an expectation in SQL, or None for one that is left to Great Expectations."""
    if item.name in _OF_ROWS:
        return _row_count(item)
    make, column = _MAKERS.get(item.name), columns.get(str(item.arguments.get("column")))
    return make(item, column) if make and column and _share(item) else None


def _share(item: Expectation) -> bool:
    """Whether ``mostly`` is a plain share."""
    mostly = item.arguments.get("mostly", 1)
    return isinstance(mostly, int | float) and not isinstance(mostly, bool) and 0 <= mostly <= 1


def _only(item: Expectation, *names: str) -> bool:
    return set(item.arguments) <= _ALWAYS | set(names)


def _by_row(
    item: Expectation,
    column: SqlColumn,
    bad: str,
    *,
    of_all: bool = False,
    guard: str = "",
    quote: bool = True,
) -> Check:
    """Return a check of an expectation that rows break, by Great Expectations' rule of the share.

    :param of_all: the share is that of all rows, not of those that have a value.
    :param guard: true for rows on whose values the two engines may differ.
    """
    counts = [f"count(*) FILTER (WHERE {bad})", f"count({column.value})"]
    if guard:
        counts.append(f"count(*) FILTER (WHERE {guard})")
    mostly = item.arguments.get("mostly", 1)

    def finish(figures: Figures) -> Outcome | None:
        wrong, present, *unsure = map(int, figures.values)
        if any(unsure):
            return None
        judged = figures.rows if of_all else present
        holds = judged == 0 or (judged - wrong) / judged >= mostly
        return _counted(item, figures, holds=holds, bad=wrong)

    return Check(item, tuple(counts), finish, column if quote else None, bad)


def _counted(item: Expectation, figures: Figures, *, holds: bool, bad: int) -> Outcome:
    return counted(item, holds=holds, bad=bad, of=figures.rows, cells=figures.cells, samples=figures.samples)


def _not_null(item: Expectation, column: SqlColumn) -> Check | None:
    bad = f"({column.value}) IS NULL"
    return _by_row(item, column, bad, of_all=True, quote=False) if _only(item) and _known(column) else None


def _null(item: Expectation, column: SqlColumn) -> Check | None:
    bad = f"({column.value}) IS NOT NULL"
    return _by_row(item, column, bad, of_all=True) if _only(item) and _known(column) else None


def _known(column: SqlColumn) -> bool:
    return column.kind in (NUMBER, FLOAT, TEXT, TIME)


def _between(item: Expectation, column: SqlColumn) -> Check | None:
    if not _only(item, *BOUNDS, *_STRICT):
        return None
    condition = _range(item, column, column.compared)
    return None if condition is None else _by_row(item, column, f"NOT ({condition})")


def _range(item: Expectation, column: SqlColumn, value: str) -> str | None:
    """Return the condition that a value is between the limits, or None where they do not fit the column."""
    parts, limits = [], []
    for key, sign, strict in ((BOUNDS[0], ">", _STRICT[0]), (BOUNDS[1], "<", _STRICT[1])):
        given = item.arguments.get(key)
        if given is None:
            continue
        limit = column.limit(stamp(given) if column.kind == TIME else given if is_number(given) else None)
        if limit is None:
            return None
        limits.append(given)
        parts.append(f"({value}) {sign if item.arguments.get(strict) else f'{sign}='} {limit}")
    if len(limits) == len(BOUNDS) and _as_number(limits[0], column) > _as_number(limits[1], column):
        return None  # Great Expectations refuses it
    return " AND ".join(parts) or None


def _as_number(value: Any, column: SqlColumn) -> float:
    moment = stamp(value) if column.kind == TIME else None
    return float(value) if moment is None else float(microseconds_of(moment))


def _in_set(item: Expectation, column: SqlColumn) -> Check | None:
    values = item.arguments.get("value_set")
    if not _only(item, "value_set") or not isinstance(values, list | tuple) or not values:
        return None
    found = [column.member(value) for value in values]
    if None in found:
        return None
    listed = ", ".join(text for text in found if text) or "NULL"
    inside = f"coalesce(({column.compared}) IN ({listed}), false)"
    negated = "_not_" in item.name
    bad = inside if negated else f"({column.compared}) IS NOT NULL AND NOT {inside}"
    return _by_row(item, column, bad)


def _unique(item: Expectation, column: SqlColumn) -> Check | None:
    if not _only(item) or not _known(column):
        return None
    value = column.value
    grouped = f"FROM {ROWS} WHERE ({value}) IS NOT NULL GROUP BY {value} HAVING count(*) > 1"
    repeated = f"SELECT count(*) AS copies {grouped}"
    mostly = item.arguments.get("mostly", 1)

    def finish(figures: Figures) -> Outcome | None:
        present, wrong = map(int, figures.values)
        holds = present == 0 or (present - wrong) / present >= mostly
        return _counted(item, figures, holds=holds, bad=wrong)

    copies = f"(SELECT coalesce(sum(copies), 0) FROM ({repeated}))"  # noqa: S608 - names are quoted
    bad = f"({value}) IN (SELECT {value} {grouped})"
    return Check(item, (f"count({value})", copies), finish, column, bad)


def _regex(item: Expectation, column: SqlColumn) -> Check | None:
    pattern = item.arguments.get("regex")
    if column.kind != TEXT or not _only(item, "regex") or not isinstance(pattern, str):
        return None
    translated = for_re2(pattern)
    if translated is None:
        return None
    guard = ""
    if translated.needs_plain:
        guard = f"NOT regexp_full_match({column.value}, '[ -~]*')"
    elif translated.needs_no_newline:
        guard = f"suffix({column.value}, chr(10))"
    matches = f"regexp_matches({column.value}, {text_literal(translated.text)})"
    bad = matches if "_not_match" in item.name else f"NOT {matches}"
    return _by_row(item, column, bad, guard=guard)


def _length(item: Expectation, column: SqlColumn) -> Check | None:
    equal = item.name.endswith("_equal")
    names = ("value",) if equal else (*BOUNDS, *_STRICT)
    whole = all(isinstance(item.arguments.get(name, 0), int | None) for name in ("value", *BOUNDS))
    if column.kind != TEXT or not _only(item, *names) or not whole:
        return None  # Great Expectations cuts a limit to its whole number
    number = SqlColumn(column.name, NUMBER, column.value, f"length({column.value})")
    if equal:
        limit = number.limit(item.arguments.get("value"))
        condition = None if limit is None else f"{number.compared} = {limit}"
    else:
        condition = _range(item, number, number.compared)
    return None if condition is None else _by_row(item, column, f"NOT ({condition})")


def _aggregate(function: str, *, exact: bool) -> Callable[[Expectation, SqlColumn], Check | None]:
    """Return the maker of checks of one figure of a column; one that is not exact may be too close."""

    def make(item: Expectation, column: SqlColumn) -> Check | None:
        fits = column.kind in (NUMBER, FLOAT) and _only(item, *BOUNDS, *_STRICT)
        limits = [item.arguments.get(key) for key in BOUNDS]
        if not fits or "mostly" in item.arguments or not all(v is None or is_number(v) for v in limits):
            return None

        def finish(figures: Figures) -> Outcome | None:
            value, scale = figures.values
            if value is None or value != value or abs(value) > LARGEST:
                return None
            bounds = [None if limit is None else float(limit) for limit in limits]
            near = TOO_CLOSE * max(abs(scale or 0.0), abs(value))
            if not exact and any(b is not None and abs(value - b) <= near for b in bounds):
                return None
            return observed(item, value, holds=_inside(item, value, bounds), samples=figures.samples)

        scale = f"{'sum' if function == 'sum' else 'avg'}(abs({column.compared}))" if not exact else "0"
        return Check(item, (f"{function}({column.compared})", scale), finish)

    return make


def _inside(item: Expectation, value: Any, bounds: Sequence[float | None]) -> bool:
    low, high = bounds
    value = float(value)  # as numpy compares an integer with a floating-point limit
    above = low is None or (value > low if item.arguments.get(_STRICT[0]) else value >= low)
    below = high is None or (value < high if item.arguments.get(_STRICT[1]) else value <= high)
    return bool(above and below)


def _row_count(item: Expectation) -> Check | None:
    equal = item.name.endswith("_equal")
    names = {"value"} if equal else {*BOUNDS, *_STRICT}
    values = [item.arguments.get(key) for key in (("value", "value") if equal else BOUNDS)]
    fits = all(v is None or (isinstance(v, int) and not isinstance(v, bool)) for v in values)
    if not set(item.arguments) <= names | {"severity"} or not fits or values == [None, None]:
        return None
    low, high = values
    if low is not None and high is not None and low > high:
        return None  # Great Expectations refuses it

    def finish(figures: Figures) -> Outcome | None:
        bounds = [None if value is None else float(value) for value in values]
        return observed(item, figures.rows, holds=_inside(item, figures.rows, bounds))

    return Check(item, (), finish)


_OF_ROWS: Final = frozenset({"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"})
_MAKERS: Final[Mapping[str, Callable[[Expectation, SqlColumn], Check | None]]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    BETWEEN: _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _in_set,
    "expect_column_values_to_be_unique": _unique,
    "expect_column_values_to_match_regex": _regex,
    "expect_column_values_to_not_match_regex": _regex,
    "expect_column_value_lengths_to_be_between": _length,
    "expect_column_value_lengths_to_equal": _length,
    "expect_column_max_to_be_between": _aggregate("max", exact=True),
    "expect_column_min_to_be_between": _aggregate("min", exact=True),
    "expect_column_mean_to_be_between": _aggregate("avg", exact=False),
    "expect_column_sum_to_be_between": _aggregate("sum", exact=False),
}
