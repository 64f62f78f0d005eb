"""The ``airflow mlops`` commands; imported at every ``airflow`` call, so it stays light."""

from __future__ import annotations

import argparse
from typing import NoReturn

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

_FILES = Arg(("files",), nargs="+", help="pipeline files or folders")  # type: ignore[no-untyped-call]
_WORDS = Arg(("words",), nargs=argparse.REMAINDER, help="plan or simulate, then --help")  # type: ignore[no-untyped-call]
_FILE = Arg(("file",), help="pipeline file")  # type: ignore[no-untyped-call]


def get_cli_commands() -> list[CLICommand]:
    """Return the command group that Airflow adds to its own."""
    commands = (
        ActionCommand(
            name="lint",
            help="Check pipeline files; every fault in one go",
            func=lazy_load_command("airflow_mlops.cli.airflow.lint"),
            args=(_FILES,),
        ),
        ActionCommand(
            name="render",
            help="Print the effective configuration of a pipeline file",
            func=lazy_load_command("airflow_mlops.cli.airflow.render"),
            args=(_FILE,),
        ),
        ActionCommand(
            name="canary",
            help="What a canary will see, and how it would end (plan, simulate)",
            func=lazy_load_command("airflow_mlops.cli.airflow.canary"),
            args=(_WORDS,),
        ),
    )
    return [GroupCommand(name="mlops", help="Machine-learning pipelines", subcommands=commands)]


def lint(arguments: argparse.Namespace) -> NoReturn:
    """Check pipeline files and end with the command's exit code, which Airflow would drop."""
    from airflow_mlops.cli import commands

    raise SystemExit(commands.lint(arguments))


def render(arguments: argparse.Namespace) -> NoReturn:
    """Print the effective configuration and end with the command's exit code."""
    from airflow_mlops.cli import commands

    raise SystemExit(commands.render(arguments))


def canary(arguments: argparse.Namespace) -> NoReturn:
    """Run ``airflow-mlops canary`` and end with its exit code."""
    from airflow_mlops.cli.canary import main

    raise SystemExit(main(arguments.words))
