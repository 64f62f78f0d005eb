"""The command ``migrate``: where it reads, what it writes, how it ends."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airflow_mlops.cli.migrate.convert import Migration, as_yaml, migrate_recipes, module
from airflow_mlops.cli.migrate.entry import report
from airflow_mlops.cli.migrate.recipe import read_recipes
from airflow_mlops.cli.migrate.steps import Steps, read_steps
from airflow_mlops.core.errors import ConfigError


def migrate(arguments: argparse.Namespace) -> int:
    """Write the pipeline file (to standard output without ``-o``) and the report (to standard error).

    Returns 0, or 2 when the recipe cannot be read or a file is in the way.
    """
    try:
        recipes = read_recipes(Path(arguments.recipe), arguments.profile)
        root = recipes.chosen.root
        out = Path(arguments.output) if arguments.output else None
        steps = read_steps(root)
        made = migrate_recipes(recipes, steps, out.parent if out else root)
        text = as_yaml(made, "the MLflow recipe in " + " ".join(root.resolve().name.split()))
        if out:
            _write(_files(out, made, text))
        else:
            print(text, end="")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(report(made.entries), file=sys.stderr)
    print(_next(made, steps, root, out), end="", file=sys.stderr)
    return 0


def _files(out: Path, made: Migration, text: str) -> dict[Path, str]:
    return {out: text, **({out.parent / _glue(made): module(made)} if made.code else {})}


def _glue(made: Migration) -> str:
    return f"{made.config['name']}_steps.py"


def _write(files: dict[Path, str]) -> None:
    taken = [str(file) for file in files if file.exists()]
    if taken:
        raise ConfigError(f"{', '.join(taken)}: already there; nothing was written: give another -o")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None


def _next(made: Migration, steps: Steps, root: Path, out: Path | None) -> str:
    """Return the next commands, and the glue code when it was written nowhere."""
    lines = ["", ""]
    if out is None and made.code:
        lines += [
            f"The file needs {_glue(made)} beside it; with -o it is written. It holds:",
            "",
            module(made),
        ]
    lines.append("Next:")
    folder = out.parent if out else root
    if steps.functions and folder.resolve() != root.resolve():
        lines.append(f"  cp -r {root / 'steps'} {folder}")
    if steps.functions and not steps.package:
        lines.append(
            f"  touch {folder / 'steps' / '__init__.py'}    # so that the functions travel inside the model"
        )
    lines.append(f"  airflow-mlops lint {out or 'pipeline.yaml'}")
    if (folder / "recipe.yaml").exists():
        lines.append(
            "  keep recipe.yaml and profiles/ out of the folder that load_pipelines reads: no pipelines"
        )
    return "\n".join(lines) + "\n"
