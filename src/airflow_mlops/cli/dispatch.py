"""Runs a command of the table."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from airflow_mlops.cli.table import Command


def run_command(command: Command, arguments: argparse.Namespace) -> int:
    """Import a command's function, call it and return its exit code; 2 for a file that is not there."""
    if is_missing(arguments):
        return 2
    module, _, name = command.function.partition(":")
    code: int = getattr(importlib.import_module(module), name)(arguments)
    return code


def is_missing(arguments: argparse.Namespace) -> bool:
    """Say whether the pipeline file of a call is not there, on standard error as well."""
    file = getattr(arguments, "file", None)
    if file is None or Path(file).exists():
        return False
    print(f"error: {file}: no such file", file=sys.stderr)
    return True
