from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.serving.open_inference import read_infer
from airflow_mlops.serving.payload import BadInputError
from tests.support.server import NAME, ROW, Client, Registry, running_server

TYPES = {"distance": "FP64", "carrier": "BYTES", "hour": "INT64"}


@pytest.fixture
def champion(serving_registry: Registry, tmp_path: Path) -> Iterator[Client]:
    with running_server(serving_registry, tmp_path / "state") as client:
        client.load(1, serving_registry.model_uri("champion"))
        client.traffic(1)
        yield client


def tensors(rows: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": name, "shape": [len(rows)], "datatype": kind, "data": [row[name] for row in rows]}
            for name, kind in TYPES.items()
        ],
        **changes,
    }


def test_infer_answers_what_invocations_answers(champion: Client) -> None:
    rows = [ROW, {**ROW, "distance": -2.0}]
    answer = champion.post(f"/v2/models/{NAME}/infer", json=tensors(rows))
    assert answer.status_code == 200
    (output,) = answer.json()["outputs"]
    assert output == {"name": "predictions", "shape": [2], "datatype": "INT64", "data": [1, 0]}
    assert output["data"] == champion.predict(*rows).json()["predictions"]
    assert (answer.json()["model_name"], answer.json()["model_version"]) == (NAME, "1")
    assert answer.headers["x-model-version"] == "1"
    assert champion.counts()["1"]["requests"] == 2


def test_health_needs_no_token_and_metadata_names_the_columns(champion: Client) -> None:
    with httpx.Client(base_url=champion.base_url) as anonymous:
        assert anonymous.get("/v2/health/live").json() == {"live": True}
        assert anonymous.get("/v2/health/ready").status_code == 200
        assert anonymous.get(f"/v2/models/{NAME}").status_code == 401
    metadata = champion.get(f"/v2/models/{NAME}").json()
    assert {i["name"]: i["datatype"] for i in metadata["inputs"]} == TYPES
    assert metadata["versions"] == ["1"]
    assert champion.get(f"/v2/models/{NAME}/ready").json() == {"name": NAME, "ready": True}
    assert champion.get("/v2").json()["name"] == "airflow-mlops"


def test_another_model_is_not_here(champion: Client) -> None:
    for answer in (champion.get("/v2/models/other"), champion.post("/v2/models/other/infer", json={})):
        assert answer.status_code == 404
        assert f"serves '{NAME}'" in answer.json()["error"]


def test_a_server_without_a_model_is_live_but_not_ready(serving_registry: Registry, tmp_path: Path) -> None:
    with running_server(serving_registry, tmp_path) as client:
        assert client.get("/v2/health/live").status_code == 200
        assert client.get("/v2/health/ready").status_code == 503


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"datatype": "FP8"}, "Invalid enum value 'FP8' - at `$.inputs[0].datatype`"),
        ({"shape": [2]}, "shape [2] holds 2 values, data has 1 - at `$.inputs[0]`"),
        ({"shape": "x"}, "Expected `array`, got `str` - at `$.inputs[0].shape`"),
        ({"shape": [0], "data": []}, "all inputs must have the same number of rows, at least 1; got [0, 1]"),
        ({"name": None}, "Expected `str`, got `null` - at `$.inputs[0].name`"),
        ({"data": ["far"]}, "column 'distance' row 0"),
    ],
)
def test_a_wrong_tensor_is_named(champion: Client, change: dict[str, Any], words: str) -> None:
    body = tensors([ROW])
    body["inputs"][0].update(change)
    answer = champion.post(f"/v2/models/{NAME}/infer", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert champion.counts() == {}


def test_one_tensor_of_rows_is_an_array() -> None:
    body = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP64", "data": [[1, 2, 3], [4, 5, 6]]}]}
    assert read_infer(json.dumps(body).encode()).array == [[1, 2, 3], [4, 5, 6]]
    body["inputs"][0]["data"] = [1, 2, 3, 4, 5, 6]
    assert read_infer(json.dumps(body).encode()).array == [[1, 2, 3], [4, 5, 6]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({"name": JSON, "shape": JSON, "datatype": st.just("FP64"), "data": JSON}), JSON)
def test_any_tensor_gives_rows_or_a_refusal(tensor: dict[str, Any], other: Any) -> None:
    for inputs in ([tensor], [tensor, other], other):
        try:
            payload = read_infer(json.dumps({"inputs": inputs}).encode())
        except BadInputError:
            continue
        assert payload.rows >= 1
