"""What an expectation compares: its limits and its columns, both as times, or both as numbers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from airflow_mlops.config.expectations import PARAMETER, Expectation, unknown_parameters
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.validation.columns import DECIMAL, TEXT, TIME, Columns, is_number, stamp
from airflow_mlops.data.validation.outcome import CELL, cut

BOUNDS: Final = ("min_value", "max_value")
BETWEEN: Final = "expect_column_values_to_be_between"

_BOUNDED: Final = frozenset({
    BETWEEN, "expect_column_max_to_be_between", "expect_column_min_to_be_between",
    "expect_column_mean_to_be_between", "expect_column_median_to_be_between",
})  # fmt: skip
_IN_SET: Final = frozenset({
    "expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set",
    "expect_column_distinct_values_to_be_in_set", "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set", "expect_column_most_common_value_to_be_in_set",
})  # fmt: skip
_COMPUTED: Final = frozenset({
    "expect_column_sum_to_be_between", "expect_column_stdev_to_be_between",
    "expect_column_quantile_values_to_be_between", "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_be_increasing", "expect_column_values_to_be_decreasing",
    "expect_column_values_to_not_be_outliers", "expect_multicolumn_sum_to_equal",
})  # fmt: skip
_COMPARED: Final = frozenset({
    "expect_column_pair_values_a_to_be_greater_than_b", "expect_column_pair_values_to_be_equal",
    "expect_multicolumn_values_to_be_equal",
})  # fmt: skip
_PAIRS: Final = "expect_column_pair_values_to_be_in_set"
_FIRST, _LAST = pd.Timestamp.min, pd.Timestamp.max  # of nanoseconds
_BEFORE_ALL, _AFTER_ALL = (pd.Timestamp(np.datetime64(day, "us")) for day in ("-9999-01-01", "99999-01-01"))


@dataclass(frozen=True, eq=False)
class Bound:
    """The arguments of an expectation, and its columns in place of those of the frame.

    ``view`` names the frame that has these columns. ``mismatch`` says why its limits cannot be compared
    with its columns; then it does not hold.
    """

    arguments: Mapping[str, Any]
    columns: Mapping[str, pd.Series] = field(default_factory=dict)
    view: str = ""
    mismatch: str = ""


def bind(item: Expectation, columns: Columns, *, samples: bool = True) -> Bound:
    """Return an expectation's arguments and columns in forms that can be compared.

    A limit that is a day is its first moment, and what has no zone is in UTC. A text cell that is not a
    time breaks a limit that is one.
    """
    if item.name in _BOUNDED:
        limits = [item.arguments[key] for key in BOUNDS if item.arguments.get(key) is not None]
        if any(stamp(limit) is not None for limit in limits):
            return _times_between(item, columns, samples=samples)
        return _numbers_between(item, columns, limits)
    if item.name in _IN_SET:
        return _in_set(item, columns)
    if item.name == _PAIRS:
        return _pairs(item, columns)
    if item.name in _COMPARED:
        return _compared(item, columns, samples=samples)
    return _converted(item, columns) if item.name in _COMPUTED else Bound(item.arguments)


def evaluated(item: Expectation, parameters: Mapping[str, Any]) -> Expectation:
    """Return an expectation whose ``$PARAMETER`` arguments are values.

    Raises ConfigError for a name that nothing gives, or an expression that cannot be computed.
    """
    if not any(isinstance(value, Mapping) and PARAMETER in value for value in item.arguments.values()):
        return item
    if unknown := unknown_parameters(item.arguments, parameters):
        raise ConfigError(
            f"validate.expect: {item.name}: nothing gives the parameter {unknown[0]!r}: "
            "write its value below validate.parameters"
        )
    return Expectation(item.name, {key: _value(item, v, parameters) for key, v in item.arguments.items()})


def _value(item: Expectation, value: Any, parameters: Mapping[str, Any]) -> Any:
    if not (isinstance(value, Mapping) and PARAMETER in value):
        return value
    from great_expectations.core.suite_parameters import parse_suite_parameter
    from great_expectations.exceptions import GreatExpectationsError

    expression = str(value[PARAMETER])
    if expression in parameters:
        return parameters[expression]
    try:
        found = parse_suite_parameter(expression, dict(parameters))
    except (GreatExpectationsError, ArithmeticError, TypeError, ValueError) as error:
        raise ConfigError(
            f"validate.expect: {item.name}: cannot compute {{{PARAMETER}: {expression:.{CELL}}}}: {error}"
        ) from error
    if isinstance(found, datetime.datetime) and found.tzinfo is None and "now" in expression:
        return found.astimezone(datetime.UTC)  # the machine's clock has a zone, which the value does not say
    return found


def _times_between(item: Expectation, columns: Columns, *, samples: bool) -> Bound:
    name = str(item.arguments["column"])
    kind = columns.kind(name)
    if kind not in (TIME, TEXT):
        return _unlike(item, columns, name, "a time")
    arguments = dict(item.arguments)
    for key in BOUNDS:
        if arguments.get(key) is not None:
            arguments[key] = stamp(arguments[key])
            if arguments[key] is None:
                return _unlike(item, columns, name, "a time and a number")
    values, bad = columns.times(name), columns.unreadable(name)
    if not bad.any():
        return Bound(arguments, {name: values}, "times" if kind == TEXT else "comparable")
    if item.name != BETWEEN:
        return Bound(arguments, mismatch=_unreadable(columns, name, samples=samples))
    low = arguments.get(BOUNDS[0]) is not None
    outside, view = (_BEFORE_ALL, "times from") if low else (_AFTER_ALL, "times to")
    return Bound(arguments, {name: values.dt.as_unit("us").mask(bad, outside)}, view)


def _numbers_between(item: Expectation, columns: Columns, limits: list[Any]) -> Bound:
    name = str(item.arguments["column"])
    kind, numeric = columns.kind(name), bool(limits) and all(map(is_number, limits))
    if numeric and (kind == TIME or (kind == TEXT and item.name == BETWEEN)):
        return _unlike(item, columns, name, "a number")
    return _converted(item, columns)


def _unlike(item: Expectation, columns: Columns, name: str, what: str) -> Bound:
    known = columns.type_name(name)
    return Bound(item.arguments, mismatch=f"the column is {known}, which cannot be compared with {what}")


def _unreadable(columns: Columns, name: str, *, samples: bool) -> str:
    bad = columns.unreadable(name)
    example = f", e.g. {cut(columns.frame[name][bad].iloc[0])}" if samples else ""
    return f"{int(bad.sum()):,} of {len(bad):,} cells of {cut(name)} are not ISO times{example}"


def _in_set(item: Expectation, columns: Columns) -> Bound:
    name, values = str(item.arguments["column"]), item.arguments.get("value_set")
    kind = columns.kind(name)
    if not isinstance(values, list | tuple | set):
        return Bound(item.arguments)
    if kind == TIME:
        stamps = [value if (at := stamp(value)) is None else at for value in values]
        times, view = columns.times(name), "comparable"
        if any(isinstance(at, pd.Timestamp) and not _FIRST <= at <= _LAST for at in stamps):
            times, view = times.dt.as_unit("us"), "comparable in microseconds"
        return Bound({**item.arguments, "value_set": stamps}, {name: times}, view)
    if kind == DECIMAL:
        numbers = [float(value) if is_number(value) else value for value in values]
        return Bound({**item.arguments, "value_set": numbers}, {name: columns.numbers(name)}, "comparable")
    if kind == TEXT:  # days that YAML has read as such
        texts = [value.isoformat() if isinstance(value, datetime.date) else value for value in values]
        return Bound({**item.arguments, "value_set": texts})
    return Bound(item.arguments)


def _pairs(item: Expectation, columns: Columns) -> Bound:
    """Return pairs as Great Expectations looks them up: decimals as numbers, times as their ISO texts."""
    names, pairs = item.columns, item.arguments.get("value_pairs_set")
    kinds = [columns.kind(name) for name in names]
    if not {TIME, DECIMAL} & set(kinds) or not isinstance(pairs, list | tuple):
        return Bound(item.arguments)
    found = {}
    for name, kind in zip(names, kinds, strict=True):
        if kind == TIME:
            times = columns.times(name)
            found[name] = pd.Series(
                [None if at is pd.NaT else at.isoformat() for at in times], index=times.index, dtype=object
            )
        elif kind == DECIMAL:
            found[name] = columns.numbers(name)
    listed = [[_paired(value, kind) for value, kind in zip(pair, kinds, strict=True)] for pair in pairs]
    return Bound({**item.arguments, "value_pairs_set": listed}, found, "pairs")


def _paired(value: Any, kind: str) -> Any:
    if kind == TIME:
        moment = stamp(value)
        return value if moment is None else moment.isoformat()
    return float(value) if kind == DECIMAL and is_number(value) else value


def _compared(item: Expectation, columns: Columns, *, samples: bool) -> Bound:
    names = item.columns
    if not any(columns.kind(name) == TIME for name in names):
        return _converted(item, columns)
    texts = [name for name in names if columns.kind(name) == TEXT]
    for name in texts:
        if columns.unreadable(name).any():
            return Bound(item.arguments, mismatch=_unreadable(columns, name, samples=samples))
    found = {name: columns.times(name) for name in names if columns.kind(name) in (TIME, TEXT)}
    return Bound(item.arguments, found, "times" if texts else "comparable")


def _converted(item: Expectation, columns: Columns) -> Bound:
    """Return the columns with decimals as numbers and times in UTC."""
    found = {}
    for name in item.columns:
        if columns.kind(name) == DECIMAL:
            found[name] = columns.numbers(name)
        elif columns.kind(name) == TIME:
            found[name] = columns.times(name)
    return Bound(item.arguments, found, "comparable" if found else "")
