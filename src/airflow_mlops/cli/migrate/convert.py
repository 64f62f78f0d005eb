"""Converts a recipe with its profiles: one pipeline file, one report, the glue code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from airflow_mlops.cli.migrate.conversion import Conversion, GlueFunction
from airflow_mlops.cli.migrate.data_section import convert_data
from airflow_mlops.cli.migrate.evaluate_section import convert_evaluation
from airflow_mlops.cli.migrate.pipeline_name import convert_names, pipeline_name
from airflow_mlops.cli.migrate.profiles import profile_changes
from airflow_mlops.cli.migrate.recipe import Recipe, Recipes, StepFunctions
from airflow_mlops.cli.migrate.report import Outcome, ReportLine, in_order, unreported
from airflow_mlops.cli.migrate.train_section import convert_training
from airflow_mlops.cli.terminal import counted
from airflow_mlops.core.errors import ConfigError

_ORDER: Final[tuple[str, ...]] = ("version", "name", "data", "train", "evaluate", "profiles")
_LOST: Final = "a profile cannot take this away: give the chosen profile another value, or none"
_UNKNOWN: Final = "this command does not know it: see docs/reference/pipeline.md for the known keys"


@dataclass(frozen=True)
class Migration:
    """The values of the pipeline file, the report on every value of the recipe, glue functions by name."""

    config: Mapping[str, Any]
    lines: tuple[ReportLine, ...]
    glue: tuple[tuple[str, GlueFunction], ...]


def migrate_recipes(recipes: Recipes, steps: StepFunctions, folder: Path) -> Migration:
    """Convert a recipe with its profiles into a pipeline file that will be in ``folder``.

    Every value of the recipe is in ``lines`` once. Raises ConfigError for a recipe without a target.
    """
    conversion = Conversion(recipes.chosen, steps, folder, pipeline_name(recipes.chosen))
    first = _convert(conversion)
    lines, glue = list(first.lines), list(first.glue)
    profiles: dict[str, Any] = {}
    for other in recipes.others:
        second = _convert_profile(conversion, other, first)
        difference, lost = profile_changes(first.config, second.config)
        profiles[str(other.profile)] = difference
        lines += _new_lines(recipes.chosen, other, first, second)
        lines += [ReportLine((f"profiles/{other.profile}", *path), Outcome.LEFT, _LOST) for path in lost]
        glue += second.glue
    lines += [ReportLine((f"profiles/{name}",), Outcome.LEFT, text) for name, text in recipes.unread.items()]
    config: dict[str, Any] = {"version": 1, **first.config, **({"profiles": profiles} if profiles else {})}
    ordered = {key: config[key] for key in _ORDER if key in config}
    return Migration(ordered, tuple(lines), tuple(glue))


def _convert(start: Conversion) -> Migration:
    """Convert a recipe with one profile."""
    conversion, recipe = replace(start, config={}, lines=[], glue=[]), start.recipe
    if recipe.values.get("target_col") in (None, ""):
        raise ConfigError(f"{recipe.root}: the recipe has no target_col: name the column to predict")
    for convert in (convert_names, convert_data, convert_training, convert_evaluation):
        convert(conversion)
    for path in unreported(recipe.values, conversion.lines):
        conversion.left(path, _UNKNOWN)
    return Migration(
        conversion.config, tuple(in_order(conversion.lines, recipe.values)), tuple(conversion.glue)
    )


def _convert_profile(start: Conversion, recipe: Recipe, first: Migration) -> Migration:
    """Convert another profile; its glue functions that differ from the chosen profile's get other names."""
    usual = _convert(replace(start, recipe=recipe))
    suffix = re.sub(r"\W", "_", str(recipe.profile))
    names = {name: f"{name}_{suffix}" for name, function in usual.glue if (name, function) not in first.glue}
    own = _convert(replace(start, recipe=recipe, glue_names=names))
    return replace(own, glue=tuple(pair for pair in own.glue if pair not in first.glue))


def as_yaml(migration: Migration, source: str) -> str:
    """Return the pipeline file's text, with the values without a match as comments at its head."""
    todo = sum(line.outcome is Outcome.LEFT for line in migration.lines)
    head = [f"# Generated from {source} by `airflow-mlops migrate`."]
    if todo:
        head.append(f"# {counted(todo, 'value')} had no match; the report says what to do.")
    text = yaml.safe_dump(dict(migration.config), sort_keys=False, width=100, allow_unicode=True)
    return "\n".join(head) + "\n" + str(text)


def glue_module(migration: Migration) -> str:
    """Return the text of the glue module, or nothing when there is none."""
    if not migration.glue:
        return ""
    lines = sorted({line for _, function in migration.glue for line in function.imports})
    groups = [
        [line for line in lines if (line.startswith("from pathlib"), line.startswith("from steps")) == kind]
        for kind in ((True, False), (False, False), (False, True))
    ]
    name = migration.config["name"]
    head = f'"""Joins the functions in `steps/` for pipeline {name}; written by `airflow-mlops migrate`."""'
    imports = ["\n".join(sorted(group, key=lambda line: line.split()[1])) for group in groups if group]
    functions = [function.text.replace("{name}", own, 1) for own, function in migration.glue]
    return "\n\n".join([head, *imports]) + "\n\n\n" + "\n\n".join(functions)


def _new_lines(chosen: Recipe, other: Recipe, first: Migration, second: Migration) -> list[ReportLine]:
    """Return the lines of another profile that differ from those of the chosen one."""
    known = {(line.path, line.text) for line in first.lines}
    return [
        replace(line, path=(f"profiles/{other.profile}", *line.path))
        for line in second.lines
        if (line.path, line.text) not in known
        or _value(chosen.values, line.path) != _value(other.values, line.path)
    ]


def _value(values: Any, path: Iterable[str | int]) -> Any:
    for key in path:
        if isinstance(values, Mapping):
            values = values.get(str(key))
        elif isinstance(values, list) and isinstance(key, int) and key < len(values):
            values = values[key]
        else:
            return None
    return values
