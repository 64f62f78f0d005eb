"""Small models of Python code in a registry, for what no estimator of scikit-learn would do."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from tests.support.mlflow_store import new_store
from tests.support.server import NAME

_CODE = """
import os, sys, threading, mlflow, numpy as np, pandas as pd

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        a = model_input["a"].to_numpy() if isinstance(model_input, pd.DataFrame) else np.asarray(model_input)
{body}

mlflow.models.set_model(Model())
"""


class PyfuncRegistry:
    """MLflow on SQLite with versions whose predict() is a piece of code; ``a`` holds its only column."""

    def __init__(self, folder: Path) -> None:
        self.uri = new_store(folder)
        self.folder = folder
        mlflow.set_tracking_uri(self.uri)
        self._experiment = mlflow.create_experiment(NAME, artifact_location=(folder / "artifacts").as_uri())

    def log(self, body: str, *, signed: bool = True) -> int:
        """Register a version, with the signature of one column of doubles or without, and return it."""
        code = self.folder / f"model_{len(list(self.folder.glob('model_*.py')))}.py"
        code.write_text(_CODE.format(body=textwrap.indent(textwrap.dedent(body), " " * 8)))
        signature = ModelSignature(Schema([ColSpec("double", "a")])) if signed else None
        with mlflow.start_run(experiment_id=self._experiment), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about examples and type hints that a model could have
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(code),
                signature=signature,
                pip_requirements=["numpy"],
                registered_model_name=NAME,
            )
        return int(info.registered_model_version)
