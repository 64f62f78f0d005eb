"""What a lint rule reads and what it yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_mlops.config.faults import KeyPath, Level
from airflow_mlops.config.lint.libraries import Libraries
from airflow_mlops.config.lint.source import Sources
from airflow_mlops.config.merge import Layer
from airflow_mlops.config.models import Pipeline, Section, Source


@dataclass(frozen=True)
class Finding:
    """One thing that a rule has found, at a path of the configuration."""

    path: KeyPath
    message: str
    level: Level = "error"


@dataclass(frozen=True)
class Subject:
    """What rules read: the checked configuration, its values as written, and the source of its code.

    ``folder`` is the folder that relative paths start from.
    """

    pipeline: Pipeline
    layer: Layer
    sources: Sources
    folder: Path

    @property
    def libraries(self) -> Libraries:
        """The installed libraries, which a child process imports."""
        return self.sources.libraries

    @property
    def values(self) -> dict[str, Any]:
        """The values as written, of all layers."""
        return self.layer.values

    def together(self, one: KeyPath, other: KeyPath) -> bool:
        """Whether two keys were written in the same file, both in the same profile or in none."""
        first, second = self.layer.place(one), self.layer.place(other)
        return (first.file, _profile(first.path)) == (second.file, _profile(second.path))

    def written(self, *path: str) -> dict[str, Any]:
        """Return the mapping that was written at ``path``, faulty values included; else an empty one."""
        value: Any = self.values
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}


def _profile(path: KeyPath) -> KeyPath:
    return path[:2] if path[:1] == ("profiles",) else ()


Rule = Callable[[Subject], Iterator[Finding]]


def sources(section: Section, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Source]]:
    """Yield every source below a section, with its path: the data's, those of joins, that of labels."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Source):
            yield (*path, name), value
        elif isinstance(value, Section):
            yield from sources(value, (*path, name))
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                if isinstance(item, Section):
                    yield from sources(item, (*path, name, number))


def file_paths(source: Source, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield every file path of a source at ``path``, each with its own path in the configuration."""
    if isinstance(source.filepath, str):
        yield (*path, "filepath"), source.filepath
    else:
        for number, text in enumerate(source.paths):
            yield (*path, "filepath", number), text


def is_template(value: Any) -> bool:
    """Whether Jinja fills in a value when the pipeline runs, so that it is not known yet."""
    return isinstance(value, str) and "{{" in value


def texts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield every text below a value, with its path."""
    if isinstance(value, str):
        yield path, value
    items: Any = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield from texts(item, (*path, key))
