"""The configuration of an operator: a pipeline, a mapping, or the name of a pipeline file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_mlops.config.environment import PROFILE
from airflow_mlops.config.models import Pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.json_keys import with_text_keys
from airflow_mlops.core.suggestions import did_you_mean

PipelineSource = Pipeline | Mapping[str, Any] | str | Path
"""What an operator takes as ``pipeline=``."""


@dataclass(frozen=True)
class PipelinePart:
    """The sections that a task reads, as JSON values, and the folder that their relative paths start from."""

    config: dict[str, Any]
    base: Path


def part_of(source: PipelineSource | None, sections: Sequence[str] | None, base: Path) -> PipelinePart:
    """Return the part of a configuration that a task needs; None as ``sections`` for all of it.

    A file name is relative to ``base``, and paths inside the file to the file's own folder; its profile is
    that of ``AIRFLOW_MLOPS_PROFILE``. Raises ConfigError for a file or mapping with faults.
    """
    if source is None:
        return PipelinePart({"name": "none"}, base)
    if isinstance(source, str | Path):
        # Imported here: most pipelines come from the factory, checked already.
        from airflow_mlops.config.loader import load_pipeline, tree_root

        file = (base / Path(source).expanduser()).resolve()
        pipeline = load_pipeline(file, os.environ.get(PROFILE) or None, root=tree_root(file))
        return PipelinePart(_selected(pipeline.effective(), sections), file.parent)
    if isinstance(source, Pipeline):
        return PipelinePart(_selected(source.effective(), sections), base)
    known = {field.alias or name for name, field in Pipeline.model_fields.items()}
    for key in source:
        if key not in known:
            raise ConfigError(f"pipeline: unknown key {key!r}{did_you_mean(str(key), known)}")
    return PipelinePart(_selected(with_text_keys(source), sections), base)


def _selected(config: Mapping[str, Any], sections: Sequence[str] | None) -> dict[str, Any]:
    return {
        key: value for key, value in config.items() if sections is None or key == "name" or key in sections
    }
