"""Converts a recipe with its profiles: one pipeline file, one report, the glue code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import yaml

from airflow_mlops.cli.migrate.conversion import Conversion, GlueFunction, value_at
from airflow_mlops.cli.migrate.data_section import convert_data
from airflow_mlops.cli.migrate.evaluate_section import convert_evaluation
from airflow_mlops.cli.migrate.no_match import NO_MATCH, UNKNOWN
from airflow_mlops.cli.migrate.pipeline_name import convert_names, pipeline_name
from airflow_mlops.cli.migrate.profiles import profile_changes
from airflow_mlops.cli.migrate.recipe import Recipe, Recipes, StepFunctions
from airflow_mlops.cli.migrate.report import Outcome, ReportLine, in_order, unreported
from airflow_mlops.cli.migrate.train_section import convert_training
from airflow_mlops.cli.terminal import counted
from airflow_mlops.core.errors import ConfigError

_LOST: Final = "a profile cannot take this away: give the chosen profile another value, or none"


@dataclass(frozen=True)
class Migration:
    """The values of the pipeline file, the report on every value of the recipe, and the glue code."""

    config: Mapping[str, Any]
    lines: tuple[ReportLine, ...]
    glue: tuple[GlueFunction, ...]


def migrate_recipes(recipes: Recipes, steps: StepFunctions, folder: Path) -> Migration:
    """Convert a recipe with its profiles into a pipeline file that will be in ``folder``.

    Every value of the recipe is in ``lines`` once. Raises ConfigError for a recipe without a target.
    """
    start = Conversion(recipes.chosen, steps, folder, pipeline_name(recipes.chosen))
    first = _convert(start)
    lines, glue = list(first.lines), list(first.glue)
    profiles: dict[str, Any] = {}
    for other in recipes.others:
        suffix = "_" + re.sub(r"\W", "_", str(other.profile))
        second = _convert(replace(start, recipe=other, known_glue=first.glue, suffix=suffix))
        profiles[str(other.profile)], lost = profile_changes(first.config, second.config)
        news = [line for line in second.lines if _is_new(line, recipes.chosen, other, first)]
        news += [ReportLine(path, Outcome.LEFT, _LOST) for path in lost]
        lines += [replace(line, path=(f"profiles/{other.profile}", *line.path)) for line in news]
        glue += second.glue
    lines += [ReportLine((f"profiles/{name}",), Outcome.LEFT, text) for name, text in recipes.unread.items()]
    config = {"version": 1, **first.config, **({"profiles": profiles} if profiles else {})}
    return Migration(config, tuple(lines), tuple(glue))


def _convert(start: Conversion) -> Migration:
    """Convert a recipe with one profile."""
    conversion, recipe = replace(start, config={}, lines=[], glue=[]), start.recipe
    if recipe.values.get("target_col") in (None, ""):
        raise ConfigError(f"{recipe.root}: the recipe has no target_col: name the column to predict")
    conversion.carried((recipe.head,), f"train, evaluate ({recipe.kind})")
    for convert in (convert_names, convert_data, convert_training, convert_evaluation):
        convert(conversion)
    for path, advice in NO_MATCH.items():
        conversion.left(path, advice.format(name=conversion.name))
    for path in unreported(recipe.values, conversion.lines):
        conversion.left(path, UNKNOWN)
    lines = in_order(conversion.lines, recipe.values)
    return Migration(conversion.config, tuple(lines), tuple(conversion.glue))


def _is_new(line: ReportLine, chosen: Recipe, other: Recipe, first: Migration) -> bool:
    """Return whether a line of another profile differs from those of the chosen one."""
    same_text = any((line.path, line.text) == (known.path, known.text) for known in first.lines)
    return not same_text or value_at(chosen.values, line.path) != value_at(other.values, line.path)


def as_yaml(migration: Migration, source: str) -> str:
    """Return the pipeline file's text, with the values without a match as comments at its head."""
    left = sum(line.outcome is Outcome.LEFT for line in migration.lines)
    head = f"# Generated from {source} by `airflow-mlops migrate`.\n"
    if left:
        head += f"# {counted(left, 'value')} had no match; the report says what to do.\n"
    text = yaml.safe_dump(dict(migration.config), sort_keys=False, width=100, allow_unicode=True)
    return head + str(text)


def glue_module(migration: Migration) -> str:
    """Return the text of the glue module, or nothing when there is none."""
    if not migration.glue:
        return ""
    lines = {line for function in migration.glue for line in function.imports}
    in_groups = sorted(lines, key=lambda line: (_import_group(line), line.split()[1], line))
    imports = ["\n".join(group) for _, group in groupby(in_groups, _import_group)]
    name = migration.config["name"]
    head = f'"""Joins the functions in `steps/` for pipeline {name}; written by `airflow-mlops migrate`."""'
    functions = [function.text.replace("{name}", function.name, 1) for function in migration.glue]
    return "\n\n".join([head, *imports]) + "\n\n\n" + "\n\n".join(functions)


def _import_group(line: str) -> int:
    """Return where an import belongs: standard library, packages, the recipe's steps."""
    return 0 if line.startswith("from pathlib") else 2 if line.startswith("from steps") else 1
