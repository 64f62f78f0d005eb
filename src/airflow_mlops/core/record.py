"""The base of all records: frozen, JSON out and in, with a kind and a version."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.json_keys import with_own_keys, with_text_keys

_KINDS: dict[str, type[Record]] = {}


@dataclass(frozen=True, kw_only=True)
class Record:
    """Base of all records: JSON in, JSON out."""

    version: ClassVar[int] = 1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _KINDS[cls.__name__] = cls

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values with its ``kind`` and ``version``."""
        plain: dict[str, Any] = with_text_keys(dataclasses.asdict(self))
        return {"kind": type(self).__name__, "version": self.version, **plain}

    @property
    def summary(self) -> str:
        """What the record says in one short sentence, for people who watch a pipeline; empty by default."""
        return ""

    @property
    def rejection(self) -> str:
        """Why this record ends the run without an error of the software; empty for every other record."""
        return ""

    @classmethod
    def summary_of_all(cls, records: Sequence[Self]) -> str:
        """The records of mapped tasks in one sentence."""
        return "; ".join(record.summary for record in records)

    @staticmethod
    def is_record(data: Mapping[str, Any]) -> bool:
        """Whether a mapping is a record's JSON, of whichever kind."""
        return data.get("kind") in _KINDS and "version" in data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build a record from ``to_json`` output.

        Raises ConfigError when the kind is unknown, not of this class, or written by a newer release.
        """
        kind = data.get("kind")
        found = _KINDS.get(str(kind))
        if found is None or not issubclass(found, cls):
            raise ConfigError(f"expected a {cls.__name__} record, got kind {kind!r}")
        if data.get("version", 0) > found.version:
            raise ConfigError(
                f"{kind} record has version {data['version']}, this release reads up to {found.version}: "
                "upgrade airflow-mlops on the worker"
            )
        record: Self = _decode(found, data)
        return record


def _decode(hint: Any, value: Any) -> Any:
    """Turn plain JSON into the dataclass, tuple or mapping that ``hint`` names."""
    if value is None or hint is Any:
        return with_own_keys(value)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _decode(next(a for a in args if a is not type(None)), value)
    if origin is tuple:
        return tuple(_decode(args[0], item) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _decode(args[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        known = [f.name for f in dataclasses.fields(hint) if f.name in value]
        return hint(**{name: _decode(hints[name], value[name]) for name in known})
    return float(value) if hint is float else value
