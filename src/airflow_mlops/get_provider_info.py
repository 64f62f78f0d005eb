"""What this provider brings to Airflow; imports nothing of Airflow, which is still initialising."""

from __future__ import annotations

import json
from typing import Any

from airflow_mlops.lifecycle.table import TASKS
from airflow_mlops.rollout import targets

_NAME = "MLOps"

_MLFLOW_FORM: dict[str, Any] = {
    "connection-type": "mlops_mlflow",
    "hook-class-name": "airflow_mlops.hooks.mlflow.MlflowHook",
    "hook-name": "MLflow (airflow-mlops)",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {"host": "Tracking URI"},
        "placeholders": {"host": "https://mlflow.example.com or sqlite:////data/mlflow.db"},
    },
    "conn-fields": {
        "ui_url": {
            "label": "Address of the MLflow UI, for links",
            "schema": {"type": ["string", "null"], "default": None},
        }
    },
}
_SERVING: dict[str, Any] = {
    "connection-type": "mlops_serving",
    "hook-class-name": "airflow_mlops.hooks.serving.ServingHook",
    "hook-name": "Model server (airflow-mlops)",
}

_OPTIONS: dict[str, dict[str, Any]] = {
    "artifacts": {
        "description": "Folder or object-storage URI for data, reports and cards; "
        "a connection goes before the bucket, as for ObjectStoragePath.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "s3://conn_id@bucket/mlops",
        "default": "{AIRFLOW_HOME}/mlops",
    },
    "rollouts": {
        "description": "State and history of rollouts: a SQLite file, or PostgreSQL by a connection.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "conn_id://rollouts",
        "default": "{AIRFLOW_HOME}/mlops/rollouts.db",
    },
    "parse_cache": {
        "description": "Folder of the checked configurations that parses share; only its owner may enter. "
        "Empty: every parse checks every file.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "/var/cache/airflow-mlops",
        "default": "{AIRFLOW_HOME}/mlops/parse-cache",
    },
}


def _modules(kind: str, *names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _NAME, "python-modules": [f"airflow_mlops.{kind}.{name}" for name in names]}]


def _serving_form() -> dict[str, Any]:
    """Return the connection form of a server: the fields that a deployment target reads, with examples."""
    fields = {
        field.place.partition(".")[0]: field
        for target in map(targets.facts, targets.names())
        for field in target.connection_fields
        if not field.keys
    }
    extra: dict[str, Any] = {}
    for name in targets.names():
        extra |= targets.facts(name).example_extra()
    shown = {*fields, *(["extra"] if extra else [])}
    return {
        "hidden-fields": [name for name in ("schema", "login", "port", "extra") if name not in shown],
        "relabeling": {place: field.help[0].upper() + field.help[1:] for place, field in fields.items()},
        "placeholders": {
            **{place: str(field.example) for place, field in fields.items()},
            "extra": json.dumps(extra),
        },
    }


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as Airflow's provider manager expects it."""
    return {
        "package-name": "airflow-mlops",
        "name": _NAME,
        "description": "The whole life of a machine-learning model, from one small YAML file.",
        "integrations": [
            {
                "integration-name": _NAME,
                "tags": ["software"],
            }
        ],
        "operators": _modules("operators", *dict.fromkeys(task.operator_module for task in TASKS)),
        "sensors": _modules("sensors", "alias"),
        "hooks": _modules("hooks", "mlflow", "serving"),
        "triggers": _modules("triggers", "rollout"),
        "task-decorators": [{"name": "ml_stage", "class-name": "airflow_mlops.decorators.ml_stage.ml_stage"}],
        "connection-types": [_MLFLOW_FORM, {**_SERVING, "ui-field-behaviour": _serving_form()}],
        "extra-links": [
            "airflow_mlops.operators.links.CardLink",
            "airflow_mlops.operators.links.MlflowRunLink",
        ],
        "cli": ["airflow_mlops.cli.airflow.get_cli_commands"],
        "config": {"mlops": {"description": "Settings of airflow-mlops.", "options": _OPTIONS}},
    }
