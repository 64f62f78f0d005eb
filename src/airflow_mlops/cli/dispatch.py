"""Run a command of the table and turn its errors into exit codes."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_mlops.cli.table import Command
from airflow_mlops.core.errors import BackendError, ConfigError


class WrongCall(Exception):
    """The command line is wrong; the message says how. The exit code is 2."""


def imported(path: str) -> Any:
    """Return the object at ``module:name``."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def run_command(command: Command, arguments: argparse.Namespace | Sequence[str]) -> int:
    """Import a command's function, call it and return its exit code.

    A file with faults gives 1, a wrong call 2, an external system that does not answer 3.
    """
    try:
        if file := getattr(arguments, "file", None):
            check_exists(Path(file))
        code: int = imported(command.function)(arguments)
    except WrongCall as error:
        return _ended(f"error: {error}", 2)
    except ConfigError as error:
        return _ended(str(error), 1)
    except BackendError as error:
        return _ended(f"error: {error}", 3)
    return code


def check_exists(path: Path, kind: str = "file") -> None:
    """Raise WrongCall when ``path`` does not exist."""
    if not path.exists():
        raise WrongCall(f"{path}: no such {kind}")


def _ended(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
