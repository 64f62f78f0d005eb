"""The name of the pipeline: the registered model, else the experiment, else the folder."""

from __future__ import annotations

import re
from typing import Final

from airflow_mlops.cli.migrate.conversion import Conversion, value_at
from airflow_mlops.cli.migrate.recipe import Recipe

_LONGEST: Final = 63
_NAMES: Final = (("model_registry", "model_name"), ("experiment", "name"))


def pipeline_name(recipe: Recipe) -> str:
    """Return the pipeline's name."""
    given = [value_at(recipe.values, path) for path in _NAMES]
    texts = [text for text in given if isinstance(text, str)]
    names = map(_as_name, (*texts, recipe.root.resolve().name))
    return next(filter(None, names), "model")


def convert_names(conversion: Conversion) -> None:
    """Write the pipeline's name."""
    conversion.config["name"] = conversion.name
    for path in _NAMES:
        if conversion.value(*path) == conversion.name:
            conversion.carried(path, "name")
        else:
            text = f"name: {conversion.name} is the pipeline, its experiment and its registered model"
            conversion.changed(path, text)


def _as_name(text: str) -> str:
    """Return ``text`` as a pipeline's name: small letters, digits, ``_``, a letter first."""
    found = re.sub(r"[^a-z0-9]+", "_", text.rpartition("/")[2].rpartition(".")[2].lower()).strip("_")
    found = found if not found or found[0].isalpha() else f"m_{found}"
    return found[:_LONGEST]
