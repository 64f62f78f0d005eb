"""Merges configurations: built-in defaults < ``defaults.yaml`` < file < profile."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_mlops.config.document import Place
from airflow_mlops.config.faults import Fault, KeyPath, dotted

_TYPED: Final = (
    ("data", "source"),
    ("evaluate", "holdout", "source"),
    ("monitor", "performance", "labels"),
)
"""The sections whose ``type`` decides which keys they have: another type replaces the whole section."""


@dataclass(frozen=True)
class Layer:
    """Values, and for each path in them the place where it was written."""

    values: dict[str, Any]
    places: Mapping[KeyPath, Place]

    def value(self, path: KeyPath) -> Any:
        """Return the value at ``path``; raises KeyError or IndexError when there is none."""
        value: Any = self.values
        for part in path:
            value = value[part]
        return value

    def place(self, path: KeyPath) -> Place:
        """Return the place of ``path``, or of the nearest key above it."""
        return self.places[self._written(path)]

    def fault(self, path: KeyPath, message: str, *, at_key: bool = False, rule: str = "shape") -> Fault:
        """Return a fault at the value of ``path`` (or at its key), with the path as it was written."""
        written = self._written(path)
        place, rest = self.places[written], path[len(written) :]
        mark = place.key if at_key or rest else place.value
        return Fault(place.file, mark.line, mark.column, dotted((*place.path, *rest)), message, rule=rule)

    def _written(self, path: KeyPath) -> KeyPath:
        while path not in self.places:
            path = path[:-1]
        return path


def merge(lower: Layer, upper: Layer) -> Layer:
    """Return ``upper`` over ``lower``: mappings are merged key by key, everything else is replaced.

    >>> from airflow_mlops.config.document import parse
    >>> defaults, file = parse("retry: {delay: 1m, backoff: 3}", "a"), parse("retry: {delay: 5m}", "b")
    >>> merge(Layer(defaults.values, defaults.places), Layer(file.values, file.places)).values
    {'retry': {'delay': '5m', 'backoff': 3}}
    """
    places: dict[KeyPath, Place] = {(): _explicit_place(lower, upper, ())}
    values = _merged(lower, upper, (lower.values, upper.values), (), places)
    return Layer(values, places)


def profile_layer(document: Layer, profile: str) -> tuple[Layer, list[Fault]]:
    """Return a profile as a layer, with its dotted keys as sections, and the faults of its keys."""
    root: KeyPath = ("profiles", profile)
    values: dict[str, Any] = {}
    places: dict[KeyPath, Place] = {(): replace(document.places[root], explicit=False)}
    faults: list[Fault] = []
    for key, value in document.values["profiles"][profile].items():
        parts: KeyPath = tuple(key.split("."))
        source = (*root, key)
        if not all(parts):
            message = "a dotted key must not have an empty part between its dots"
            faults.append(document.fault(source, message, at_key=True))
            continue
        nested = value
        for part in reversed(parts):
            nested = {part: nested}
        clash = _insert(values, nested, ())
        if clash is not None:
            message = f"{dotted(clash)} is set by another key of the profile as well"
            faults.append(document.fault(source, message, at_key=True))
            continue
        for length in range(1, len(parts)):
            shown = (*root, ".".join(map(str, parts[:length])))
            section = replace(document.places[source], path=shown, text=None, explicit=False)
            places.setdefault(parts[:length], section)
        _copy_places(value, (source, document.places), (parts, places))
    return Layer(values, places), faults


def _explicit_place(lower: Layer, upper: Layer, path: KeyPath) -> Place:
    """Return the place of a section of both: the upper one, unless it is only a part of a dotted key."""
    return upper.places[path] if upper.places[path].explicit else lower.places[path]


def _insert(target: dict[str, Any], added: dict[str, Any], path: KeyPath) -> KeyPath | None:
    """Insert ``added`` into ``target`` in place; returns the first path that both set, or None."""
    for key, value in added.items():
        here = (*path, key)
        if key not in target:
            target[key] = deepcopy(value)
        elif not (isinstance(value, dict) and isinstance(target[key], dict)):
            return here
        elif (clash := _insert(target[key], value, here)) is not None:
            return clash
    return None


def _copy_places(
    value: Any,
    source: tuple[KeyPath, Mapping[KeyPath, Place]],
    target: tuple[KeyPath, dict[KeyPath, Place]],
) -> None:
    """Copy the places of ``value`` and of everything below it from one path to another."""
    (old, known), (new, places) = source, target
    if old in known:
        places[new] = known[old]
    items: Any = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        _copy_places(item, ((*old, key), known), ((*new, key), places))


def _merged(
    lower: Layer,
    upper: Layer,
    pair: tuple[dict[str, Any], dict[str, Any]],
    path: KeyPath,
    places: dict[KeyPath, Place],
) -> dict[str, Any]:
    below, above = pair
    result: dict[str, Any] = {}
    for key in {**below, **above}:
        here = (*path, key)
        if key in below and key in above and _are_mergeable(here, below[key], above[key]):
            places[here] = _explicit_place(lower, upper, here)
            result[key] = _merged(lower, upper, (below[key], above[key]), here, places)
            continue
        origin, result[key] = (upper, above[key]) if key in above else (lower, below[key])
        _copy_places(result[key], (here, origin.places), (here, places))
    return result


def _are_mergeable(path: KeyPath, below: Any, above: Any) -> bool:
    """Whether two values of a key are merged key by key; else the upper one replaces the lower one."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return False
    return path not in _TYPED or above.get("type", below.get("type")) == below.get("type")
