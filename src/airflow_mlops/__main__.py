"""The ``airflow-mlops`` command: light, and without Airflow."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from airflow_mlops.cli.dispatch import run_command
from airflow_mlops.cli.parser import parse
from airflow_mlops.cli.table import COMMANDS, command_named

COMPLETING: Final = "_ARGCOMPLETE"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; `airflow_mlops.cli.table.EXIT_CODES` lists them."""
    if COMPLETING in os.environ:
        from airflow_mlops.cli.completion import complete

        complete()
    words = list(sys.argv[1:] if argv is None else argv)
    _make_writable()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has ended
        _drop_output()
        return 0
    except OSError as error:  # the disk is full, or the folder is not writable
        _drop_output()
        sys.stderr.write(f"error: {': '.join(filter(None, (error.filename, error.strerror)))}\n")
        return 3
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    return code


def _run(words: list[str]) -> int:
    own = next((command for command in COMMANDS if command.parser and words[:1] == [command.name]), None)
    if own is not None:
        return run_command(own, words[1:])
    arguments = parse(words)
    return run_command(command_named(arguments.command), arguments)


def _drop_output() -> None:
    """Drop output that cannot be written; otherwise Python retries at exit and changes the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _make_writable() -> None:
    """Make standard output and error accept every character, and replace them when they are closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    raise SystemExit(main())
