"""The command ``schema``."""

from __future__ import annotations

import argparse

from airflow_mlops.config.schema import packaged_schema


def schema(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command gets its arguments
    """Print the JSON Schema that this package ships; returns 0."""
    print(packaged_schema(), end="")
    return 0
