"""Reads an MLflow recipe with its profiles and functions; runs nothing but templates in Jinja's sandbox."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import SandboxedEnvironment

from airflow_mlops.config.document import parse
from airflow_mlops.config.faults import FileFaults
from airflow_mlops.config.merge import Layer
from airflow_mlops.config.own_keys import with_keys_of_yaml
from airflow_mlops.config.templates import UNRENDERABLE
from airflow_mlops.config.text_files import read_text
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean

FILE: Final = "recipe.yaml"
KINDS: Final = ("regression", "classification")
_LOCAL: Final = "local"
_HEADS: Final = ("recipe", "template")


@dataclass(frozen=True)
class Recipe:
    """A recipe with one profile.

    ``values`` are the recipe's, with the profile's own that no template uses merged over them. ``head`` is
    the key that holds the ``kind`` of the recipe.
    """

    root: Path
    profile: str | None
    values: Mapping[str, Any]
    kind: str
    head: str


@dataclass(frozen=True)
class Recipes:
    """The recipe with the chosen profile, with each other one, and why a profile cannot be used."""

    chosen: Recipe
    others: tuple[Recipe, ...]
    unread: Mapping[str, str]


def read_recipes(path: Path, profile: str | None) -> Recipes:
    """Read a recipe file, or the one in a folder, with every profile beside it.

    The default of ``profile`` is ``local``, else the first by name, else none. Raises ConfigError when the
    file or the chosen profile cannot be read or rendered, or is not a recipe.
    """
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        raise ConfigError(f"{file}: no such file: name a recipe.yaml, or the folder that holds it")
    known = {item.stem: item for item in sorted((file.parent / "profiles").glob("*.y*ml"))}
    if profile is not None and profile not in known:
        listed = f"; known: {', '.join(known)}" if known else ""
        raise ConfigError(
            f"{file.parent / 'profiles'}: no profile {profile!r}{did_you_mean(profile, known)}{listed}"
        )
    chosen = profile or (_LOCAL if _LOCAL in known else next(iter(known), None))
    first = _read(file, chosen, known.get(chosen or ""))
    others, unread = [], {}
    for name in known:
        if name != chosen:
            try:
                others.append(_read(file, name, known[name]))
            except ConfigError as error:
                unread[name] = str(error)
    return Recipes(first, tuple(others), unread)


def _read(file: Path, profile: str | None, profile_file: Path | None) -> Recipe:
    text = read_text(file).replace('"', "").replace("'", "")
    if not any(f"{head}:" in text for head in _HEADS):
        raise ConfigError(f"{file}: not a recipe of MLflow: it needs a key `recipe`, such as regression/v1")
    context = _rendered(profile_file, {})[0] if profile_file else {}
    values, used = _rendered(file, context)
    merged = _over(values, {key: value for key, value in context.items() if key not in used})
    head = next((key for key in _HEADS if key in values), "")
    kind = str(values.get(head, "")).partition("/")[0]
    if kind not in KINDS:
        named = f"`{values[head]}`"[:80] if head else "missing"
        raise ConfigError(
            f"{file}: not a recipe of MLflow: `recipe` is {named}, not regression/v1 or classification/v1"
        )
    return Recipe(file.parent, profile, merged, kind, head)


def _over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a profile's own values over those of the recipe."""
    result = dict(lower)
    for key, value in upper.items():
        both = isinstance(value, Mapping) and isinstance(lower.get(key), Mapping)
        result[key] = _over(lower[key], value) if both else value
    return result


def _rendered(file: Path, context: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the values of a template, and the variables that it uses."""
    text = read_text(file)
    environment = SandboxedEnvironment(undefined=StrictUndefined, line_comment_prefix="#")
    environment.filters["from_json"] = lambda name: json.loads(read_text(file.parent / name))
    try:
        rendered = environment.from_string(text).render(context)
    except ConfigError:
        raise
    except (TemplateError, *UNRENDERABLE) as error:
        line = getattr(error, "lineno", None)
        where = f"{file}:{line}" if line else str(file)
        hint = (
            "; add it to the profile, or name another one with --profile" if "undefined" in str(error) else ""
        )
        raise ConfigError(f"{where}: the template cannot be rendered: {error}{hint}") from None
    document = parse(rendered, str(file))
    if document.faults:
        raise FileFaults(document.faults)
    values = {} if document.values is None else document.values
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: not a recipe of MLflow: it is not a mapping")
    values = with_keys_of_yaml(Layer(values, document.places), values, (), [])
    return values, meta.find_undeclared_variables(environment.parse(text))


@dataclass(frozen=True)
class StepFunctions:
    """The functions in a recipe's ``steps`` folder: module to name to number of parameters."""

    functions: Mapping[str, Mapping[str, int]]
    package: bool

    def parameters(self, module: str, function: str) -> int | None:
        """Return the number of parameters of a function, or None when it does not exist."""
        return self.functions.get(module, {}).get(function)

    def missing(self, module: str, function: str) -> str:
        """Return a remark when the function does not exist, or nothing."""
        if self.parameters(module, function) is not None:
            return ""
        return (
            f" (steps/{module}.py has no {function}{did_you_mean(function, self.functions.get(module, {}))})"
        )


def read_steps(root: Path) -> StepFunctions:
    """Read the functions of ``steps/*.py``, importing nothing; a file that is not Python has none."""
    folder = root / "steps"
    found = {file.stem: _functions(file) for file in sorted(folder.glob("*.py"))}
    return StepFunctions(found, (folder / "__init__.py").is_file())


def _functions(file: Path) -> dict[str, int]:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    return {
        node.name: len(node.args.posonlyargs) + len(node.args.args) + bool(node.args.vararg)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
