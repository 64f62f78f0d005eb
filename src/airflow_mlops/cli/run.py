"""Runs a command of the table."""

from __future__ import annotations

import argparse
import importlib

from airflow_mlops.cli.table import Command


def run_command(command: Command, arguments: argparse.Namespace) -> int:
    """Import a command's function, call it and return its exit code."""
    module, _, name = command.function.partition(":")
    code: int = getattr(importlib.import_module(module), name)(arguments)
    return code
