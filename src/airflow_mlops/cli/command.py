"""What a command is: its name, its arguments, its exit codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Argument:
    """One argument: its flags and argparse's options of it."""

    flags: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Command:
    """One command.

    ``function`` is ``module:name``, imported only when the command runs; ``exits`` maps each exit code to
    its meaning. A command with a ``parser`` (``module:name``, returns an ``ArgumentParser``) parses its own
    words: its function takes them as a list instead of the parsed arguments. ``in_airflow`` is False for a
    command that ``airflow mlops`` does not have.
    """

    name: str
    help: str
    function: str
    example: str
    exits: Mapping[int, str]
    arguments: tuple[Argument, ...] = field(default=())
    parser: str = ""
    in_airflow: bool = True

    @property
    def epilog(self) -> str:
        """Last line of ``--help``."""
        return f"example: airflow-mlops {self.example}"


def argument(*flags: str, **options: Any) -> Argument:
    """Return an argument with these flags and options of argparse."""
    return Argument(flags, options)


def output_format(*choices: str) -> Argument:
    """Return the argument ``--format``; the first choice is the default."""
    return argument("--format", choices=choices, default=choices[0], help="output format (default: text)")
