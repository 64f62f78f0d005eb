"""The shape that the models give to a file: the keys at a path, and the sections that can be switched off."""

from __future__ import annotations

import types
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from airflow_mlops.config.document import Place
from airflow_mlops.config.faults import Fault, KeyPath
from airflow_mlops.config.merge import Layer
from airflow_mlops.config.own_keys import with_keys_of_yaml


@dataclass(frozen=True)
class Schema:
    """The model that was to be built, and the model of the whole file, whose sections a message may name.

    >>> from airflow_mlops.config.models import Pipeline
    >>> schema = Schema(Pipeline, Pipeline)
    >>> schema.keys(("approve",)), schema.sections_with("n_trials")
    (['by', 'needs', 'author', 'within', 'on_timeout'], ('train.tune',))
    """

    model: type[BaseModel]
    root: type[BaseModel]

    def keys(self, path: KeyPath) -> list[str]:
        """Return the keys of the section at ``path``, as they are written in a file."""
        model, parts = self.model, iter(path)
        for part in parts:
            field = _fields(model).get(str(part))
            inner = model_of(field)
            if inner is None and (inner := item_model(field)) is not None:
                next(parts, None)  # the key or number of the item
            if inner is None:
                break
            model = inner
        return [*_fields(model), *getattr(model, "keys_of_layers", ())]

    def sections_with(self, key: str) -> tuple[str, ...]:
        """Return the sections of the file that have a key, for one that stands in another section."""
        return _sections(self.root).get(key, ())


@cache
def _sections(root: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Return every key below a model with the sections that have it, the outermost first."""
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, type[BaseModel]]] = [("", root)]
    while waiting:
        section, model = waiting.pop(0)
        for key, field in _fields(model).items():
            here = f"{section}.{key}" if section else key
            found.setdefault(key, []).append(section or "the top level")
            if (inner := model_of(field)) is not None:
                waiting.append((here, inner))
            elif (item := item_model(field)) is not None:
                waiting.append((f"{here}.*", item))
    return {key: tuple(sections) for key, sections in found.items()}


def model_of(field: FieldInfo | None) -> type[BaseModel] | None:
    """Return the section that a key holds, or None when it holds plain values."""
    return _model_in(field.annotation) if field else None


def item_model(field: FieldInfo | None) -> type[BaseModel] | None:
    """Return the section that each item of a key's list or mapping is, or None."""
    arguments = get_args(field.annotation) if field and get_origin(field.annotation) in (dict, tuple) else ()
    return next((found for arg in arguments if (found := _model_in(arg))), None)


def optional(field: FieldInfo) -> bool:
    """Whether a key may be None, so that ``off`` switches it off."""
    return type(None) in get_args(field.annotation)


def off_as_none(layer: Layer, model: type[BaseModel]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the values with ``off`` turned into None, and the faults of sections that cannot be off.

    An empty section is a fault as well: it could mean the defaults of the section, or no section.
    """
    faults: list[Fault] = []
    return _switch(layer, layer.values, model, (), faults), faults


def _switch(
    layer: Layer, values: dict[str, Any], model: type[BaseModel], path: KeyPath, faults: list[Fault]
) -> dict[str, Any]:
    result, fields = dict(values), _fields(model)
    for key, value in values.items():
        field = fields.get(key)
        if field is None:
            continue
        here, inner = (*path, key), model_of(field)
        if value is False and optional(field) and not _takes_bool(field):
            result[key] = None
        elif inner is not None and isinstance(value, dict):
            result[key] = _switch(layer, value, inner, here, faults)
        elif (items := item_model(field)) is not None and isinstance(value, dict | list):
            result[key] = _switch_items(layer, value, items, here, faults)
        elif isinstance(value, dict | list) and _is_free(field.annotation):
            result[key] = with_keys_of_yaml(layer, value, here, faults)
        elif message := _misuse(value, key, inner, field, layer.places.get(here)):
            faults.append(layer.fault(here, message))
            del result[key]
    return result


def _switch_items(
    layer: Layer, value: Any, model: type[BaseModel], path: KeyPath, faults: list[Fault]
) -> Any:
    """Return a list or a mapping of sections, each as ``_switch`` returns it."""

    def switched(place: str | int, item: Any) -> Any:
        return _switch(layer, item, model, (*path, place), faults) if isinstance(item, dict) else item

    if isinstance(value, list):
        return [switched(number, item) for number, item in enumerate(value)]
    return {name: switched(name, item) for name, item in value.items()}


def _is_free(annotation: Any) -> bool:
    """Whether a key holds values of any type, which are passed on as they are."""
    return annotation is Any or any(map(_is_free, get_args(annotation)))


def _misuse(
    value: Any, key: str, inner: type[BaseModel] | None, field: FieldInfo, place: Place | None
) -> str | None:
    written = place.text if place and place.text is not None else value
    if value is None and place is not None and place.text == "":
        ways = [f"`{key}: {{}}` for the defaults"] if inner and not _required(inner) else []
        ways += [f"`{key}: off`"] if optional(field) else []
        return f"must not be empty: write {' or '.join(ways) or 'its value'}"
    if inner is None or not isinstance(value, bool):
        return None
    if value is False:
        return f"cannot be switched off, got {written}"
    hint = f": write `{key}: {{}}` for the defaults" if not _required(inner) else ""
    return f"must be a mapping of keys, got {written}{hint}"


def _required(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _takes_bool(field: FieldInfo) -> bool:
    return bool in (field.annotation, *get_args(field.annotation))


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation is, or that it is besides None; not one inside a container."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is Annotated:
        return _model_in(get_args(annotation)[0])
    if get_origin(annotation) not in (Union, types.UnionType):
        return None
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)
