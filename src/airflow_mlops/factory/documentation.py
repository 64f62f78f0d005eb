"""The documentation that a DAG shows in the Airflow UI."""

from __future__ import annotations

from typing import Final

import yaml

from airflow_mlops.config.models import Pipeline
from airflow_mlops.lifecycle.table import Kind

_WHAT: Final = {
    "train": "Trains a candidate and registers it when it passes its gate.",
    "deploy": (
        "Takes a version through approval and canary to champion.\n\n"
        "**Roll back now**: trigger with `action` = `rollback`. "
        "**Deploy an old version**: trigger with its `version`."
    ),
    "monitor": "Looks at each window: data, drift, realised quality; starts a retraining when called for.",
}
_ELSEWHERE: Final = {"approve": "deploy", "deploy": "deploy", "monitor": "monitor"}
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def summary(kind: Kind) -> str:
    """Return one sentence on what a DAG does."""
    return _WHAT[kind].partition("\n")[0]


def documentation(pipeline: Pipeline, kind: Kind) -> str:
    """Return Markdown: what the DAG does, and its own part of the effective configuration.

    Every section is shown in one of the pipeline's DAGs, defaults included: the whole in each of them
    would be a third of what Airflow stores and ships.
    """
    sections = {
        key: value for key, value in pipeline.effective().items() if _ELSEWHERE.get(key, "train") == kind
    }
    effective = yaml.dump(
        sections, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
    )
    return f"{_WHAT[kind]}\n\n{pipeline.description}\n\nEffective configuration:\n\n```yaml\n{effective}```\n"
