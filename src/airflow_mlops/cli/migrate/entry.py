"""What became of each value of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_mlops.config.faults import KeyPath, dotted


class Outcome(StrEnum):
    """How far a value of the recipe came."""

    CARRIED = "carried over"
    CHANGED = "carried over, but not quite the same"
    LEFT = "no match: what to do"


@dataclass(frozen=True)
class Entry:
    """What became of the value at ``path`` and all below it; ``text`` says where it is, or what to do."""

    path: KeyPath
    outcome: Outcome
    text: str


def carried(path: KeyPath, to: str) -> Entry:
    """Return the entry of a value that means the same at ``to``."""
    return Entry(path, Outcome.CARRIED, to)


def changed(path: KeyPath, text: str) -> Entry:
    """Return the entry of a value whose successor differs; ``text`` says how."""
    return Entry(path, Outcome.CHANGED, text)


def left(path: KeyPath, todo: str) -> Entry:
    """Return the entry of a value without a successor; ``todo`` is the next step."""
    return Entry(path, Outcome.LEFT, todo)


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


def untold(values: Mapping[str, Any], entries: Iterable[Entry]) -> list[KeyPath]:
    """Return the paths of all values that no entry speaks of."""
    told = {entry.path for entry in entries}
    return [
        path for path in leaves(values) if not any(path[:length] in told for length in range(len(path) + 1))
    ]


def in_order(entries: Iterable[Entry], values: Mapping[str, Any]) -> list[Entry]:
    """Return the entries in the order of the recipe's values."""
    places: dict[KeyPath, int] = {}
    for number, leaf in enumerate(leaves(values)):
        for length in range(len(leaf) + 1):
            places.setdefault(leaf[:length], number)
    return sorted(entries, key=lambda entry: places.get(entry.path, len(places)))


def report(entries: Sequence[Entry]) -> str:
    """Return the report: the values under each outcome, in the order of the recipe, and their number."""
    width = max((len(dotted(entry.path)) for entry in entries), default=0)
    lines: list[str] = []
    for outcome in Outcome:
        own = [entry for entry in entries if entry.outcome is outcome]
        if own:
            lines += [
                str(outcome),
                *(f"  {dotted(item.path):<{min(width, 50)}}  {item.text}" for item in own),
                "",
            ]
    counted = [
        f"{sum(entry.outcome is outcome for entry in entries)} {outcome.split(':')[0]}" for outcome in Outcome
    ]
    return "\n".join([*lines, ", ".join(counted)])
