"""A server with --only-safe-formats: formats that can hold code are refused before any of it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.safe_formats import check_format
from tests.support.mlflow_store import new_store
from tests.support.server import NAME, running_server

CODE = """
import mlflow
open({mark!r}, "w").close()
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return [1] * len(model_input)
mlflow.models.set_model(Model())
"""


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return pd.DataFrame({"x": np.linspace(-1.0, 1.0, 50)})


@pytest.fixture(scope="module")
def model(rows: pd.DataFrame) -> LogisticRegression:
    return LogisticRegression().fit(rows, (rows["x"] > 0).astype(int))


@pytest.fixture(scope="module")
def registry(
    tmp_path_factory: pytest.TempPathFactory, rows: pd.DataFrame, model: LogisticRegression
) -> Iterator[SimpleNamespace]:
    """Version 1 in the format of skops, version 2 pickled, version 3 a class of its own."""
    folder = tmp_path_factory.mktemp("formats")
    before, uri = mlflow.get_tracking_uri(), new_store(folder)
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.create_experiment(NAME, artifact_location=(folder / "artifacts").as_uri())
    code, mark = folder / "model.py", folder / "ran"
    code.write_text(CODE.format(mark=str(mark)))
    common: dict[str, Any] = {"name": "model", "registered_model_name": NAME, "input_example": rows[:2]}
    for form in ("skops", "cloudpickle"):
        with mlflow.start_run(experiment_id=experiment):
            mlflow.sklearn.log_model(
                model, serialization_format=form, pip_requirements=["scikit-learn"], **common
            )
    with mlflow.start_run(experiment_id=experiment):
        mlflow.pyfunc.log_model(python_model=str(code), pip_requirements=["numpy"], **common)
    mark.unlink()
    yield SimpleNamespace(uri=uri, mark=mark)
    mlflow.set_tracking_uri(before)


def test_only_formats_without_code_are_loaded(registry: Any, tmp_path: Path) -> None:
    with running_server(registry, tmp_path, only_safe_formats=True) as client:
        client.must_load(1, f"models:/{NAME}/1")
        assert client.traffic(1).status_code == 200
        assert client.predict({"x": 0.7}).json() == {"predictions": [1]}
        for version, why in ((2, "its format is cloudpickle"), (3, "its loader is mlflow.pyfunc")):
            answer = client.load(version, f"models:/{NAME}/{version}").json()
            while answer["status"] == "loading":
                answer = client.load(version, f"models:/{NAME}/{version}").json()
            assert answer["status"] == "failed"
            assert f"version {version} is not loaded: {why}" in answer["detail"]
            assert "--only-safe-formats" in answer["detail"]
        assert client.predict({"x": 0.7}).headers["x-model-version"] == "1"
    assert not registry.mark.exists()


def test_by_default_what_is_registered_is_served(registry: Any, tmp_path: Path) -> None:
    with running_server(registry, tmp_path) as client:
        for version in (1, 2, 3):
            client.must_load(version, f"models:/{NAME}/{version}")
    assert registry.mark.exists()
    registry.mark.unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"skops_trusted_types": ["sklearn.tree._tree.Tree", "numpy.dtype", "functools.partial"]}, ""),
        ({"skops_trusted_types": ["subprocess.Popen"]}, "trusted with subprocess.Popen"),
        ({"skops_trusted_types": ["builtins.eval"]}, "trusted with builtins.eval"),
        ({"skops_trusted_types": ["own.module.Class"]}, "trusted with own.module.Class"),
        ({"code": "code"}, "modules of its own"),
        ({"serialization_format": "pickle"}, "its format is pickle"),
        ({"serialization_format": None}, "its format is None"),
    ],
)
def test_what_a_model_would_be_trusted_with_is_looked_at(
    tmp_path: Path, model: LogisticRegression, change: dict[str, Any], said: str
) -> None:
    folder = tmp_path / "model"
    mlflow.sklearn.save_model(model, folder, serialization_format="skops", pip_requirements=["scikit-learn"])
    found = mlflow.models.Model.load(str(folder))
    found.flavors["sklearn"].update(change)
    found.save(str(folder / "MLmodel"))
    if not said:
        check_format(folder, "the model")
        return
    with pytest.raises(ConfigError, match=said):
        check_format(folder, "the model")
