"""The documentation that a DAG shows in the Airflow UI."""

from __future__ import annotations

import yaml

from airflow_mlops.config.models import Pipeline

_WHAT = {
    "train": "Trains a candidate and registers it when it passes its gate.",
    "deploy": (
        "Takes a version through approval and canary to champion.\n\n"
        "**Roll back now**: trigger with `action` = `rollback`. "
        "**Deploy an old version**: trigger with its `version`."
    ),
    "monitor": "Looks at each window: data, drift, realised quality; starts a retraining when called for.",
}


def documentation(pipeline: Pipeline, kind: str) -> str:
    """Return Markdown: what the DAG does, and the pipeline's effective configuration."""
    effective = yaml.safe_dump(pipeline.effective(), sort_keys=False, width=100)
    return f"{_WHAT[kind]}\n\n{pipeline.description}\n\nEffective configuration:\n\n```yaml\n{effective}```\n"
