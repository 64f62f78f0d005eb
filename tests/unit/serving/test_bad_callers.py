"""What callers may do wrong over a real connection: a precise refusal, and the champion goes on serving."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.support.server import ROW, TOKEN, Registry
from tests.support.server_process import ServerProcess, running_champion

READ_S = "0.6"
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def served(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("callers")
    with running_champion(serving_registry, folder, "--read-timeout", READ_S, kinds=["good"]) as server:
        yield server


@pytest.fixture
def server(served: ServerProcess) -> Iterator[ServerProcess]:
    yield served
    assert served.predict().status_code == 200
    assert served.get("/health").json() == {"ready": [1, 2]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"dataframe_records": [{**ROW, "distance": "far"}]}, "column 'distance' row 0"),
        ({"dataframe_records": [{**ROW, "hour": 3.5}]}, "column 'hour' row 0: 3.5 is not a whole number"),
        ({"dataframe_records": [{**ROW, "hour": float("nan")}]}, "column 'hour' row 0: NaN"),
        ({"dataframe_records": [{"distance": 1.0, "hour": 3}]}, "column 'carrier' (string) is missing"),
        ({"dataframe_split": {"columns": ["hour"], "data": [[1, 2]]}}, "row 0 must be a list of 1 values"),
        ({"inputs": {"hour": [1, 2], "distance": [1.0]}}, "a list of the same length"),
        ({"instances": [[0.4, "UA", 3]]}, "this model takes named columns"),
        ({"rows": []}, "exactly one of"),
    ],
)
def test_rows_that_no_model_could_answer_get_400(server: ServerProcess, body: Any, said: str) -> None:
    before = server.counts()
    answer = server.post("/invocations", content=json.dumps(body))
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert server.counts() == before


def test_columns_too_many_and_gaps_that_the_model_knows_are_answered(server: ServerProcess) -> None:
    assert server.predict({**ROW, "colour": "red"}).status_code == 200
    gap = server.post(
        "/invocations", content=json.dumps({"dataframe_records": [{**ROW, "distance": float("nan")}]})
    )
    assert gap.status_code == 200


def connect(server: ServerProcess, head: str) -> socket.socket:
    connection = socket.create_connection((server.base_url.host, server.base_url.port), timeout=30)
    connection.sendall(
        f"POST /invocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{head}".encode()
    )
    return connection


def test_a_body_that_announces_100_mb_is_refused_before_it_is_sent(server: ServerProcess) -> None:
    with connect(server, f"Content-Length: {100 * MEGABYTE}\r\n\r\n") as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_100_mb_in_chunks_costs_no_memory(server: ServerProcess) -> None:
    worker = psutil.Process(server.workers[0])
    before, highest = worker.memory_info().rss, 0
    chunk = b"100000\r\n" + b" " * MEGABYTE + b"\r\n"
    with connect(server, "Transfer-Encoding: chunked\r\n\r\n") as connection:
        try:
            for _ in range(100):
                connection.sendall(chunk)
                highest = max(highest, worker.memory_info().rss)
            connection.sendall(b"0\r\n\r\n")
        except OSError:  # The server may stop listening to it.
            pass
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert highest - before < 40 * MEGABYTE


def test_a_caller_that_never_ends_its_headers_is_cut_off(server: ServerProcess) -> None:
    with connect(server, "X-Slow: ") as connection:
        connection.sendall(b"a")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(4096) == b""


def test_a_caller_that_never_ends_its_body_gets_408(server: ServerProcess) -> None:
    with connect(server, "Content-Length: 100\r\n\r\n{") as connection:
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.6 s" in answer


def test_a_wrong_token_moves_no_traffic(server: ServerProcess) -> None:
    before = server.get("/admin/state").json()
    body = {"weights": {"2": 100}, "champion": 1, "generation": 999, "lease_s": None}
    wrong = {"Authorization": f"Bearer {TOKEN}x"}
    assert server.put("/admin/traffic", json=body, headers=wrong).status_code == 401
    assert server.delete("/admin/versions/2", headers=wrong).status_code == 401
    assert server.post("/invocations", json={}, headers=wrong).status_code == 401
    assert server.get("/admin/state").json() == before


def test_an_order_that_is_sent_again_later_is_refused(server: ServerProcess) -> None:
    generation = server.get("/admin/state").json()["generation"] + 1
    body = {"weights": {"2": 30}, "champion": 1, "generation": generation, "lease_s": None}
    assert server.put("/admin/traffic", json=body).status_code == 200
    assert server.traffic(1).status_code == 200
    replayed = server.put("/admin/traffic", json=body)
    assert replayed.status_code == 409
    assert f"the change was made for {generation}" in replayed.json()["error"]
    assert server.get("/admin/state").json()["weights"] == {}


@pytest.mark.parametrize("weight", [-1, 101, 2.5, "30", None, True, float("nan")])
def test_a_weight_that_is_no_percent_gets_422(server: ServerProcess, weight: Any) -> None:
    body = {"weights": {"2": weight}, "champion": 1, "generation": 10_000, "lease_s": None}
    answer = server.put("/admin/traffic", content=json.dumps(body))
    assert answer.status_code == 422
    assert "whole percents from 0 to 100" in answer.json()["error"]


def test_labels_nobody_asked_for_get_404_and_odd_ones_422(server: ServerProcess) -> None:
    assert server.post("/labels", json={"request_id": "never", "label": 1}).status_code == 404
    for body in ({"request_id": 7, "label": 1}, {"request_id": "never"}, []):
        assert server.post("/labels", json=body).status_code == 422


def test_what_is_no_http_gets_400(server: ServerProcess) -> None:
    with socket.create_connection((server.base_url.host, server.base_url.port), timeout=30) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_caller_that_hangs_up_costs_nobody_anything(server: ServerProcess) -> None:
    for _ in range(10):
        connect(server, "Content-Length: 100\r\n\r\n{").close()
    with httpx.Client() as other:
        assert other.get(f"{server.base_url}/ping").text == "ok\n"
