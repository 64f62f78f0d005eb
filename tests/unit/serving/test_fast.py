from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from airflow_mlops.serving.fast import array_model
from airflow_mlops.serving.fetching import Fetcher
from airflow_mlops.serving.loading import load
from airflow_mlops.serving.payload import Payload, Signature
from tests.support.server import NAME, Registry, running_server

NUMBERS = pd.DataFrame(np.random.default_rng(2).normal(size=(80, 3)), columns=["a", "b", "c"])
LABEL = (NUMBERS["a"] + NUMBERS["b"] > 0).astype(int)
SIGNATURE = Signature.compile([(name, "double", True) for name in NUMBERS])


def as_they_are(rows: pd.DataFrame, dtypes: Any = None, build: Any = None) -> pd.DataFrame:
    return rows if build is None else build(rows)


def swapped(rows: pd.DataFrame) -> pd.DataFrame:
    return rows * -1


def step(build: Any) -> FunctionTransformer:
    return FunctionTransformer(
        as_they_are, kw_args={"dtypes": dict.fromkeys(NUMBERS, "float64"), "build": build}
    )


def log(registry: Registry, model: Any) -> str:
    mlflow.set_tracking_uri(registry.uri)
    columns = Schema([ColSpec("double", name) for name in NUMBERS])
    with mlflow.start_run(experiment_id=registry.experiment):
        info = mlflow.sklearn.log_model(
            model, name="model", serialization_format="cloudpickle", pip_requirements=["scikit-learn"],
            signature=ModelSignature(columns),
        )  # fmt: skip
    return str(info.model_uri)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(5, random_state=1),
        HistGradientBoostingClassifier(max_iter=5),
        LinearRegression(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_short_way_gives_the_answers_of_mlflow(
    serving_registry: Registry, tmp_path: Path, estimator: Any, wrapped: bool
) -> None:
    fitted = estimator.fit(NUMBERS, LABEL)
    uri = log(serving_registry, Pipeline([("f", step(None)), ("m", fitted)]) if wrapped else fitted)
    model = load(1, uri, tmp_path, Fetcher(serving_registry.uri))
    assert model.shorten()
    payload = Payload(len(NUMBERS), {name: NUMBERS[name].tolist() for name in NUMBERS})
    found = model.predict([model.prepare(payload)])
    expected = mlflow.pyfunc.load_model(uri)
    assert found.values == pytest.approx(np.asarray(expected.predict(NUMBERS)).tolist(), rel=1e-12)
    if hasattr(estimator, "predict_proba"):
        chances = expected.get_raw_model().predict_proba(NUMBERS)[:, 1]
        assert found.scores == pytest.approx(chances.tolist(), rel=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        Pipeline([("f", step(swapped)), ("m", LogisticRegression())]).fit(NUMBERS, LABEL),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, LABEL),
        LogisticRegression().fit(NUMBERS[["b", "a", "c"]], LABEL),
        LogisticRegression().fit(NUMBERS.to_numpy(), LABEL),
    ],
    ids=["features", "pipeline", "other order", "no names"],
)
def test_a_model_that_does_more_than_arrays_can_say_goes_the_long_way(model: Any) -> None:
    assert array_model(model, SIGNATURE) is None


def test_columns_that_are_no_numbers_go_the_long_way() -> None:
    mixed = Signature.compile([("a", "double", True), ("b", "string", True), ("c", "double", True)])
    assert array_model(LogisticRegression().fit(NUMBERS, LABEL), mixed) is None
    assert array_model(LogisticRegression().fit(NUMBERS, LABEL), None) is None


def test_a_gap_is_the_same_both_ways(serving_registry: Registry, tmp_path: Path) -> None:
    uri = log(serving_registry, HistGradientBoostingClassifier(max_iter=5).fit(NUMBERS, LABEL))
    model = load(1, uri, tmp_path, Fetcher(serving_registry.uri))
    found = model.predict([model.prepare(Payload(1, {"a": [None], "b": [0.3], "c": [1]}))])
    row = pd.DataFrame({"a": [np.nan], "b": [0.3], "c": [1.0]})
    assert found.values == mlflow.pyfunc.load_model(uri).predict(row).tolist()


def test_callers_at_once_get_their_own_answers(serving_registry: Registry, tmp_path: Path) -> None:
    uri = log(serving_registry, LogisticRegression().fit(NUMBERS, LABEL))
    version = int(mlflow.register_model(uri, NAME).version)
    with running_server(serving_registry, tmp_path) as client:
        client.must_load(version, f"models:/{NAME}/{version}")
        assert client.get("/v2/health/ready").status_code == 503  # a request would get no answer
        client.traffic(version)
        rows = [{"a": 3.0 if n % 2 else -3.0, "b": 0.0, "c": 0.0} for n in range(60)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(client.predict, rows))
        assert [a.json()["predictions"] for a in answers] == [[n % 2] for n in range(60)]
        bad = client.predict({"a": None, "b": 0.0, "c": 0.0})
        assert bad.status_code == 400
        assert "column 'a': the model takes no null" in bad.json()["error"]
        assert client.counts()[str(version)] == {"requests": 60, "failures": 0}
        assert client.get("/v2/health/ready").status_code == 200
