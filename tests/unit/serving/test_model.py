from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.svm import SVC

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.serving.fetching import Fetcher
from airflow_mlops.serving.loading import load
from airflow_mlops.serving.payload import BadInputError, Payload, Table
from tests.support.server import Registry, frame

ROWS = frame(50)
PAYLOAD = Payload(50, {name: ROWS[name].tolist() for name in ROWS})


def log(registry: Registry, model: Any, **options: Any) -> str:
    mlflow.set_tracking_uri(registry.uri)
    with mlflow.start_run(experiment_id=registry.experiment):
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
            **options,
        )
    return str(info.model_uri)


def test_the_fast_path_predicts_what_mlflow_predicts(serving_registry: Registry, tmp_path: Path) -> None:
    uri = serving_registry.model_uri("champion")
    model = load(1, uri, tmp_path, Fetcher(serving_registry.uri))
    found = model.predict([model.prepare(PAYLOAD)])
    pyfunc = mlflow.pyfunc.load_model(uri)
    assert found.values == pyfunc.predict(ROWS).tolist()
    chances = pyfunc.get_raw_model().predict_proba(ROWS)[:, 1]
    assert found.scores == pytest.approx(chances.tolist())


def test_labels_come_from_predict_where_probabilities_would_differ(
    serving_registry: Registry, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rows = frame(80)[["distance"]]
    noisy = np.where(rng.random(80) < 0.35, "late", "in time")
    svc = SVC(random_state=0).fit(rows, noisy)
    signature = mlflow.models.infer_signature(rows)
    uri = log(serving_registry, svc, signature=signature)
    model = load(7, uri, tmp_path, Fetcher(serving_registry.uri))
    found = model.predict([model.prepare(Payload(80, {"distance": rows["distance"].tolist()}))])
    assert found.values == svc.predict(rows).tolist()


def test_a_regressor_scores_with_its_prediction(serving_registry: Registry, tmp_path: Path) -> None:
    rows = ROWS[["distance"]]
    signature = mlflow.models.infer_signature(rows)
    uri = log(serving_registry, LinearRegression().fit(rows, rows["distance"] * 2), signature=signature)
    model = load(8, uri, tmp_path, Fetcher(serving_registry.uri))
    found = model.predict([model.prepare(Payload(1, {"distance": [3]}))])
    assert found.values == found.scores == pytest.approx([6.0])


def test_a_model_without_signature_takes_plain_arrays(serving_registry: Registry, tmp_path: Path) -> None:
    numbers = np.arange(20.0).reshape(10, 2)
    uri = log(serving_registry, LinearRegression().fit(numbers, numbers.sum(axis=1)))
    model = load(9, uri, tmp_path, Fetcher(serving_registry.uri))
    found = model.predict([model.prepare(Payload(2, array=[[1, 2], [3, 4]]))])
    assert found.values == pytest.approx([3.0, 7.0])


def test_a_loaded_model_starts_again_without_mlflow(serving_registry: Registry, tmp_path: Path) -> None:
    uri = serving_registry.model_uri("champion")
    load(1, uri, tmp_path, Fetcher(serving_registry.uri))
    assert load(1, uri, tmp_path, Fetcher(f"sqlite:///{tmp_path}/elsewhere.db")).version == 1


def test_changed_golden_predictions_name_the_row(serving_registry: Registry, tmp_path: Path) -> None:
    uri = serving_registry.model_uri("champion")
    load(1, uri, tmp_path, Fetcher(serving_registry.uri))
    (golden,) = tmp_path.glob("1-*/golden.json")
    document = json.loads(golden.read_text())
    document["predictions"][2] = 1 - document["predictions"][2]
    golden.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="version 1, golden row 2: predicts"):
        load(1, uri, tmp_path, Fetcher(serving_registry.uri))


@pytest.mark.parametrize("gap", [None, float("nan"), float("inf")])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_null_that_a_model_cannot_take_is_a_fault_of_its_caller(
    serving_registry: Registry, tmp_path: Path, gap: Any, rows: int
) -> None:
    known = frame(40)[["distance"]].assign(delay=np.arange(40.0))
    uri = log(
        serving_registry,
        LinearRegression().fit(known, known["delay"]),
        signature=mlflow.models.infer_signature(known),
    )
    model = load(9, uri, tmp_path, Fetcher(serving_registry.uri))
    asked = Payload(rows, {"distance": [1.0] * (rows - 1) + [gap], "delay": [1.0] * rows})
    with pytest.raises(
        BadInputError, match="column 'distance': the model takes no null or infinite number there"
    ):
        model.predict([model.prepare(asked)])
    table = Table(["distance", "delay"], [[float("nan"), 1.0]])
    with pytest.raises(BadInputError, match="column 'distance'"):
        model.predict([model.prepare(Payload(1, table=table))])


def test_a_model_that_fails_without_the_null_as_well_is_to_blame(
    serving_registry: Registry, tmp_path: Path
) -> None:
    known = frame(40)[["distance"]].assign(delay=np.arange(40.0))
    fitted = LinearRegression().fit(known, known["delay"])
    uri = log(serving_registry, fitted, signature=mlflow.models.infer_signature(known[["distance"]]))
    model = load(10, uri, tmp_path, Fetcher(serving_registry.uri))
    with pytest.raises(ValueError, match="feature") as caught:
        model.predict([model.prepare(Payload(1, {"distance": [None]}))])
    assert not isinstance(caught.value, BadInputError)
