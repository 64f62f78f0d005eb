"""The name of the pipeline, and the recipe's values about MLflow and batch scoring."""

from __future__ import annotations

import re
from typing import Final

from airflow_mlops.cli.migrate.conversion import Conversion
from airflow_mlops.cli.migrate.recipe import Recipe
from airflow_mlops.core.connection import MLFLOW_CONN_ID

_LONGEST: Final = 63
_NAMES: Final = (("model_registry", "model_name"), ("experiment", "name"))
_MLFLOW: Final = (
    f"airflow connections add {MLFLOW_CONN_ID} --conn-type mlops_mlflow --conn-host URI, with this URI"
)
_TODO: Final[dict[tuple[str, str], str]] = {
    ("experiment", "tracking_uri"): _MLFLOW,
    ("experiment", "artifact_location"): "MLflow's server decides it: mlflow server --default-artifact-root",
    ("model_registry", "uri"): f"registry and runs are in one MLflow here: {_MLFLOW}",
    ("model_registry", "registry_uri"): f"registry and runs are in one MLflow here: {_MLFLOW}",
}
_BATCH: Final = (
    "a champion is served and does not score files: add `deploy`, or score in a task of your own with "
    "mlflow.pyfunc.load_model('models:/{name}@champion')"
)


def pipeline_name(recipe: Recipe) -> str:
    """Return the pipeline's name: the registered model, else the experiment, else the folder."""
    for section, key in _NAMES:
        found = recipe.values.get(section)
        given = found.get(key) if isinstance(found, dict) else None
        if isinstance(given, str) and (name := _as_name(given)):
            return name
    return _as_name(recipe.root.resolve().name) or "model"


def convert_names(conversion: Conversion) -> None:
    """Write the pipeline's name, and report what to do about MLflow and batch scoring."""
    conversion.config["name"] = conversion.name
    conversion.carried((conversion.recipe.head,), f"train, evaluate ({conversion.recipe.kind})")
    for path in _NAMES:
        given = conversion.value(*path)
        if given == conversion.name:
            conversion.carried(path, "name")
        elif given is not None:
            text = f"name: {conversion.name} is the pipeline, its experiment and its registered model"
            conversion.changed(path, text)
    for path, todo in _TODO.items():
        conversion.left_if_set(path, todo)
    for step in ("ingest_scoring", "predict"):
        conversion.left_if_set(("steps", step), _BATCH.format(name=conversion.name))


def _as_name(text: str) -> str:
    """Return ``text`` as a pipeline's name: small letters, digits, ``_``, a letter first."""
    found = re.sub(r"[^a-z0-9]+", "_", text.rpartition("/")[2].rpartition(".")[2].lower()).strip("_")
    found = found if not found or found[0].isalpha() else f"m_{found}"
    return found[:_LONGEST]
