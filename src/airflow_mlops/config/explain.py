"""Turns pydantic's errors into faults that say what to write instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from airflow_mlops.config.document import Place
from airflow_mlops.config.faults import Fault, KeyPath, Mark
from airflow_mlops.config.merge import Layer
from airflow_mlops.config.shape import Schema
from airflow_mlops.config.values import FieldError
from airflow_mlops.config.yaml_errors import odd_characters
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import nearest
from airflow_mlops.training.core.metric_facts import METRIC_FACTS

_WRAPPERS: Final = ("function-", "[key]")
_LIMITS: Final = "require"
_KINDS: Final = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a mapping"}


def explain(layer: Layer, errors: Sequence[Mapping[str, Any]], schema: Schema) -> list[Fault]:
    """Return the faults for pydantic's errors about a model, each with its place.

    One mistake is one fault: a list that is too short because its items are wrong is not reported, nor is a
    required key that is missing because it was misspelt or stands in another section.
    """
    paths = [key_path(item) for item in errors]
    unknown = [path for item, path in zip(errors, paths, strict=True) if item["type"] == "extra_forbidden"]
    intended = {meant for path in unknown for meant in _intended(path, schema)}
    parents = {path[:-1] for path in paths if path}
    faults = []
    for item, path in zip(errors, paths, strict=True):
        follows = (item["type"] == "too_short" and path in parents) or (
            item["type"] == "missing" and path in intended
        )
        if not follows:
            faults.append(_fault(layer, item, path, schema))
    return faults


def config_error_from(schema: Schema, values: dict[str, Any], error: ValidationError) -> ConfigError:
    """Return the error for a section that was built in Python: one line per fault, with its path."""
    layer = Layer(values, {(): Place("", (), Mark(), Mark())})
    name, kind = values.get("name"), schema.model.__name__
    subject = f"{kind} {name}" if schema.model is schema.root and isinstance(name, str) else kind
    faults = explain(layer, error.errors(include_url=False), schema)
    return ConfigError(
        "\n".join(": ".join(filter(None, (subject, fault.path, fault.message))) for fault in faults)
    )


def key_path(item: Mapping[str, Any]) -> KeyPath:
    """Return the path of one of pydantic's errors, without pydantic's names for kinds of validators."""
    error = item.get("ctx", {}).get("error")
    own = error.path if isinstance(error, FieldError) else ()
    section = (part for part in item["loc"] if not (isinstance(part, str) and part.startswith(_WRAPPERS)))
    return (*section, *own)


def _intended(path: KeyPath, schema: Schema) -> Iterator[KeyPath]:
    """Yield what an unknown key may have been meant for, as its message will say."""
    name, section = str(path[-1]), path[:-1]
    if _is_limit(path, schema):
        yield (*section, _LIMITS)
    elif near := _nearest_key(name, schema.keys(section), schema.sections_with(name)):
        yield (*section, near)
    else:
        yield from ((*home.split("."), name) for home in schema.sections_with(name))


def _fault(layer: Layer, item: Mapping[str, Any], path: KeyPath, schema: Schema) -> Fault:
    kind = item["type"]
    if kind == "extra_forbidden":
        return layer.fault(path, _unknown_key(layer, path, schema), at_key=True)
    if kind == "missing":
        return layer.fault(path, "required key is missing", at_key=True)
    if isinstance(error := item.get("ctx", {}).get("error"), FieldError):
        return layer.fault(path, str(error), at_key=True)
    value = item.get("input")
    written = _as_written(layer, path, value)
    if kind in ("model_type", "dict_type"):
        return layer.fault(path, f"must be a mapping of keys, got {written}")
    if kind == "tuple_type":
        return layer.fault(path, f"must be a list, as [{str(value)[:40]}], got {written}")
    if kind == "string_type":
        return layer.fault(path, _not_text(layer, path, value))
    message = _message(item)
    if isinstance(value, str | int | float | bool) and "got" not in message:
        message += f", got {written}{_nearest_word(item)}"
    return layer.fault(path, message, at_key="[key]" in item["loc"])


def _message(item: Mapping[str, Any]) -> str:
    limits = item.get("ctx", {})
    match item["type"]:
        case "greater_than" if isinstance(item["input"], timedelta):
            return "a duration must be positive"
        case "too_short":
            return f"must have at least {limits['min_length']} item, got {limits['actual_length']}"
        case "string_too_long":
            return f"must be at most {limits['max_length']} characters long"
        case "string_too_short":
            return "must not be empty"
        case "string_pattern_mismatch":
            return (
                "a name must start with a letter and have only lower-case letters, digits and _, at most 63"
            )
    return str(item["msg"]).removeprefix("Value error, ").replace("Input should", "must", 1)


def _nearest_word(item: Mapping[str, Any]) -> str:
    """Return ``; did you mean x?`` for one of several words."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    near = nearest(item["input"], re.findall(r"'([^']+)'", str(item["ctx"]["expected"])))
    return f"; did you mean {near}?" if near else ""


def _as_written(layer: Layer, path: KeyPath, value: Any) -> str:
    """Return a value as it stands in the file."""
    place = layer.places.get(path)
    if place is not None and place.text is not None:
        return place.text[:80] or "nothing"
    return f"{value!r:.80}"


def _not_text(layer: Layer, path: KeyPath, value: Any) -> str:
    if isinstance(value, list | dict):
        return f"must be text, got {_KINDS[type(value)]}"
    text = _as_written(layer, path, value)
    if path not in layer.places:
        return f"must be text, got {text}"
    kind = _KINDS.get(type(value), "nothing" if value is None else "a date")
    return f"must be text, but YAML reads {text} as {kind}: write it in quotes"


def _is_limit(path: KeyPath, schema: Schema) -> bool:
    """Whether a key is the name of a metric in a section with limits."""
    return path[-1] in METRIC_FACTS and _LIMITS in schema.keys(path[:-1])


def _unknown_key(layer: Layer, path: KeyPath, schema: Schema) -> str:
    """Name the key that was meant, or the section that this one belongs to."""
    if _is_limit(path, schema):
        return f"is not a known key: limits belong under {_LIMITS}: {_as_limit(layer, path)}"
    name = str(path[-1])
    keys, elsewhere, odd = sorted(schema.keys(path[:-1])), schema.sections_with(name), odd_characters(name)
    if near := _nearest_key(name, keys, elsewhere):
        return f"is not a known key (did you mean {near}?){odd or _foreign_letter(name)}"
    if elsewhere:
        return f"is not a key of this section: it belongs in {' or '.join(elsewhere[:3])}{odd}"
    return f"is not a known key: expected one of {', '.join(keys)}{odd}"


def _as_limit(layer: Layer, path: KeyPath) -> str:
    """Return the limit that was probably meant, as it should be written."""
    name, value = str(path[-1]), layer.value(path)
    if isinstance(value, str) and value[:1] in ("<", ">"):
        return f'{{{name}: "{value}"}}'
    sign, bound = (">=", 0.8) if METRIC_FACTS[name].larger_is_better else ("<=", 0.5)
    if isinstance(value, int | float) and not isinstance(value, bool):
        bound = value
    return f'{{{name}: "{sign} {bound:g}"}}'


def _nearest_key(name: str, known: Iterable[str], elsewhere: Sequence[str]) -> str | None:
    plain = "".join(char for char in unicodedata.normalize("NFKC", name) if char.isprintable()).strip()
    return nearest(plain, known, cutoff=0.8 if elsewhere else 0.6)


def _foreign_letter(name: str) -> str:
    """Name a letter of another alphabet, which can look like a Latin one."""
    letter = next((char for char in name[:100] if not char.isascii()), None)
    return f" (it has U+{ord(letter):04X} {unicodedata.name(letter, 'unnamed')})" if letter else ""
