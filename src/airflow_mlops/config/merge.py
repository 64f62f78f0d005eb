"""Lays configurations over each other: built-in defaults < ``defaults.yaml`` < file < profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_mlops.config.document import Document, Place
from airflow_mlops.config.faults import Fault, KeyPath, dotted

_KINDS: Final = (("data", "source"), ("monitor", "performance", "labels"))
"""The sections whose ``type`` says which keys they have: another type replaces the section as a whole."""


@dataclass(frozen=True)
class Layer:
    """Values, and for each path in them the place where it was written."""

    values: dict[str, Any]
    places: Mapping[KeyPath, Place]

    def place(self, path: KeyPath) -> Place:
        """Return the place of ``path``, or of the nearest key above it."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def fault(self, path: KeyPath, message: str, *, at_key: bool = False, rule: str = "shape") -> Fault:
        """Return a fault at the value of ``path`` (or at its key), named as it was written."""
        place = self.place(path)
        mark = place.key if at_key or path not in self.places else place.value
        rest = path[_known(path, self.places) :]
        return Fault(place.file, mark.line, mark.column, dotted((*place.path, *rest)), message, rule=rule)


def layer_of(document: Document) -> Layer:
    """Return a document's values as a layer; the document is a mapping."""
    return Layer(dict(document.values), document.places)


def merge(lower: Layer, upper: Layer) -> Layer:
    """Return ``upper`` laid over ``lower``: mappings join key by key, everything else replaces.

    A source of another type replaces the whole source: the keys below it belong to the type below.
    """
    places: dict[KeyPath, Place] = {(): _spelled(lower, upper, ())}
    values = _join(lower, upper, (lower.values, upper.values), (), places)
    return Layer(values, places)


def profile_layer(document: Layer, profile: str) -> tuple[Layer, list[Fault]]:
    """Return a profile as a layer: dotted keys become sections. Also what is wrong with its keys."""
    root: KeyPath = ("profiles", profile)
    values: dict[str, Any] = {}
    places: dict[KeyPath, Place] = {(): replace(document.places[root], spelled=False)}
    faults: list[Fault] = []
    for key, value in document.values["profiles"][profile].items():
        parts: KeyPath = tuple(key.split("."))
        source = (*root, key)
        if not all(parts):
            faults.append(document.fault(source, "an empty part between dots", at_key=True))
            continue
        clash = _insert(values, _nested(parts, value), ())
        if clash is not None:
            faults.append(document.fault(source, f"gives {dotted(clash)} a second time", at_key=True))
            continue
        for length in range(1, len(parts)):
            shown = (*root, ".".join(map(str, parts[:length])))
            section = replace(document.places[source], path=shown, text=None, spelled=False)
            places.setdefault(parts[:length], section)
        _copy(value, (source, document.places), (parts, places))
    return Layer(values, places), faults


def _spelled(lower: Layer, upper: Layer, path: KeyPath) -> Place:
    """Return where a section stands that both have: above, unless it is only a part of a dotted key there."""
    return upper.places[path] if upper.places[path].spelled else lower.places[path]


def _known(path: KeyPath, places: Mapping[KeyPath, Place]) -> int:
    length = len(path)
    while path[:length] not in places:
        length -= 1
    return length


def _nested(parts: KeyPath, value: Any) -> dict[str, Any]:
    for part in reversed(parts):
        value = {part: value}
    return dict(value)


def _insert(target: dict[str, Any], added: dict[str, Any], path: KeyPath) -> KeyPath | None:
    """Join ``added`` into ``target`` in place; returns a path that both give a value, if there is one."""
    for key, value in added.items():
        here = (*path, key)
        if key not in target:
            target[key] = _fresh(value)
        elif not (isinstance(value, dict) and isinstance(target[key], dict)):
            return here
        elif (clash := _insert(target[key], value, here)) is not None:
            return clash
    return None


def _fresh(value: Any) -> Any:
    return {key: _fresh(item) for key, item in value.items()} if isinstance(value, dict) else value


def _copy(
    value: Any,
    source: tuple[KeyPath, Mapping[KeyPath, Place]],
    target: tuple[KeyPath, dict[KeyPath, Place]],
) -> None:
    """Copy the places of ``value`` and all below it from one path to another."""
    (old, known), (new, places) = source, target
    if old in known:
        places[new] = known[old]
    items: Any = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        _copy(item, ((*old, key), known), ((*new, key), places))


def _join(
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
        if key in below and key in above and _joins(here, below[key], above[key]):
            places[here] = _spelled(lower, upper, here)
            result[key] = _join(lower, upper, (below[key], above[key]), here, places)
            continue
        origin, result[key] = (upper, above[key]) if key in above else (lower, below[key])
        _copy(result[key], (here, origin.places), (here, places))
    return result


def _joins(path: KeyPath, below: Any, above: Any) -> bool:
    """Whether what stands above joins what stands below, key by key."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return False
    return path not in _KINDS or above.get("type", below.get("type")) == below.get("type")
