"""A recipe on its way to a pipeline file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from pathlib import Path
from typing import Any

from airflow_mlops.cli.migrate.recipe import Recipe, StepFunctions
from airflow_mlops.cli.migrate.report import Outcome, ReportLine
from airflow_mlops.config.faults import KeyPath


@dataclass(frozen=True)
class GlueFunction:
    """A function of the glue module: usual name, imports, and text with ``{name}`` as its name."""

    name: str
    imports: tuple[str, ...]
    text: str


@dataclass
class Conversion:
    """The recipe with its step functions, and the pipeline file, report and glue code so far.

    ``folder`` will hold the pipeline file, ``name`` is the pipeline's. ``glue_names`` are the names of glue
    functions that must not have their usual ones.
    """

    recipe: Recipe
    steps: StepFunctions
    folder: Path
    name: str
    glue_names: Mapping[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    lines: list[ReportLine] = field(default_factory=list)
    glue: list[tuple[str, GlueFunction]] = field(default_factory=list)

    def value(self, *path: str) -> Any:
        """Return the recipe's value at a path, or None when there is none."""
        node: Any = self.recipe.values
        for key in path:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def function(self, *path: str) -> str | None:
        """Return the value at a path when it is a valid name of a Python function."""
        found = self.value(*path)
        valid = isinstance(found, str) and found.isidentifier() and not iskeyword(found)
        return found if valid else None

    def carried(self, path: KeyPath, to: str) -> None:
        """Report a value that means the same at ``to``."""
        self.lines.append(ReportLine(path, Outcome.CARRIED, to))

    def changed(self, path: KeyPath, text: str) -> None:
        """Report a value whose successor differs; ``text`` says how."""
        self.lines.append(ReportLine(path, Outcome.CHANGED, text))

    def left(self, path: KeyPath, todo: str) -> None:
        """Report a value without a successor; ``todo`` is the next step."""
        self.lines.append(ReportLine(path, Outcome.LEFT, todo))

    def left_if_set(self, path: tuple[str, ...], todo: str) -> None:
        """Report a value without a successor, if the recipe has it."""
        if self.value(*path) is not None:
            self.left(path, todo)

    def glue_path(self, function: str) -> str:
        """Return the import path of a glue function, in a module beside the pipeline file."""
        return f"{self.name}_steps:{self.glue_names.get(function, function)}"

    def add_glue(self, function: GlueFunction) -> None:
        """Add a function to the glue code."""
        self.glue.append((self.glue_names.get(function.name, function.name), function))


def number(value: Any) -> float | None:
    """Return a finite number as a float, or None for anything else."""
    try:
        found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    return found if math.isfinite(found) else None
