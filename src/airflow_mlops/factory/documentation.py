"""The documentation that a DAG shows in the Airflow UI."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

import yaml

from airflow_mlops.config.models import Pipeline, Section
from airflow_mlops.core.json_keys import with_own_keys
from airflow_mlops.lifecycle.table import TASKS, Kind

_PURPOSE: Final = {
    "train": "Trains a candidate and registers it when it passes its gate.",
    "deploy": (
        "Takes a version through approval and canary to champion.\n\n"
        "**Roll back now**: trigger with `action` = `rollback`. "
        "**Deploy an old version**: trigger with its `version`."
    ),
    "monitor": "Checks each window: data, drift, realised quality; starts a retraining when necessary.",
}
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def summary(kind: Kind) -> str:
    """Return one sentence on what a DAG does."""
    return _PURPOSE[kind].partition("\n")[0]


def documentation(pipeline: Pipeline, kind: Kind) -> str:
    """Return Markdown: what the DAG does, and the part of the effective configuration that it uses.

    Defaults are included, options that are not set are not. Each section is shown by one DAG: Airflow stores
    and ships this text with the DAG, and a section that changes makes a new version of that DAG alone.
    """
    names = _shown_in(kind)
    effective = pipeline.model_dump(mode="json", by_alias=True, include=set(names))
    sections = _options(pipeline, with_own_keys(effective), names)
    shown = yaml.dump(
        sections, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
    )
    return f"{_PURPOSE[kind]}\n\n{pipeline.description}\n\nEffective configuration:\n\n```yaml\n{shown}```\n"


@functools.cache
def _shown_in(kind: Kind) -> tuple[str, ...]:
    """Return the fields that a DAG shows: its namesake, its tasks' sections, what these read first."""
    fields = Pipeline.model_fields
    return tuple(name for name, field in fields.items() if _shown_by(field.alias or name) == kind)


def _shown_by(key: str) -> str:
    if key in get_args(Kind):
        return key
    own = (task.dag for task in TASKS if task.section == key)
    return next(own, None) or next((task.dag for task in TASKS if key in task.config), "train")


def _options(
    section: Section, effective: Mapping[str, Any], names: Iterable[str] | None = None
) -> dict[str, Any]:
    """Return the options of a section that have a value; what a user's own mapping holds stays whole."""
    options: dict[str, Any] = {}
    fields = type(section).model_fields
    for name in fields if names is None else names:
        key = fields[name].alias or name
        value, shown = getattr(section, name), effective[key]
        if isinstance(value, Section) and isinstance(shown, Mapping):
            shown = _options(value, shown)
        if shown not in (None, [], {}, ""):
            options[key] = shown
    return options
