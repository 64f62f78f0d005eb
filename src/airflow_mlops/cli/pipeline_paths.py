"""The pipeline files that a path on the command line stands for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from airflow_mlops.cli.dispatch import WrongCall, check_exists
from airflow_mlops.config.loader import load_pipeline, pipeline_files, tree_root
from airflow_mlops.config.models import Pipeline


class PipelinePath(NamedTuple):
    """A pipeline file and the folder up to which its ``defaults.yaml`` is searched."""

    file: Path
    root: Path

    def load(self, profile: str | None) -> Pipeline:
        """Return the checked configuration; raises ConfigError for a file with faults."""
        return load_pipeline(self.file, profile, root=self.root)


def default_folder(path: str | None) -> Path:
    """Return ``path``, by default the folder ``pipelines``, else the working folder."""
    return Path(path or ("pipelines" if Path("pipelines").is_dir() else "."))


def pipeline_paths(path: Path) -> list[PipelinePath]:
    """Return the file itself, or the pipeline files of a folder."""
    folder = path if path.is_dir() else None
    files = pipeline_files(path) if folder else [path]
    return [PipelinePath(file, tree_root(file, folder)) for file in files]


def existing_pipeline_paths(path: Path) -> list[PipelinePath]:
    """Return the pipeline files of a path; raises WrongCall when it does not exist or has none."""
    check_exists(path, "file or folder")
    found = pipeline_paths(path)
    if not found:
        raise WrongCall(f"there is no pipeline file in {path}")
    return found
