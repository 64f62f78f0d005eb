"""Numbers and booleans as keys, inside values that are passed on as they are."""

from __future__ import annotations

from typing import Any

from airflow_mlops.config.document import surprise
from airflow_mlops.config.faults import Fault, KeyPath
from airflow_mlops.config.merge import Layer


def with_keys_of_yaml(layer: Layer, value: Any, path: KeyPath, faults: list[Fault]) -> Any:
    """Return a free value, such as ``train.params``, in which inner keys have the types that YAML gives them.

    A layer has text keys only, as sections do; so has the outermost mapping here, whose keys are names of
    arguments. Keys that YAML reads differently than they look are faults, and so are two that are equal.
    """
    if isinstance(value, list):
        return [with_keys_of_yaml(layer, item, (*path, number), faults) for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return {key: _inner(layer, item, (*path, key), faults) for key, item in value.items()}


def _inner(layer: Layer, value: Any, path: KeyPath, faults: list[Fault]) -> Any:
    if isinstance(value, list):
        return [_inner(layer, item, (*path, number), faults) for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    result: dict[Any, Any] = {}
    for text, item in value.items():
        here = (*path, text)
        key = _key(layer, text, here, faults)
        if key in result:
            message = f"is a duplicate key: {text} and another key are both {key!r}"
            faults.append(layer.fault(here, message, at_key=True, rule="yaml"))
            continue
        result[key] = _inner(layer, item, here, faults)
    return result


def _key(layer: Layer, text: str, path: KeyPath, faults: list[Fault]) -> Any:
    place = layer.places.get(path)
    if place is None or isinstance(place.own_key, str):
        return text
    if unlike := surprise(text, place.own_key, word=True):
        faults.append(layer.fault(path, unlike, at_key=True, rule="yaml"))
    return place.own_key
