"""What a server with ``--only-safe-formats`` loads: formats that hold no code of their own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

import mlflow

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.value_types import VALUES

_SAFE: Final = (
    "scikit-learn models in the format of skops (train.serialization: skops, or auto without own code)"
)


def check_format(folder: Path, subject: str) -> None:
    """Raise ConfigError when loading the model in ``folder`` would run code of its own; reads, loads nothing.

    Safe is what mlflow.sklearn loads with skops, beside no code, with trusted types of installed packages
    only.
    """
    flavors = mlflow.models.Model.load(str(folder)).flavors
    function, sklearn = flavors.get("python_function", {}), flavors.get("sklearn", {})
    why = _objection(function, sklearn)
    if why:
        raise ConfigError(
            f"{subject} is not loaded: {why}, and this server was started with --only-safe-formats. It "
            f"takes {_SAFE}"
        )


def _objection(function: Mapping[str, Any], sklearn: Mapping[str, Any]) -> str:
    module, kind = function.get("loader_module"), sklearn.get("serialization_format", "pickle")
    if module != "mlflow.sklearn":
        return f"its loader is {module}"
    if kind != "skops":
        return f"its format is {kind}, which can hold any code"
    if function.get("code") or sklearn.get("code"):
        return "it brings modules of its own (code_paths)"
    installed = packages_distributions()
    strange = [
        name
        for name in sklearn.get("skops_trusted_types") or ()
        if name not in VALUES and name.partition(".")[0] not in installed
    ]
    return f"it wants to be trusted with {', '.join(strange[:5])}, of no installed package" if strange else ""
