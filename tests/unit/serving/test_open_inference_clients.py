"""The Open Inference Protocol as its clients speak it: ids, versions, binary tensors, types of outputs."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.serving.open_inference import InferRequest
from airflow_mlops.serving.payload import BadInputError
from airflow_mlops.serving.tensor_types import Output, TensorInfo, outputs_of, packed, unpacked_texts
from tests.support.pyfunc_models import PyfuncRegistry
from tests.support.server import NAME, Client, running_server

MODEL = f"/v2/models/{NAME}"
HEAD = "Inference-Header-Content-Length"
INPUT = {"name": "a", "shape": [2], "datatype": "FP64", "data": [1.0, -1.0]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    registry = PyfuncRegistry(tmp_path_factory.mktemp("pyfunc"))
    registry.log("return (a > 0).astype(int)")
    registry.log("return pd.DataFrame({'half': a / 2, 'name': ['x'] * len(a)})")
    with running_server(registry, tmp_path_factory.mktemp("state")) as client:
        for version in (1, 2):
            client.must_load(version, f"models:/{NAME}/{version}")
        assert client.traffic(1).status_code == 200
        yield client


def infer(
    server: Client, body: dict[str, Any], tail: bytes | None = None, path: str = MODEL
) -> httpx.Response:
    head = json.dumps(body).encode()
    headers = {} if tail is None else {HEAD: str(len(head))}
    return server.post(f"{path}/infer", content=head + (tail or b""), headers=headers)


def test_the_id_of_the_request_comes_back_and_labels_use_the_header(server: Client) -> None:
    answer = infer(server, {"id": "mine-7", "inputs": [INPUT]})
    assert answer.json()["id"] == "mine-7"
    assert answer.headers["x-request-id"] != "mine-7"
    label = {"request_id": answer.headers["x-request-id"], "label": [1, 0]}
    assert server.post("/labels", json=label).status_code == 200
    assert infer(server, {"inputs": [INPUT]}).json()["id"] not in ("", "mine-7")


def test_what_the_metadata_say_of_outputs_is_what_comes(server: Client) -> None:
    for path in (f"{MODEL}/versions/1", f"{MODEL}/versions/2"):
        told = server.get(path).json()["outputs"]
        came = infer(server, {"inputs": [INPUT]}, path=path).json()["outputs"]
        assert [(o["name"], o["datatype"]) for o in told] == [(o["name"], o["datatype"]) for o in came]
        assert [o["shape"] for o in told] == [[-1]] * len(came)
    assert [o["data"] for o in came] == [[0.5, -0.5], ["x", "x"]]


def test_a_version_answers_under_its_own_path_and_is_not_counted(server: Client) -> None:
    before = server.counts()
    answer = infer(server, {"inputs": [INPUT]}, path=f"{MODEL}/versions/2")
    assert (answer.status_code, answer.json()["model_version"]) == (200, "2")
    assert server.get(f"{MODEL}/versions/2/ready").json() == {"name": NAME, "ready": True}
    assert server.counts() == before
    for method, path in (("GET", ""), ("GET", "/ready"), ("POST", "/infer")):
        refused = server.request(method, f"{MODEL}/versions/9{path}", json={})
        assert (refused.status_code, "version '9'" in refused.json()["error"]) == (404, True)
    wrong = infer(server, {"inputs": [{**INPUT, "name": "b"}]}, path=f"{MODEL}/versions/2")
    assert (wrong.status_code, "'a'" in wrong.json()["error"]) == (400, True)


def test_tensors_in_binary_form_go_both_ways(server: Client) -> None:
    data = struct.pack("<2d", 1.0, -1.0)
    described = {"name": "a", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": len(data)}}
    answer = infer(server, {"inputs": [described]}, data)
    assert answer.json()["outputs"][0]["data"] == [1, 0]
    for wanted in ({"parameters": {"binary_data_output": True}},
                   {"outputs": [{"name": "predictions", "parameters": {"binary_data": True}}]}):  # fmt: skip
        answer = infer(server, {"inputs": [described], **wanted}, data)
        length = int(answer.headers[HEAD])
        (output,) = json.loads(answer.content[:length])["outputs"]
        assert output["parameters"] == {"binary_data_size": 16}
        assert np.frombuffer(answer.content[length:], "<i8").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("change", "tail", "words"),
    [
        (
            {"parameters": {"binary_data_size": 8}},
            b"x" * 8,
            "shape [2] holds 2 values, its binary data has 1",
        ),
        ({"parameters": {"binary_data_size": 99}}, b"x" * 16, "binary_data_size"),
        ({"parameters": {"binary_data_size": "x"}}, b"x" * 16, "binary_data_size"),
        ({}, b"x" * 16, "binary_data_size"),
        ({"parameters": {"binary_data_size": 16}}, b"x" * 20, "4 bytes of binary data belong to no input"),
        ({"parameters": {"binary_data_size": 15}}, b"x" * 15, "is not FP64"),
        ({"parameters": {"shared_memory_region": "r"}}, b"", "shared memory is not supported"),
    ],
)
def test_wrong_binary_data_is_refused(server: Client, change: Any, tail: bytes, words: str) -> None:
    tensor = {"name": "a", "shape": [2], "datatype": "FP64", **change}
    answer = infer(server, {"inputs": [tensor]}, tail)
    assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.text


def test_what_nobody_has_is_refused_with_a_sentence(server: Client) -> None:
    for wanted, words in (
        ({"outputs": [{"name": "scores"}]}, "output 'scores' is unknown: this model has 'predictions'"),
        ({"parameters": {"temperature": 1}}, "no parameter 'temperature'"),
    ):
        answer = infer(server, {"inputs": [INPUT], **wanted})
        assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.text
    answer = server.post(f"{MODEL}/infer", content=b"{}", headers={HEAD: "many"})
    assert (answer.status_code, HEAD in answer.json()["error"]) == (400, True)
    answer = server.post(f"{MODEL}/infer", content=b"{}", headers={HEAD: "90"})
    assert (answer.status_code, HEAD in answer.json()["error"]) == (400, True)
    nowhere = server.get("/v2/nope")
    assert (nowhere.status_code, "/v2/nope" in nowhere.json()["error"]) == (404, True)
    assert server.get("/metrics").text.count('status="5') == 0


def test_a_wrong_method_names_the_right_ones(server: Client) -> None:
    for method, path, right in (
        ("GET", "/invocations", "POST"),
        ("PUT", f"{MODEL}/infer", "POST"),
        ("POST", "/ping", "GET"),
    ):
        answer = server.request(method, path)
        assert answer.status_code == 405
        assert right in answer.headers["allow"]
        assert f"{method} is not allowed at {path}" in answer.json()["error"]


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5)
    | st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=5)
    | st.lists(st.text(max_size=5), min_size=1, max_size=5)
    | st.lists(st.booleans(), min_size=1, max_size=5)
)
def test_binary_data_is_read_as_it_was_written(values: list[Any]) -> None:
    (output,) = outputs_of(values, [])
    data = packed(output)
    tensor = {
        "name": "a", "shape": list(output.info.shape), "datatype": output.info.datatype,
        "parameters": {"binary_data_size": len(data)},
    }  # fmt: skip
    head = json.dumps({"inputs": [tensor]}).encode()
    payload = InferRequest(len(head)).read(head + data)
    assert payload.columns == {"a": values}


@given(st.binary(max_size=40))
def test_any_bytes_are_texts_or_a_refusal(data: bytes) -> None:
    try:
        texts = unpacked_texts(data)
    except ValueError:
        return
    assert packed(Output(TensorInfo("a", "BYTES", (len(texts),)), texts)) == data


@given(st.binary(max_size=60), st.integers(0, 80))
def test_any_body_gives_rows_or_a_refusal(body: bytes, length: int) -> None:
    with pytest.raises(BadInputError):
        InferRequest(length).read(body)


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        ([1, 2], "FP64", ("FP64", (2,), [1.0, 2.0])),
        ([1.0, 2.0], "INT64", ("INT64", (2,), [1, 2])),
        ([1.5, 2.0], "INT64", ("FP64", (2,), [1.5, 2.0])),
        ([300], "INT8", ("INT64", (1,), [300])),
        ([None, 1.5], "FP64", ("FP64", (2,), [None, 1.5])),
        ([True, False], "BOOL", ("BOOL", (2,), [True, False])),
        ([7, 8], "BYTES", ("BYTES", (2,), ["7", "8"])),
        ([[[1, 2]], [[3, 4]]], "FP32", ("FP32", (2, 1, 2), [1.0, 2.0, 3.0, 4.0])),
        ([[1], [2, 3]], "FP64", ("BYTES", (2,), ["[1]", "[2,3]"])),
        ([], "FP64", ("FP64", (0,), [])),
        ("yes", "BYTES", ("BYTES", (1,), ["yes"])),
    ],
)
def test_an_output_has_its_declared_type_if_its_values_have(
    values: Any, declared: str, expected: Any
) -> None:
    (output,) = outputs_of(values, [TensorInfo("y", declared)])
    assert (output.info.datatype, output.info.shape, output.data) == expected
    assert output.info.name == "predictions"
