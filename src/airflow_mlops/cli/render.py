"""The command ``render``: the effective configuration of a pipeline file."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator
from pathlib import Path

import yaml

from airflow_mlops.config.loader import read_pipeline
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.remarks import remarks
from airflow_mlops.core.json_keys import with_own_keys
from airflow_mlops.training.model_format import format_of


def render(arguments: argparse.Namespace) -> int:
    """Print the effective configuration, or with ``--diff`` the difference to another one; returns 0."""
    loaded, other = read_pipeline(arguments.file), arguments.diff
    chosen = loaded.chosen(arguments.profile)
    first = _yaml(chosen)
    if other is None:
        print(first, end="")
        for line in (*remarks(chosen), *_of_format(chosen, Path(arguments.file).parent)):
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


def _of_format(pipeline: Pipeline, base: Path) -> Iterator[str]:
    """Yield what `train.serialization: auto` means for this file."""
    if pipeline.train.serialization == "auto":
        yield f"train.serialization: auto is {format_of(pipeline, base).choice}"


def _yaml(pipeline: Pipeline) -> str:
    return str(
        yaml.safe_dump(with_own_keys(pipeline.effective()), sort_keys=False, width=100, allow_unicode=True)
    )
