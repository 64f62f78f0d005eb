"""The command ``render``: the effective configuration of a pipeline file."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path

import yaml

from airflow_mlops.config.loader import read_pipeline
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.remarks import remarks
from airflow_mlops.core.json_keys import with_own_keys


def render(arguments: argparse.Namespace) -> int:
    """Print the effective configuration, or with ``--diff`` the difference to another one; returns 0."""
    loaded, other = read_pipeline(arguments.file), arguments.diff
    first = _yaml(loaded.chosen(arguments.profile))
    if other is None:
        print(first, end="")
        for line in remarks(loaded.chosen(arguments.profile)):
            print(f"# {line}")
        return 0
    if Path(other).is_file():
        second = _yaml(read_pipeline(other).chosen(arguments.profile))
    else:
        second = _yaml(loaded.chosen(other))
    before, after = (text.splitlines(keepends=True) for text in (first, second))
    name = arguments.profile or arguments.file
    print("".join(difflib.unified_diff(before, after, name, other, n=2)), end="")
    return 0


def _yaml(pipeline: Pipeline) -> str:
    return str(
        yaml.safe_dump(with_own_keys(pipeline.effective()), sort_keys=False, width=100, allow_unicode=True)
    )
