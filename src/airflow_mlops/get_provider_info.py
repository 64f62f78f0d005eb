"""What this provider brings to Airflow; a plain dict, and no import (Airflow is still initialising)."""

from __future__ import annotations

from typing import Any

from airflow_mlops.lifecycle.table import TASKS

_NAME = "MLOps"

_CONNECTION_TYPES: list[dict[str, Any]] = [
    {
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
    },
    {
        "connection-type": "mlops_serving",
        "hook-class-name": "airflow_mlops.hooks.serving.ServingHook",
        "hook-name": "Model server (airflow-mlops)",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "port", "extra"],
            "relabeling": {"host": "Address", "password": "Token"},
            "placeholders": {"host": "http://127.0.0.1:8500"},
        },
    },
]

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
        "connection-types": _CONNECTION_TYPES,
        "extra-links": ["airflow_mlops.operators.links.MlflowRunLink"],
        "cli": ["airflow_mlops.cli.airflow.get_cli_commands"],
        "config": {"mlops": {"description": "Settings of airflow-mlops.", "options": _OPTIONS}},
    }
