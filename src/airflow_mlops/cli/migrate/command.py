"""The command ``migrate``: reads a recipe, writes the pipeline file, the glue code and the report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airflow_mlops.cli.dispatch import WrongCall
from airflow_mlops.cli.migrate.convert import Migration, as_yaml, glue_module, migrate_recipes
from airflow_mlops.cli.migrate.recipe import StepFunctions, read_recipes, read_steps
from airflow_mlops.cli.migrate.report import report
from airflow_mlops.core.errors import ConfigError


def migrate(arguments: argparse.Namespace) -> int:
    """Write the pipeline file (to standard output without ``-o``) and the report (to standard error).

    Returns 0; raises WrongCall when the recipe cannot be read or a file exists already.
    """
    try:
        recipes = read_recipes(Path(arguments.recipe), arguments.profile)
        root = recipes.chosen.root
        out = Path(arguments.output) if arguments.output else None
        steps = read_steps(root)
        migration = migrate_recipes(recipes, steps, out.parent if out else root)
        text = as_yaml(migration, "the MLflow recipe in " + " ".join(root.resolve().name.split()))
        if out:
            _write(_files(out, migration, text))
        else:
            print(text, end="")
    except ConfigError as error:
        raise WrongCall(str(error)) from None
    print(report(migration.lines), file=sys.stderr)
    print(_next(migration, steps, root, out), end="", file=sys.stderr)
    return 0


def _files(out: Path, migration: Migration, text: str) -> dict[Path, str]:
    return {out: text, **({out.parent / _glue(migration): glue_module(migration)} if migration.glue else {})}


def _glue(migration: Migration) -> str:
    return f"{migration.config['name']}_steps.py"


def _write(files: dict[Path, str]) -> None:
    taken = [str(file) for file in files if file.exists()]
    if taken:
        raise WrongCall(f"{', '.join(taken)}: already exists; nothing was written: use another -o")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise WrongCall(f"{error.filename} cannot be written: {error.strerror}") from None


def _next(migration: Migration, steps: StepFunctions, root: Path, out: Path | None) -> str:
    """Return the next commands, and the glue code when it was not written to a file."""
    lines = ["", ""]
    if out is None and migration.glue:
        lines += [
            f"The pipeline file needs {_glue(migration)} beside it, which -o writes too. Its text:",
            "",
            glue_module(migration),
        ]
    lines.append("Next:")
    folder = out.parent if out else root
    if steps.functions and folder.resolve() != root.resolve():
        lines.append(f"  cp -r {root / 'steps'} {folder}")
    if steps.functions and not steps.package:
        lines.append(f"  touch {folder / 'steps' / '__init__.py'}    # ships the functions inside the model")
    lines.append(f"  airflow-mlops lint {out or 'pipeline.yaml'}")
    if (folder / "recipe.yaml").exists():
        lines.append("  move recipe.yaml and profiles/ out of the folder that load_pipelines reads")
    return "\n".join(lines) + "\n"
