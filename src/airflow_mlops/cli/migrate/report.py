"""The report of a migration: what became of each value of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_mlops.cli.terminal import columns
from airflow_mlops.config.faults import KeyPath, dotted


class Outcome(StrEnum):
    """How much of a value was converted."""

    CARRIED = "carried over"
    CHANGED = "carried over, but not quite the same"
    LEFT = "no match: what to do"


@dataclass(frozen=True)
class ReportLine:
    """The outcome of the value at ``path`` and of all below it; ``text`` is its new place, or what to do."""

    path: KeyPath
    outcome: Outcome
    text: str


def leaves(node: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of every value; a list of plain values is one value."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(node, list) and any(isinstance(item, Mapping | list) for item in node):
        for number, value in enumerate(node):
            yield from leaves(value, (*path, number))
    else:
        yield path


def unreported(values: Mapping[str, Any], lines: Iterable[ReportLine]) -> list[KeyPath]:
    """Return the paths of all values without a line."""
    reported = {line.path for line in lines}
    return [leaf for leaf in leaves(values) if not reported.intersection(_prefixes(leaf))]


def in_order(lines: Iterable[ReportLine], values: Mapping[str, Any]) -> list[ReportLine]:
    """Return the lines in the order of the recipe's values."""
    places: dict[KeyPath, int] = {}
    for number, leaf in enumerate(leaves(values)):
        for prefix in _prefixes(leaf):
            places.setdefault(prefix, number)
    return sorted(lines, key=lambda line: places.get(line.path, len(places)))


def report(lines: Sequence[ReportLine]) -> str:
    """Return the report: the values under each outcome, in the order of the recipe, and their counts."""
    text: list[str] = []
    for outcome in Outcome:
        own = [(dotted(line.path), line.text) for line in lines if line.outcome is outcome]
        if own:
            text += [str(outcome), *columns(own, "  "), ""]
    counts = [f"{sum(line.outcome is item for line in lines)} {item.split(':')[0]}" for item in Outcome]
    return "\n".join([*text, ", ".join(counts)])


def _prefixes(path: KeyPath) -> list[KeyPath]:
    return [path[:length] for length in range(len(path) + 1)]
