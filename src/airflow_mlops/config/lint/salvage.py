"""A configuration without its faulty values, so that one fault does not hide another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from airflow_mlops.config.explain import key_path
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.loader import Variant
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.shape import off_as_none

_STAND_INS: Final[Mapping[str, Any]] = {
    "name": "stand_in",
    "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "target"},
    "train": {"estimator": "sklearn.dummy.DummyClassifier"},
    "evaluate": {"metrics": ["accuracy"]},
}
_ROUNDS: Final = 20


@dataclass(frozen=True)
class Salvaged:
    """A configuration without its faulty values; ``dropped`` are their paths in the file."""

    pipeline: Pipeline
    dropped: tuple[KeyPath, ...] = ()

    def lacks(self, read: Iterable[str]) -> bool:
        """Whether something that a rule reads is dropped: ``a.b`` as a whole, ``a.b.*`` in part as well."""
        return any(_touches(path, text) for text in read for path in self.dropped)

    def covers(self, path: KeyPath) -> bool:
        """Whether ``path`` is dropped, or below a path that is."""
        return any(path[: len(lost)] == lost for lost in self.dropped)

    def in_file(self, path: KeyPath) -> KeyPath:
        """Return a path of this configuration as it is in the file: dropped items of a list count."""
        return _in_file(path, self.dropped)


def salvage(variant: Variant) -> Salvaged | None:
    """Return a variant without its faulty values, or None when no pipeline can be made of the rest.

    A value that a pipeline needs is replaced by a stand-in, and its path counts as dropped.
    """
    if variant.pipeline is not None:
        return Salvaged(variant.pipeline)
    values, faults = off_as_none(variant.layer, Pipeline)
    dropped = [_path(fault.path, variant.profile) for fault in faults]
    values = deepcopy({key: value for key, value in values.items() if key != "profiles"})
    for _ in range(_ROUNDS):
        _fill(values, _STAND_INS, (), dropped)
        try:
            return Salvaged(Pipeline.model_validate(values), tuple(dict.fromkeys(dropped)))
        except ValidationError as error:
            found = {_removable(values, key_path(item)) for item in error.errors(include_url=False)}
        outermost = [path for path in found if not any(path[:n] in found for n in range(len(path)))]
        dropped += [_in_file(path, dropped) for path in outermost]
        for path in sorted(outermost, key=_latest_first):
            _remove(values, path)
    return None


def _in_file(path: KeyPath, dropped: Iterable[KeyPath]) -> KeyPath:
    whole: KeyPath = ()
    for part in path:
        if isinstance(part, int):
            lost = [other[-1] for other in dropped if other and other[:-1] == whole]
            for number in sorted(number for number in lost if isinstance(number, int)):
                part += number <= part
        whole = (*whole, part)
    return whole


def _touches(dropped: KeyPath, read: str) -> bool:
    keys: KeyPath = tuple(read.removesuffix(".*").split("."))
    return keys[: len(dropped)] == dropped or (read.endswith(".*") and dropped[: len(keys)] == keys)


def _path(text: str, profile: str | None) -> KeyPath:
    return tuple(text.removeprefix(f"profiles.{profile}.").split("."))


def _fill(values: dict[str, Any], needed: Mapping[str, Any], path: KeyPath, dropped: list[KeyPath]) -> None:
    for key, value in needed.items():
        if key not in values:
            values[key] = deepcopy(value)
            dropped.append((*path, key))
        elif isinstance(value, Mapping) and isinstance(values[key], dict) and key != "source":
            _fill(values[key], value, (*path, key), dropped)


def _removable(values: Any, path: KeyPath) -> KeyPath:
    """Return the part of ``path`` that is there; what lacks a key goes as a whole."""
    for length, part in enumerate(path):
        inside = part in values if isinstance(values, dict) else isinstance(part, int)
        if not inside or not isinstance(values, dict | list):
            return path[:length]
        values = values[part]  # type: ignore[index]  # a key of a mapping or a number of a list
    return path


def _latest_first(path: KeyPath) -> tuple[Any, ...]:
    return tuple(-part if isinstance(part, int) else 0 for part in path)


def _remove(values: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        values = values[part]
    if path:
        del values[path[-1]]
