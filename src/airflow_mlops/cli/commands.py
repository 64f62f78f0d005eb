"""What the commands do; each takes parsed arguments and returns its exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from airflow_mlops.core.errors import ConfigError


def lint(arguments: argparse.Namespace) -> int:
    """Check pipeline files and folders; returns 1 when one has a fault."""
    from airflow_mlops.config.loader import load_pipeline

    faulty = 0
    files = list(_pipeline_files(arguments.files))
    for file in files:
        try:
            load_pipeline(file)
        except ConfigError as error:
            faulty += 1
            print(error)
    if not files:
        print(f"error: no pipeline file in {', '.join(arguments.files)}", file=sys.stderr)
        return 2
    print(f"{len(files)} file{'s' * (len(files) != 1)} checked, {faulty} with faults", file=sys.stderr)
    return 1 if faulty else 0


def render(arguments: argparse.Namespace) -> int:
    """Print the effective configuration, defaults included; returns 1 when the file has faults."""
    import yaml

    from airflow_mlops.config.loader import load_pipeline

    try:
        pipeline = load_pipeline(arguments.file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print(yaml.safe_dump(pipeline.effective(), sort_keys=False, width=100), end="")
    return 0


def _pipeline_files(names: list[str]) -> Iterator[Path]:
    for name in names:
        path = Path(name)
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*.y*ml") if file.stem != "defaults")
        else:
            yield path
