"""The ``airflow-mlops`` command: light, and without Airflow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_mlops import __version__
from airflow_mlops.cli.run import run_command
from airflow_mlops.cli.table import COMMANDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code: 0 done, 1 an honest no, 2 a wrong call, 3 an outside fault."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["serve"]:
        from airflow_mlops.serving.__main__ import main as serve

        return serve(words[1:])
    arguments = _parser().parse_args(words)
    command = next(command for command in COMMANDS if command.name == arguments.command)
    return run_command(command, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airflow-mlops", description="Machine-learning pipelines on Airflow."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        added = commands.add_parser(command.name, help=command.help, epilog=command.epilog)
        for argument in command.arguments:
            added.add_argument(*argument.flags, **argument.options)
    commands.add_parser("serve", help="start the embedded model server (serve --help)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
