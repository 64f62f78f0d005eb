"""A recipe on its way to a pipeline file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from pathlib import Path
from typing import Any, Final

from airflow_mlops.cli.migrate.recipe import Recipe, StepFunctions
from airflow_mlops.cli.migrate.report import Outcome, ReportLine
from airflow_mlops.config.faults import KeyPath

_MISSING: Final = object()
_GLUE_NAMES: Final = (
    *("Path", "Pipeline", "fsspec", "pd", "params", "str", "sorted"),
    *("file", "files", "frame", "here", "place", "places"),
)


@dataclass(frozen=True)
class GlueFunction:
    """A function of the glue module: name, imports, and text with ``{name}`` as its name."""

    name: str
    imports: tuple[str, ...]
    text: str


@dataclass
class Conversion:
    """The recipe with its step functions, and the pipeline file, report and glue code so far.

    ``folder`` will hold the pipeline file, ``name`` is the pipeline's. Glue functions other than the
    ``known_glue`` have a name that ends in ``suffix``.
    """

    recipe: Recipe
    steps: StepFunctions
    folder: Path
    name: str
    known_glue: tuple[GlueFunction, ...] = ()
    suffix: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    lines: list[ReportLine] = field(default_factory=list)
    glue: list[GlueFunction] = field(default_factory=list)

    def value(self, *path: str | int) -> Any:
        """Return the recipe's value at a path, or None when there is none."""
        return value_at(self.recipe.values, path)

    def function(self, *path: str) -> str | None:
        """Return the value at a path when it is a valid name of a Python function."""
        found = self.value(*path)
        valid = isinstance(found, str) and found.isidentifier() and not iskeyword(found)
        return found if valid else None

    def carried(self, path: KeyPath, to: str) -> None:
        """Report that a value, if the recipe has it, means the same at ``to``."""
        self._report(path, Outcome.CARRIED, to)

    def changed(self, path: KeyPath, text: str) -> None:
        """Report that the successor of a value, if the recipe has it, differs; ``text`` says how."""
        self._report(path, Outcome.CHANGED, text)

    def left(self, path: KeyPath, advice: str) -> None:
        """Report that a value, if the recipe has it, has no successor; ``advice`` is the next step."""
        self._report(path, Outcome.LEFT, advice)

    def has(self, path: KeyPath) -> bool:
        """Whether the recipe has a value at a path."""
        return value_at(self.recipe.values, path, _MISSING) is not _MISSING

    def default(self, path: KeyPath, outcome: Outcome, text: str) -> None:
        """Report what Recipes do when a recipe does not have the value at ``path``, as this one."""
        if not self.has(path):
            self.lines.append(ReportLine(path, outcome, f"not in the recipe: {text}"))

    def _report(self, path: KeyPath, outcome: Outcome, text: str) -> None:
        if self.has(path):
            self.lines.append(ReportLine(path, outcome, text))

    def imported(self, module: str, name: str) -> tuple[str, str]:
        """Return the import of a step function for the glue code, and its name there.

        A name that the glue code has itself, such as ``estimator``, gets another one.
        """
        own = {"estimator", "rows", f"estimator{self.suffix}", f"rows{self.suffix}"}
        local = f"recipe_{name}" if name in (*_GLUE_NAMES, *own) else name
        return f"from {module} import {name}{f' as {local}' if local != name else ''}", local

    def add_glue(self, name: str, imports: Iterable[str], text: str) -> str:
        """Add a function to the glue code; returns its import path, in a module beside the pipeline file."""
        function = GlueFunction(name, tuple(imports), text)
        if function not in self.known_glue:
            function = replace(function, name=name + self.suffix)
            self.glue.append(function)
        return f"{self.name}_steps:{function.name}"


def value_at(values: Any, path: KeyPath, default: Any = None) -> Any:
    """Return the value at a path, or the default when there is none."""
    for key in path:
        if isinstance(values, Mapping) and key not in values:  # a path has numbers among the keys as text
            key = next((known for known in values if str(known) == key), key)
        keyed = isinstance(values, Mapping) and key in values
        listed = isinstance(values, list) and isinstance(key, int) and key < len(values)
        if not keyed and not listed:
            return default
        values = values[key]
    return values


def number(value: Any) -> float | None:
    """Return a finite number as a float, or None for anything else."""
    try:
        found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    return found if math.isfinite(found) else None
