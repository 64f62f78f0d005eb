"""The ``airflow-mlops`` command: light, and without Airflow."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from airflow_mlops.cli.dispatch import run_command
from airflow_mlops.cli.parser import parse
from airflow_mlops.cli.table import COMMANDS

COMPLETING: Final = "_ARGCOMPLETE"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code: 0 done, 1 an honest no, 2 a wrong call, 3 an outside fault."""
    if COMPLETING in os.environ:
        from airflow_mlops.cli.completion import complete

        complete()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["serve"]:
        from airflow_mlops.serving.__main__ import main as serve

        return serve(words[1:])
    _make_writable()
    arguments = parse(words)
    command = next(command for command in COMMANDS if command.name == arguments.command)
    try:
        code = run_command(command, arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, as `head`, has seen enough
        _let_go()
        return 0
    except OSError as error:  # a disk that is full, a folder that may not be written
        _let_go()
        sys.stderr.write(f"error: {': '.join(filter(None, (error.filename, error.strerror)))}\n")
        return 3
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    return code


def _let_go() -> None:
    """Drop output that cannot be written, or Python tries again at its end and changes the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _make_writable() -> None:
    """Make the output take every character, whatever the locale, and be there when it was closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    raise SystemExit(main())
