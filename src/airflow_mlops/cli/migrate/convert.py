"""Puts the parts of a migration together: one pipeline file, one report, the glue code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from airflow_mlops.cli.migrate.data import ingest, split
from airflow_mlops.cli.migrate.entry import Entry, Outcome, in_order, left, untold
from airflow_mlops.cli.migrate.gate import gate
from airflow_mlops.cli.migrate.part import Code, Part, Subject
from airflow_mlops.cli.migrate.recipe import Recipe, Recipes
from airflow_mlops.cli.migrate.steps import Steps
from airflow_mlops.cli.migrate.surroundings import around, name_of
from airflow_mlops.cli.migrate.training import training
from airflow_mlops.config.faults import KeyPath
from airflow_mlops.core.errors import ConfigError

_PARTS: Final = (around, split, ingest, training, gate)
_ORDER: Final[tuple[str, ...]] = ("version", "name", "data", "train", "evaluate", "profiles")
_TAKEN_AWAY: Final[Mapping[KeyPath, Any]] = {
    ("data", "source", "filepath"): None,
    ("data", "source", "callable"): None,
    ("data", "holdout"): 0.2,
    ("train", "tune"): None,
}
_LOST: Final = "a profile cannot take this away: give the chosen profile another value, or none"
_UNKNOWN: Final = "this command does not know it: see docs/reference/pipeline.md for what there is"


@dataclass(frozen=True)
class Migration:
    """The pipeline file's values, what became of every value of the recipe, glue functions by name."""

    config: Mapping[str, Any]
    entries: tuple[Entry, ...]
    code: tuple[tuple[str, Code], ...]


def migrate_recipes(recipes: Recipes, steps: Steps, folder: Path) -> Migration:
    """Turn a recipe with its profiles into a pipeline file that will be in ``folder``.

    Every value of the recipe is in ``entries`` once. Raises ConfigError for a recipe without a target.
    """
    subject = Subject(recipes.chosen, steps, folder, name_of(recipes.chosen))
    first = convert(subject)
    entries, codes = list(first.entries), list(first.code)
    profiles: dict[str, Any] = {}
    for other in recipes.others:
        second = _of_profile(replace(subject, recipe=other), first)
        difference, lost = changes(first.config, second.config)
        profiles[str(other.profile)] = difference
        entries += _news(recipes.chosen, other, first, second)
        entries += [left((f"profiles/{other.profile}", *path), _LOST) for path in lost]
        codes += second.code
    entries += [left((f"profiles/{name}",), text) for name, text in recipes.unread.items()]
    config: dict[str, Any] = {"version": 1, **first.config, **({"profiles": profiles} if profiles else {})}
    ordered = {key: config[key] for key in _ORDER if key in config}
    return Migration(ordered, tuple(entries), tuple(codes))


def convert(subject: Subject) -> Migration:
    """Turn a recipe with one profile into the values of a pipeline file."""
    recipe = subject.recipe
    if recipe.values.get("target_col") in (None, ""):
        raise ConfigError(f"{recipe.root}: the recipe has no target_col: name the column to predict")
    parts = [make(subject) for make in _PARTS]
    entries = [entry for part in parts for entry in part.entries]
    entries += [left(path, _UNKNOWN) for path in untold(recipe.values, entries)]
    names = {code: subject.names.get(code.name, code.name) for part in parts for code in part.code}
    codes = [(name, code) for code, name in names.items()]
    return Migration(_joined(parts), tuple(in_order(entries, recipe.values)), tuple(codes))


def _of_profile(subject: Subject, first: Migration) -> Migration:
    """Turn another profile; its glue functions that differ from the chosen one's have names of their own."""
    usual = convert(subject)
    suffix = re.sub(r"\W", "_", str(subject.recipe.profile))
    names = {name: f"{name}_{suffix}" for name, code in usual.code if (name, code) not in first.code}
    own = convert(replace(subject, names=names))
    return replace(own, code=tuple(pair for pair in own.code if pair not in first.code))


def as_yaml(migration: Migration, source: str) -> str:
    """Return the pipeline file's text, with the values without a match as comments at its head."""
    todo = [entry for entry in migration.entries if entry.outcome is Outcome.LEFT]
    head = [f"# Made from {source} by `airflow-mlops migrate`."]
    if todo:
        head.append(f"# {len(todo)} value{'s' * (len(todo) != 1)} had no match; the report says what to do.")
    text = yaml.safe_dump(dict(migration.config), sort_keys=False, width=100, allow_unicode=True)
    return "\n".join(head) + "\n" + str(text)


def _joined(parts: Iterable[Part]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for part in parts:
        for section, value in part.config.items():
            both = isinstance(value, Mapping) and isinstance(result.get(section), Mapping)
            result[section] = {**result[section], **value} if both else value
    return result


def module(migration: Migration) -> str:
    """Return the text of the glue code, or nothing when there is none."""
    if not migration.code:
        return ""
    lines = sorted({line for _, code in migration.code for line in code.imports})
    groups = [
        [line for line in lines if (line.startswith("from pathlib"), line.startswith("from steps")) == kind]
        for kind in ((True, False), (False, False), (False, True))
    ]
    name = migration.config["name"]
    head = f'"""Joins the functions in `steps/` for the pipeline {name}; made by `airflow-mlops migrate`."""'
    imports = ["\n".join(sorted(group, key=lambda line: line.split()[1])) for group in groups if group]
    functions = [code.text.replace("{name}", name, 1) for name, code in migration.code]
    return "\n\n".join([head, *imports]) + "\n\n\n" + "\n\n".join(functions)


def changes(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> tuple[dict[str, Any], list[KeyPath]]:
    """Return what a profile must say to make ``upper`` of ``lower``, and what it cannot take away."""
    told: dict[str, Any] = {}
    lost: list[KeyPath] = []
    for section in ("data", "train", "evaluate"):
        _compare(lower[section], upper[section], (section,), told, lost)
    return told, lost


def _compare(lower: Any, upper: Any, path: KeyPath, told: dict[str, Any], lost: list[KeyPath]) -> None:
    """Note under dotted keys what differs at ``path`` and below; mappings join key by key in a profile."""
    if lower == upper:
        return
    both = isinstance(lower, Mapping) and isinstance(upper, Mapping)
    if not both or any("." in key or not key for key in upper):
        told[".".join(map(str, path))] = upper
        lost += [(*path, key) for key in lower if key not in upper] if both else []
        return
    for key in dict.fromkeys((*lower, *upper)):
        here = (*path, key)
        if key in upper and key in lower:
            _compare(lower[key], upper[key], here, told, lost)
        elif key in upper:
            told[".".join(map(str, here))] = upper[key]
        elif here in _TAKEN_AWAY:
            told[".".join(map(str, here))] = _TAKEN_AWAY[here]
        else:
            lost.append(here)


def _news(chosen: Recipe, other: Recipe, first: Migration, second: Migration) -> list[Entry]:
    """Return the entries of another profile that differ from those of the chosen one."""
    known = {(entry.path, entry.text) for entry in first.entries}
    return [
        replace(entry, path=(f"profiles/{other.profile}", *entry.path))
        for entry in second.entries
        if (entry.path, entry.text) not in known
        or _value(chosen.values, entry.path) != _value(other.values, entry.path)
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
