"""One part of a migration: settings of the pipeline file, what became of the values, and glue code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from pathlib import Path
from typing import Any

from airflow_mlops.cli.migrate.entry import Entry
from airflow_mlops.cli.migrate.recipe import Recipe
from airflow_mlops.cli.migrate.steps import Steps


@dataclass(frozen=True)
class Subject:
    """What is migrated: the recipe, its functions, and the folder that the pipeline file will be in.

    ``names`` are those of glue functions that must not have their usual ones.
    """

    recipe: Recipe
    steps: Steps
    folder: Path
    name: str
    names: Mapping[str, str] = field(default_factory=dict)

    def glue(self, function: str) -> str:
        """Return the dotted path of a function of the glue code, in a module beside the pipeline file."""
        return f"{self.name}_steps:{self.names.get(function, function)}"

    def at(self, *path: str) -> Any:
        """Return the recipe's value at a path, or None when it is not there."""
        node: Any = self.recipe.values
        for key in path:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def text(self, *path: str) -> str | None:
        """Return the value at a path when it is a text that is not empty."""
        found = self.at(*path)
        return found if isinstance(found, str) and found else None

    def function(self, *path: str) -> str | None:
        """Return the value at a path when it is a name that Python code can hold."""
        found = self.text(*path)
        return found if found and found.isidentifier() and not iskeyword(found) else None


def number(value: Any) -> float | None:
    """Return a finite number as a float, or None for anything else."""
    try:
        found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


@dataclass(frozen=True)
class Code:
    """Glue code: a function's usual name, what it imports, and its text with the name as ``{name}``."""

    name: str
    imports: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Part:
    """Settings by section, entries of the report, and glue code by function name."""

    config: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    code: tuple[Code, ...] = ()
