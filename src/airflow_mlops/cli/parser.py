"""The parser of the command line, built from the table; an unknown word is answered with the nearest one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from airflow_mlops import __version__
from airflow_mlops.cli.table import COMMANDS
from airflow_mlops.core.suggestions import did_you_mean


def build_parser(
    own: Mapping[str, argparse.ArgumentParser] | None = None,
) -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the whole parser and the parser of each command.

    ``own`` are the parsers of commands that parse their own words, by command.
    """
    parser = argparse.ArgumentParser(
        prog="airflow-mlops", description="Machine-learning pipelines on Airflow."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    found: dict[str, argparse.ArgumentParser] = {}
    for command in COMMANDS:
        if own and command.name in own:
            commands.add_parser(command.name, parents=[own[command.name]], add_help=False)
            continue
        added = commands.add_parser(command.name, help=command.help, epilog=command.epilog)
        for argument in command.arguments:
            added.add_argument(*argument.flags, **argument.options)
        found[command.name] = added
    return parser, found


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of a call; a wrong one ends the process with exit code 2 and the nearest one."""
    parser, commands = build_parser()
    named = next((word for word in words if not word.startswith("-")), None)
    if named is not None and named not in commands:
        near = did_you_mean(named, commands)
        parser.error(f"unknown command {named!r}{near}; known commands: {', '.join(commands)}")
    arguments, more = parser.parse_known_args(words)
    if more:
        rows = [command for command in COMMANDS if command.name == named]
        flags = [flag for row in rows for argument in row.arguments for flag in argument.flags]
        commands.get(str(named), parser).error(f"unknown argument {more[0]}{did_you_mean(more[0], flags)}")
    return arguments
