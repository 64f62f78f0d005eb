"""The command ``list``: the pipelines of a folder."""

from __future__ import annotations

import argparse

from airflow_mlops.cli.dispatch import check_exists
from airflow_mlops.cli.pipeline_paths import PipelinePath, default_folder, pipeline_paths
from airflow_mlops.cli.terminal import columns
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.views.pipelines import pipeline_view


def list_pipelines(arguments: argparse.Namespace) -> int:
    """Print name, file, schedule and DAGs of each pipeline in a folder; returns 1 when one has faults."""
    folder = default_folder(arguments.folder)
    check_exists(folder, "folder")
    rows, faulty = [("NAME", "FILE", "SCHEDULE", "DAGS")], 0
    for item in pipeline_paths(folder):
        place = str(item.file.relative_to(folder))
        try:
            rows.append(_row(item, arguments.profile, place))
        except ConfigError as error:
            faulty += 1
            rows.append(("–", place, "–", f"{len(str(error).splitlines())} faults: see lint"))
    print("\n".join(columns(rows)))
    return 1 if faulty else 0


def _row(item: PipelinePath, profile: str | None, place: str) -> tuple[str, str, str, str]:
    view = pipeline_view(item.load(profile))
    return view.name, place, view.schedule, ", ".join(dag.kind for dag in view.dags)
