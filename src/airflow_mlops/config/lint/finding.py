"""What a lint rule gets and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_mlops.config.faults import KeyPath, Level
from airflow_mlops.config.lint.source import Sources
from airflow_mlops.config.models import Pipeline, Section, Source


@dataclass(frozen=True)
class Finding:
    """One thing that a rule found, at a path of the configuration."""

    rule: str
    path: KeyPath
    message: str
    level: Level = "error"


@dataclass(frozen=True)
class Subject:
    """What rules look at: the checked configuration, its values as written, and the source of its code.

    ``folder`` is the folder that relative paths start from.
    """

    pipeline: Pipeline
    values: dict[str, Any]
    sources: Sources
    folder: Path

    def written(self, *path: str) -> dict[str, Any]:
        """Return the mapping that was written at ``path``, faulty values included; else an empty one."""
        value: Any = self.values
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}


Rule = Callable[[Subject], Iterator[Finding]]


def sources(section: Section, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Source]]:
    """Yield every source below a section, with its path: the data's, and that of labels if there is one."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Source):
            yield (*path, name), value
        elif isinstance(value, Section):
            yield from sources(value, (*path, name))


def texts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield every text below a value, with its path."""
    if isinstance(value, str):
        yield path, value
    items: Any = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield from texts(item, (*path, key))
