"""Which pipeline a run is about, and what of it is to be done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_mlops.config.loader import load_pipeline, pipeline_files, tree_root
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.queries import inline_query_files
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.lifecycle.table import shapes

FOLDER: Final = "pipelines"


@dataclass(frozen=True)
class Selection:
    """One pipeline with its file; ``base`` is the folder that its relative paths start from."""

    pipeline: Pipeline
    file: Path
    profile: str | None

    @property
    def base(self) -> Path:
        """The folder of the pipeline file."""
        return self.file.absolute().parent

    @property
    def fingerprint(self) -> str:
        """The digest of what a run depends on: configuration, queries and the code beside the file."""
        config = inline_query_files(self.pipeline.effective(), self.base)
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        for file in sorted(_code(self.base)):
            digest.update(f"{file.relative_to(self.base)}\0".encode() + file.read_bytes())
        return digest.hexdigest()


def select(given: str | None, profile: str | None) -> Selection:
    """Return the pipeline of a file, or the only one of a folder; of the folder ``pipelines`` by default.

    Raises ConfigError when there is none, when there are several, or for a file with faults.
    """
    found = _found(Path(given) if given else None)
    return Selection(load_pipeline(found, profile, root=tree_root(found)), found, profile)


def check_until(pipeline: Pipeline, until: str | None) -> None:
    """Raise ConfigError when the pipeline has no task ``until``."""
    known = [task.id for shape in shapes(pipeline) for task in shape.tasks]
    if until and until not in known:
        raise ConfigError(
            f"--until {until}: {pipeline.name} has no such task{did_you_mean(until, known)}; "
            f"it has {', '.join(known)}"
        )


def _found(given: Path | None) -> Path:
    where = given or Path(FOLDER)
    if not where.exists():
        if given is not None:
            raise ConfigError(f"{given}: no such file or folder")
        raise ConfigError(
            f"folder {FOLDER} does not exist here: name the pipeline file, or begin with `airflow-mlops init`"
        )
    if not where.is_dir():
        return where
    if (where / FOLDER).is_dir():
        where = where / FOLDER
    files = pipeline_files(where)
    if len(files) != 1:
        listed = "".join(f"\n  airflow-mlops run {file}" for file in files)
        found = f"{len(files)} pipelines: name one{listed}" if files else "no pipeline file"
        raise ConfigError(f"{where}: {found}")
    return files[0]


def _code(base: Path) -> Iterator[Path]:
    """Yield the modules that a pipeline in ``base`` can import from beside its file."""
    yield from base.glob("*.py")
    for package in base.glob("*/__init__.py"):
        yield from package.parent.rglob("*.py")
