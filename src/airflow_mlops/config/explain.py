"""Turns what pydantic found into faults that say what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from airflow_mlops.config.faults import Fault, KeyPath
from airflow_mlops.config.merge import Layer
from airflow_mlops.config.shape import keys_at
from airflow_mlops.core.nearest import nearest

_WRAPPERS: Final = ("function-", "[key]")


def explain(layer: Layer, item: Mapping[str, Any]) -> Fault:
    """Return the fault for one of pydantic's errors, with its place."""
    path: KeyPath = tuple(
        part for part in item["loc"] if not (isinstance(part, str) and part.startswith(_WRAPPERS))
    )
    kind = item["type"]
    if kind == "extra_forbidden":
        message = "unknown key" + _known_keys(str(path[-1]), keys_at(path[:-1]))
        return layer.fault(path, message, at_key=True)
    if kind == "missing":
        message = f"required key is missing{_beside(layer.values, path)}"
        return layer.fault(path, message, at_key=True)
    if kind in ("model_type", "dict_type"):
        return layer.fault(path, f"expected a mapping of keys, got {_written(layer, path, item['input'])}")
    if kind == "tuple_type":
        written = _written(layer, path, item["input"])
        return layer.fault(path, f"expected a list, as [{str(item['input'])[:40]}], got {written}")
    if kind == "string_type":
        return layer.fault(path, _not_text(layer, path, item["input"]))
    message = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    value = item.get("input")
    plain = isinstance(value, str | int | float | bool) and "got" not in message
    shown = f" (got {_written(layer, path, value)})" if plain else ""
    return layer.fault(path, message + shown, at_key="[key]" in item["loc"])


def _written(layer: Layer, path: KeyPath, value: Any) -> str:
    """Return a value as it stands in the file."""
    place = layer.places.get(path)
    if place is not None and place.text is not None:
        return place.text[:80] or "nothing"
    return f"{value!r:.80}"


def _not_text(layer: Layer, path: KeyPath, value: Any) -> str:
    kinds = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    text = _written(layer, path, value)
    if isinstance(value, list | dict):
        return f"expected text, got {kinds[type(value)]}"
    kind = kinds.get(type(value), "nothing" if value is None else "a date")
    return f"expected text, but YAML reads {text} as {kind}: write it in quotes"


def _beside(values: Any, path: KeyPath) -> str:
    """Name a close key that was written where the missing one belongs."""
    for part in path[:-1]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return ""
    names = [key for key in values if len(key) < 100][:100] if isinstance(values, dict) else []
    close = difflib.get_close_matches(str(path[-1]), names, n=1)
    return f" (found {close[0]!r})" if close else ""


def _known_keys(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = nearest(name[:100], known, cutoff=0.5)
    return f" (did you mean {near}?)" if near else f"; known: {', '.join(known)}"
