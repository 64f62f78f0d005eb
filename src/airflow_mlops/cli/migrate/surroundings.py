"""What is around the steps: names, places of MLflow, batch scoring."""

from __future__ import annotations

import re
from typing import Final

from airflow_mlops.cli.migrate.entry import Entry, carried, changed, left
from airflow_mlops.cli.migrate.part import Part, Subject
from airflow_mlops.cli.migrate.recipe import Recipe

_LONGEST: Final = 63
_MLFLOW: Final = (
    "airflow connections add mlops_mlflow_default --conn-type mlops_mlflow --conn-host URI, with this URI"
)
_TODO: Final[dict[tuple[str, str], str]] = {
    ("experiment", "tracking_uri"): _MLFLOW,
    ("experiment", "artifact_location"): "MLflow's server decides it: mlflow server --default-artifact-root",
    ("model_registry", "uri"): f"registry and runs are in one MLflow here: {_MLFLOW}",
    ("model_registry", "registry_uri"): f"registry and runs are in one MLflow here: {_MLFLOW}",
}
_BATCH: Final = (
    "a champion is served, not run over files: add `deploy`, or score in a task of your own with "
    "mlflow.pyfunc.load_model('models:/{name}@champion')"
)


def name_of(recipe: Recipe) -> str:
    """Return the pipeline's name: the registered model, else the experiment, else the folder."""
    values = recipe.values
    for section, key in (("model_registry", "model_name"), ("experiment", "name")):
        found = values.get(section)
        given = found.get(key) if isinstance(found, dict) else None
        if isinstance(given, str) and (name := _plain(given)):
            return name
    return _plain(recipe.root.resolve().name) or "model"


def around(subject: Subject) -> Part:
    """Return the pipeline's name, and what to do about the values around the steps."""
    told: list[Entry] = [carried((subject.recipe.head,), f"train, evaluate ({subject.recipe.kind})")]
    for path in (("model_registry", "model_name"), ("experiment", "name")):
        given = subject.at(*path)
        if given is None:
            continue
        if given == subject.name:
            told.append(carried(path, "name"))
        else:
            text = f"name: {subject.name} is the pipeline, its experiment and its registered model"
            told.append(changed(path, text))
    told += [left(path, todo) for path, todo in _TODO.items() if subject.at(*path) is not None]
    batch = _BATCH.format(name=subject.name)
    told += [
        left(("steps", step), batch)
        for step in ("ingest_scoring", "predict")
        if subject.at("steps", step) is not None
    ]
    return Part({"name": subject.name}, tuple(told))


def _plain(text: str) -> str:
    """Return ``text`` as a pipeline's name: small letters, digits, ``_``, a letter first."""
    found = re.sub(r"[^a-z0-9]+", "_", text.rpartition("/")[2].rpartition(".")[2].lower()).strip("_")
    found = found if not found or found[0].isalpha() else f"m_{found}"
    return found[:_LONGEST]
