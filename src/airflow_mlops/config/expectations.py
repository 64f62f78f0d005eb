"""The short and native forms of expectations in a pipeline file, without Great Expectations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

SHORT: Final = (
    "column", "columns", "min", "max", "not_null", "unique", "in", "type", "regex", "mostly", "severity",
)  # fmt: skip
TYPE: Final = "type"
NATIVE: Final = "expect_"
COLUMN_ARGUMENTS: Final = ("column", "column_A", "column_B", "column_list")
SEVERITIES: Final = ("critical", "warning", "info")
PARAMETER: Final = "$PARAMETER"
"""The key of a mapping that stands for a value which is only known when the rows are checked."""

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)  # of ISO 8601 without its weeks and bare digits
_OWN: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OF_TABLE: Final = "expect_table_"
_CALLED: Final = re.compile(r"[A-Za-z_]\w*")
_COMPUTED: Final = frozenset({
    "now", "datetime", "timedelta", "days", "seconds", "microseconds", "milliseconds", "minutes", "hours",
    "weeks", "year", "month", "day", "hour", "minute", "second", "microsecond", "sin", "cos", "tan", "exp",
    "abs", "trunc", "round", "sgn", "e", "E", "PI",
})  # fmt: skip
"""Names that Great Expectations computes in the expression of a parameter."""


@dataclass(frozen=True)
class Expectation:
    """One native expectation: its name and its arguments."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def severity(self) -> str:
        """``critical``, or ``warning`` or ``info``: then a failure is reported, and the run goes on."""
        return str(self.arguments.get("severity") or SEVERITIES[0])

    @property
    def is_own(self) -> bool:
        """Whether it is a class of the user's, named by its dotted path."""
        return is_own(self.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it reads; an expectation on the table as a whole reads none."""
        found: list[str] = []
        if self.name.startswith(_OF_TABLE):
            return ()
        for key in COLUMN_ARGUMENTS:
            value = self.arguments.get(key, ())
            several = value if isinstance(value, list | tuple) else ()
            found.extend([value] if isinstance(value, str) else several)
        return tuple(found)

    def mentions(self, column: str) -> bool:
        """Whether it names a column, to read its values or as one that the table has."""
        lists = (self.arguments.get(key) for key in ("column_list", "column_set"))
        return column in self.columns or any(
            isinstance(names, list | tuple | set) and column in names for names in lists
        )


def expand(entries: Iterable[Mapping[str, Any]]) -> tuple[Expectation, ...]:
    """Turn short and native forms into native expectations.

    Short: ``{column, min, max, not_null, unique, in, type, regex, mostly}``, with as many keys as needed
    (``columns: [...]`` for the same on several columns), or ``{columns: [...]}`` alone: the columns exist.
    Native: ``{expect_…: {arguments}}``; an own class: ``{package.module:Class: {arguments}}``. All take
    ``severity``. Raises ConfigError for an entry that has none of these forms.

    >>> expand([{"column": "age", "min": 18, "mostly": 0.99}])[0].arguments
    {'column': 'age', 'min_value': 18, 'max_value': None, 'mostly': 0.99}
    """
    found: list[Expectation] = []
    for number, entry in enumerate(entries):
        try:
            found.extend(expand_one(entry))
        except ConfigError as error:
            raise ConfigError(f"validate.expect[{number}]: {error}") from None
    return tuple(found)


def expand_one(entry: Mapping[str, Any]) -> list[Expectation]:
    """Turn one entry into native expectations; raises ConfigError when it has neither form."""
    native = [key for key in entry if is_native(key)]
    if native:
        arguments = entry[native[0]] or {}
        if len(entry) > 1 or not isinstance(arguments, Mapping):
            raise ConfigError(f"an entry must have one expectation, as {native[0]}: {{argument: value}}")
        return [Expectation(native[0], dict(arguments))]
    for key in entry:
        if key not in SHORT:
            raise ConfigError(
                f"{key!r} is not a key of a short form{did_you_mean(key, SHORT)}; keys are {', '.join(SHORT)}"
            )
    rules = {key: value for key, value in entry.items() if key not in ("column", "columns")}
    return [item for column in _columns(entry) for item in _expand_rules(column, rules)]


def is_native(key: str) -> bool:
    """Whether the key of an entry is the name of an expectation, and not a key of a short form."""
    return key.startswith(NATIVE) or is_own(key)


def is_own(name: str) -> bool:
    """Whether a name is the dotted path of a class, as ``checks:ExpectEven``."""
    return _OWN.fullmatch(name) is not None


def as_time(value: Any) -> datetime | None:
    """Return a limit as a time, or None when it is a number or another text.

    A day is its first moment. Texts are times in ISO form, as a pipeline file has them in quotes.

    >>> as_time("2024-01-31"), as_time(date(2024, 1, 31)) == as_time("2024-01-31T00:00"), as_time("18")
    (datetime.datetime(2024, 1, 31, 0, 0), True, None)
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    if isinstance(value, str) and _DAY.match(value.strip()):
        with suppress(ValueError):
            return datetime.fromisoformat(value.strip())
    return None


def unknown_parameters(value: Any, given: Iterable[str]) -> tuple[str, ...]:
    """Return the names in ``$PARAMETER`` expressions below ``value`` that nothing gives a value.

    >>> unknown_parameters({"$PARAMETER": "now() - timedelta(days=lag)"}, ["age"])
    ('lag',)
    """
    if isinstance(value, Mapping):
        if list(value) == [PARAMETER]:
            names = _CALLED.findall(re.sub(r"\d+(\.\d+)?([eE][-+]?\d+)?", " ", str(value[PARAMETER])))
            return tuple(dict.fromkeys(name for name in names if name not in {*_COMPUTED, *given}))
        value = list(value.values())
    found: list[str] = []
    for item in value if isinstance(value, list | tuple) else ():
        found.extend(unknown_parameters(item, given))
    return tuple(dict.fromkeys(found))


def _columns(entry: Mapping[str, Any]) -> Sequence[str]:
    if "column" in entry and "columns" in entry:
        raise ConfigError("has `column` and `columns`: write one of them")
    columns = entry.get("columns", entry.get("column"))
    if not columns:
        raise ConfigError("needs `column`, `columns` or a native `expect_…`")
    if "columns" in entry and isinstance(columns, str):
        raise ConfigError(f"`columns` must be a list, got {columns!r:.80}")
    if "column" in entry and not isinstance(columns, str):
        raise ConfigError(f"`column` must be one name (several are `columns`), got {columns!r:.80}")
    names = [columns] if isinstance(columns, str) else columns
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"column names must be text (write others in quotes), got {columns!r:.80}")
    return names


def _expand_rules(column: str, rules: Mapping[str, Any]) -> list[Expectation]:
    severity = {"severity": rules["severity"]} if "severity" in rules else {}
    shared = {"mostly": rules["mostly"]} if "mostly" in rules else {}
    found: list[tuple[str, dict[str, Any]]] = []
    if "type" in rules:
        if not isinstance(rules["type"], str):
            raise ConfigError(f"`type` must be one name, got {rules['type']!r:.80}")
        found.append((TYPE, {"type": str(rules["type"])}))
    if rules.get("not_null"):
        found.append(("expect_column_values_to_not_be_null", shared))
    if "min" in rules or "max" in rules:
        bounds = {"min_value": rules.get("min"), "max_value": rules.get("max")}
        found.append(("expect_column_values_to_be_between", {**bounds, **shared}))
    if rules.get("unique"):
        found.append(("expect_column_values_to_be_unique", shared))
    if "in" in rules:
        if not isinstance(rules["in"], list | tuple):
            raise ConfigError(f"`in` must be a list of values, got {rules['in']!r:.80}")
        found.append(("expect_column_values_to_be_in_set", {"value_set": list(rules["in"]), **shared}))
    if "regex" in rules:
        found.append(("expect_column_values_to_match_regex", {"regex": rules["regex"], **shared}))
    if not found:
        found.append(("expect_column_to_exist", {}))
    return [Expectation(name, {"column": column, **arguments, **severity}) for name, arguments in found]
