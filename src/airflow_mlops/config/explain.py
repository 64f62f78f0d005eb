"""Turns what pydantic found into faults that say what to write instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from airflow_mlops.config.document import Place
from airflow_mlops.config.faults import Fault, KeyPath, Mark
from airflow_mlops.config.merge import Layer
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.shape import homes, keys_at
from airflow_mlops.config.values import FieldError
from airflow_mlops.config.yaml_errors import odd_characters
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import nearest
from airflow_mlops.training.core.metric_facts import METRIC_FACTS

_WRAPPERS: Final = ("function-", "[key]")
_LIMITS: Final = "require"


def explain(
    layer: Layer, errors: Sequence[Mapping[str, Any]], model: type[BaseModel] = Pipeline
) -> list[Fault]:
    """Return the faults for pydantic's errors about a ``model``, each with its place.

    A list that is too short only because its items are wrong is no fault of its own, nor is a required key
    that is missing because it was misspelt or stands elsewhere: one mistake is told once.
    """
    paths = [key_path(item) for item in errors]
    unknown = [path for item, path in zip(errors, paths, strict=True) if item["type"] == "extra_forbidden"]
    told = {meant for path in unknown for meant in _meant(path, model)}
    return [
        _fault(layer, item, path, model)
        for item, path in zip(errors, paths, strict=True)
        if item["type"] != "too_short" or not any(path == other[:-1] for other in paths if other)
        if item["type"] != "missing" or path not in told
    ]


def _meant(path: KeyPath, model: type[BaseModel]) -> Iterator[KeyPath]:
    """Yield what an unknown key may have been meant for, as its message will say."""
    name, section = str(path[-1]), path[:-1]
    if _is_limit(path, model):
        yield (*section, _LIMITS)
    elif near := _near(name, keys_at(section, model), homes(name)):
        yield (*section, near)
    else:
        yield from ((*home.split("."), name) for home in homes(name))


def config_error_from(model: type[BaseModel], values: dict[str, Any], error: ValidationError) -> ConfigError:
    """Return the error for a section that was built in Python: one line for each fault, by its key."""
    layer = Layer(values, {(): Place("", (), Mark(), Mark())})
    name = values.get("name") if model is Pipeline else None
    who = f"{model.__name__} {name}" if isinstance(name, str) else model.__name__
    faults = explain(layer, error.errors(include_url=False), model)
    return ConfigError(
        "\n".join(": ".join(filter(None, (who, fault.path, fault.message))) for fault in faults)
    )


def key_path(item: Mapping[str, Any]) -> KeyPath:
    """Return where one of pydantic's errors stands, without its names for kinds of checks."""
    return tuple(part for part in item["loc"] if not (isinstance(part, str) and part.startswith(_WRAPPERS)))


def _fault(layer: Layer, item: Mapping[str, Any], path: KeyPath, model: type[BaseModel]) -> Fault:
    kind = item["type"]
    if kind == "extra_forbidden":
        known = _known_keys(str(path[-1]), keys_at(path[:-1], model), homes(str(path[-1])))
        message = "unknown key" + (_under_limits(layer, path) if _is_limit(path, model) else known)
        return layer.fault(path, message, at_key=True)
    if kind == "missing":
        return layer.fault(path, "required key is missing", at_key=True)
    if isinstance(error := item.get("ctx", {}).get("error"), FieldError):
        return layer.fault((*path, *error.path), str(error), at_key=True)
    if kind in ("model_type", "dict_type"):
        return layer.fault(path, f"expected a mapping of keys, got {_written(layer, path, item['input'])}")
    if kind == "tuple_type":
        written = _written(layer, path, item["input"])
        return layer.fault(path, f"expected a list, as [{str(item['input'])[:40]}], got {written}")
    if kind == "string_type":
        return layer.fault(path, _not_text(layer, path, item["input"]))
    message = _message(item)
    value = item.get("input")
    plain = isinstance(value, str | int | float | bool) and "got" not in message
    shown = f" (got {_written(layer, path, value)}{_near_word(item)})" if plain else ""
    return layer.fault(path, message + shown, at_key="[key]" in item["loc"])


def _is_limit(path: KeyPath, model: type[BaseModel]) -> bool:
    """Whether a key is the name of a metric, beside the key that limits stand under."""
    return path[-1] in METRIC_FACTS and _LIMITS in keys_at(path[:-1], model)


def _under_limits(layer: Layer, path: KeyPath) -> str:
    name, value = str(path[-1]), _at(layer.values, path)
    sign, bound = (">=", 0.8) if METRIC_FACTS[name].larger_is_better else ("<=", 0.5)
    if isinstance(value, int | float) and not isinstance(value, bool):
        bound = value
    limit = value if isinstance(value, str) and value[:1] in ("<", ">") else f"{sign} {bound:g}"
    return f': limits stand under {_LIMITS}: {{{name}: "{limit}"}}'


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values[part]
    return values


def _near_word(item: Mapping[str, Any]) -> str:
    """Return ``; did you mean x?`` for one word out of several."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    near = nearest(item["input"][:100], re.findall(r"'([^']+)'", str(item["ctx"]["expected"])))
    return f"; did you mean {near}?" if near else ""


def _message(item: Mapping[str, Any]) -> str:
    limits = item.get("ctx", {})
    match item["type"]:
        case "greater_than" if isinstance(item["input"], timedelta):
            return "a duration is longer than nothing"
        case "too_short":
            return f"needs at least {limits['min_length']} item, got {limits['actual_length']}"
        case "string_too_long":
            return f"is longer than {limits['max_length']} characters"
        case "string_too_short":
            return "is empty"
        case "string_pattern_mismatch":
            return "a name is a lower-case letter, then lower-case letters, digits and _, at most 63 in all"
    return str(item["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")


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
    if path not in layer.places:
        return f"expected text, got {text}"
    kind = kinds.get(type(value), "nothing" if value is None else "a date")
    return f"expected text, but YAML reads {text} as {kind}: write it in quotes"


def _known_keys(name: str, known: Iterable[str], elsewhere: Sequence[str] = ()) -> str:
    """Name the key that was meant, or the section that this one belongs to."""
    known, odd = sorted(known), odd_characters(name)
    if near := _near(name, known, elsewhere):
        return f" (did you mean {near}?){odd or _foreign(name)}"
    if elsewhere:
        return f" here: it belongs in {' or '.join(elsewhere[:3])}{odd}"
    return f"; known: {', '.join(known)}{odd}"


def _near(name: str, known: Iterable[str], elsewhere: Sequence[str]) -> str | None:
    plain = "".join(char for char in unicodedata.normalize("NFKC", name) if char.isprintable()).strip()
    return nearest(plain[:100], sorted(known), cutoff=0.8 if elsewhere else 0.6)


def _foreign(name: str) -> str:
    """Name a letter of another alphabet, which can look the same."""
    letter = next((char for char in name[:100] if not char.isascii()), None)
    return f" (it holds U+{ord(letter):04X} {unicodedata.name(letter, 'unnamed')})" if letter else ""
