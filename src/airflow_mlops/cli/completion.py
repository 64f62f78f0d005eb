"""The command ``completion``, and the answers to a shell's requests; imported only for them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import argcomplete
from argcomplete.completers import BaseCompleter
from argcomplete.shell_integration import shellcode

from airflow_mlops.cli.dispatch import imported
from airflow_mlops.cli.parser import build_parser
from airflow_mlops.cli.table import COMMANDS
from airflow_mlops.core.errors import ConfigError

_PROGRAM: Final = "airflow-mlops"
_FILES: Final = ("file", "files", "path", "recipe")
_DEFAULTS: Final = "defaults"  # defaults.yaml: not a pipeline file
_MOST: Final = 200


def completion(arguments: argparse.Namespace) -> int:
    """Print the code for a shell; returns 0."""
    print(shellcode([_PROGRAM], shell=arguments.shell).strip())
    return 0


def complete() -> None:
    """Answer the shell, and end the process."""
    own = {command.name: imported(command.parser)() for command in COMMANDS if command.parser}
    parser, _ = build_parser(own)
    argcomplete.autocomplete(parser, default_completer=_ByName())


class _ByName(BaseCompleter):
    """Completes an argument by its name."""

    def __call__(
        self,
        *,
        prefix: str,
        action: argparse.Action,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argcomplete passes it
        parsed_args: argparse.Namespace,
    ) -> Iterable[str]:
        """Return the candidates; the caller drops those without the prefix."""
        if action.dest == "profile":
            return _profiles(parsed_args)
        if action.dest == "until":
            return _tasks(parsed_args)
        if action.dest == "diff":
            return [*_profiles(parsed_args), *_places(prefix, files=True)]
        if action.dest in _FILES:
            return _places(prefix, files=True)
        return _places(prefix, files=False) if action.dest == "folder" else ()


def _places(prefix: str, *, files: bool) -> Iterator[str]:
    """Yield the folders, and the pipeline files, that may follow a prefix."""
    above, slash, start = prefix.rpartition("/")
    for entry in sorted(Path(above + slash).expanduser().glob("*")):
        if entry.name.startswith(".") and not start.startswith("."):
            continue
        if entry.is_dir():
            yield f"{above}{slash}{entry.name}/"
        elif files and entry.suffix in (".yaml", ".yml") and entry.stem != _DEFAULTS:
            yield f"{above}{slash}{entry.name}"


def _profiles(arguments: argparse.Namespace) -> list[str]:
    from airflow_mlops.config.loader import read_pipeline

    recipe = getattr(arguments, "recipe", None)
    if recipe is not None:
        place = Path(recipe)
        folder = (place if place.is_dir() else place.parent) / "profiles"
        return sorted(file.stem for file in folder.glob("*.y*ml"))
    names: dict[str, None] = {}
    for file in _named(arguments):
        try:
            names.update({name: None for name in read_pipeline(file).variants if name})
        except ConfigError:
            continue
    return list(names)


def _tasks(arguments: argparse.Namespace) -> list[str]:
    """Return the tasks of the one named pipeline, or those of all pipelines."""
    from airflow_mlops.config.loader import load_pipeline
    from airflow_mlops.lifecycle.table import shapes, task_ids

    files = _named(arguments)
    try:
        if len(files) == 1:
            return [task.id for shape in shapes(load_pipeline(files[0])) for task in shape.tasks]
    except ConfigError:
        pass
    return list(task_ids())


def _named(arguments: argparse.Namespace) -> list[Path]:
    """Return the pipeline files named so far, or else those in ``pipelines``."""
    from airflow_mlops.config.loader import pipeline_files

    values = [getattr(arguments, name, None) for name in (*_FILES, "folder")]
    given: Any = next(filter(None, values), "pipelines")
    words = given if isinstance(given, list) else [given]
    places = [Path(word).expanduser() for word in words]
    if places == [Path()]:
        places = [Path("pipelines")]
    found = [file for place in places for file in (pipeline_files(place) if place.is_dir() else [place])]
    return found[:_MOST]
