"""The command ``migrate``: reads a recipe, writes the pipeline file, the glue code and the report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airflow_mlops.cli.dispatch import WrongCall
from airflow_mlops.cli.migrate.convert import Migration, as_yaml, glue_module, migrate_recipes
from airflow_mlops.cli.migrate.recipe import StepFunctions, read_recipes, read_steps
from airflow_mlops.cli.migrate.report import report
from airflow_mlops.cli.new_files import write_new
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
            glue = {out.parent / _glue(migration): glue_module(migration)} if migration.glue else {}
            write_new({out: text, **glue}, choose="-o")
        else:
            print(text, end="")
    except ConfigError as error:
        raise WrongCall(str(error)) from None
    print(report(migration.lines), file=sys.stderr)
    print(_next(migration, steps, root, out), end="", file=sys.stderr)
    return 0


def _glue(migration: Migration) -> str:
    return f"{migration.config['name']}_steps.py"


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
