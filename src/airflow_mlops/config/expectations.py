"""The short and native forms of expectations in a pipeline file, without Great Expectations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

SHORT: Final = ("column", "columns", "min", "max", "not_null", "unique", "in", "type", "regex", "mostly")
TYPE: Final = "type"
NATIVE: Final = "expect_"
COLUMN_ARGUMENTS: Final = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True)
class Expectation:
    """One native expectation: its name and its arguments."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        found: list[str] = []
        for key in COLUMN_ARGUMENTS:
            value = self.arguments.get(key, ())
            several = value if isinstance(value, list | tuple) else ()
            found.extend([value] if isinstance(value, str) else several)
        return tuple(found)


def expand(entries: Iterable[Mapping[str, Any]]) -> tuple[Expectation, ...]:
    """Turn short and native forms into native expectations.

    Short: ``{column, min, max, not_null, unique, in, type, regex, mostly}``, with as many keys as needed
    (``columns: [...]`` for the same on several columns), or ``{columns: [...]}`` alone: the columns exist.
    Native: ``{expect_…: {arguments}}``. Raises ConfigError for an entry that is neither.

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
    native = [key for key in entry if key.startswith(NATIVE)]
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
    return [Expectation(name, {"column": column, **arguments}) for name, arguments in found]
