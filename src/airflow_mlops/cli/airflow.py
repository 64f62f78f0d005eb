"""The ``airflow mlops`` commands; imported at every ``airflow`` call, so it stays light."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from airflow_mlops.cli.table import COMMANDS, Argument, Command
from airflow_mlops.factory.registration import register_importer


def get_cli_commands() -> list[CLICommand]:
    """Return the command group that Airflow adds; register pipeline files as DAG files for all commands."""
    register_importer()
    commands = tuple(
        ActionCommand(
            name=command.name,
            help=command.help[0].upper() + command.help[1:],
            func=_function(command),
            args=[
                Arg(argument.flags, **argument.options)  # type: ignore[no-untyped-call]
                for argument in _arguments(command)
            ],
            epilog=command.epilog.replace("airflow-mlops", "airflow mlops"),
        )
        for command in COMMANDS
        if command.in_airflow
    )
    return [GroupCommand(name="mlops", help="Machine-learning pipelines", subcommands=commands)]


def _arguments(command: Command) -> tuple[Argument, ...]:
    """Return the arguments for Airflow's parser; it passes the words of a command with its own parser on."""
    if not command.parser:
        return command.arguments
    return (Argument(("words",), {"nargs": "...", "help": "--help after the first word lists the options"}),)


def _function(command: Command) -> Callable[[argparse.Namespace], NoReturn]:
    def run(arguments: argparse.Namespace) -> NoReturn:
        """Run the command and end with its exit code, which Airflow would drop."""
        from airflow_mlops.cli.dispatch import run_command

        raise SystemExit(run_command(command, arguments.words if command.parser else arguments))

    return run
