"""What the commands do; each takes parsed arguments and returns its exit code."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_mlops.core.errors import ConfigError

if TYPE_CHECKING:
    from airflow_mlops.config.models import Pipeline


def render(arguments: argparse.Namespace) -> int:
    """Print the effective configuration, or what ``--diff`` changes; returns 1 when a file has faults."""
    from airflow_mlops.config.loader import read_pipeline

    try:
        loaded = read_pipeline(arguments.file)
        shown = loaded.chosen(arguments.profile)
        other = arguments.diff
        if other is None:
            print(_yaml(shown), end="")
            return 0
        if Path(other).is_file():
            changed = read_pipeline(other).chosen(arguments.profile)
        else:
            changed = loaded.chosen(other)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    names = (arguments.profile or arguments.file, other)
    print("".join(_difference(_yaml(shown), _yaml(changed), names)), end="")
    return 0


def list_pipelines(arguments: argparse.Namespace) -> int:
    """Print name, file, schedule and DAGs of each pipeline in a folder; returns 1 when one has faults."""
    from airflow_mlops.config.loader import load_pipeline, pipeline_files, tree_root
    from airflow_mlops.lifecycle.table import shapes

    usual = Path("pipelines")
    folder = Path(arguments.folder or (usual if usual.is_dir() else "."))
    if not folder.is_dir():
        print(f"error: {folder}: no such folder", file=sys.stderr)
        return 2
    rows, faulty = [("NAME", "FILE", "SCHEDULE", "DAGS")], 0
    for file in pipeline_files(folder):
        place = str(file.relative_to(folder))
        try:
            pipeline = load_pipeline(file, arguments.profile, root=tree_root(file, folder))
        except ConfigError as error:
            faulty += 1
            rows.append(("–", place, "–", f"{len(str(error).splitlines())} faults: see lint"))
            continue
        found = shapes(pipeline)
        schedule = " or ".join(found[0].schedule) or "by hand"
        rows.append((pipeline.name, place, schedule, ", ".join(shape.kind for shape in found)))
    print("\n".join(_columns(rows)))
    return 1 if faulty else 0


def graph(arguments: argparse.Namespace) -> int:
    """Print the DAGs of a pipeline file; returns 1 when it has faults."""
    from airflow_mlops.cli.graph import as_mermaid, as_text
    from airflow_mlops.config.loader import load_pipeline

    try:
        pipeline = load_pipeline(arguments.file, arguments.profile)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    draw = as_mermaid if arguments.format == "mermaid" else as_text
    print(draw(pipeline), end="")
    return 0


def schema(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command gets its arguments
    """Print the JSON Schema that this package ships."""
    from airflow_mlops.config.schema import packaged_schema

    print(packaged_schema(), end="")
    return 0


def _yaml(pipeline: Pipeline) -> str:
    import yaml

    return str(yaml.safe_dump(pipeline.effective(), sort_keys=False, width=100, allow_unicode=True))


def _difference(first: str, second: str, names: tuple[str, str]) -> list[str]:
    import difflib

    before, after = (text.splitlines(keepends=True) for text in (first, second))
    return list(difflib.unified_diff(before, after, names[0], names[1], n=2))


def _columns(rows: list[tuple[str, str, str, str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
