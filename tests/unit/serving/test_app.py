from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.server import NAME, ROW, Client, Registry, running_server


@pytest.fixture
def server(serving_registry: Registry, tmp_path: Path) -> Iterator[Client]:
    with running_server(serving_registry, tmp_path / "state") as client:
        yield client


@pytest.fixture
def champion(server: Client, serving_registry: Registry) -> Client:
    """A server whose champion is version 1."""
    server.must_load(1, serving_registry.model_uri("champion"))
    assert server.traffic(1).status_code == 200
    return server


def test_every_path_but_ping_asks_for_the_token(server: Client) -> None:
    anonymous = httpx.Client(base_url=server.base_url)
    with anonymous:
        assert anonymous.get("/ping").text == "ok\n"
        for path in ("/health", "/metrics", "/admin/state", "/admin/counts", "/nowhere"):
            assert anonymous.get(path).status_code == 401
        for path in ("/invocations", "/labels", "/admin/lease"):
            assert anonymous.post(path, json={}).status_code == 401
        wrong = {"Authorization": "Bearer nearly"}
        assert anonymous.put("/admin/traffic", json={}, headers=wrong).status_code == 401


def test_without_a_model_it_says_so(server: Client) -> None:
    answer = server.predict()
    while "is being looked up" in answer.json()["error"]:  # The server asks MLflow once it has started.
        answer = server.predict()
    assert answer.status_code == 503
    assert "no model is loaded yet" in answer.json()["error"]
    assert server.get("/health").status_code == 503


def test_first_start_serves_the_champion_alias(serving_registry: Registry, tmp_path: Path) -> None:
    serving_registry.set("champion", 1)
    try:
        with running_server(serving_registry, tmp_path) as client:
            answers = (client.predict() for _ in range(10_000))
            answer = next(a for a in answers if a.status_code == 200)
            assert answer.headers["x-model-version"] == "1"
    finally:
        serving_registry.delete("champion")


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [ROW]},
        {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}},
        {"inputs": {name: [value] for name, value in ROW.items()}},
        {"instances": [ROW]},
    ],
)
def test_all_formats_of_mlflow_give_the_same_label(champion: Client, body: object) -> None:
    answer = champion.post("/invocations", json=body, headers={"x-request-id": "r-1"})
    assert answer.json() == {"predictions": [1]}
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.headers["x-model-version"] == "1"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"carrier": "UA", "hour": 3}, "column 'distance' (double) is missing"),
        ({**ROW, "hour": 3.5}, "column 'hour' row 0: 3.5 is not a whole number"),
        ({**ROW, "carrier": 7}, "column 'carrier' row 0: 7 is not a string"),
        ({**ROW, "hour": None}, "column 'hour' row 0: null"),
        ({**ROW, "hour": 2**70}, "column 'hour' row 0"),
        ({**ROW, "distance": 10**400}, "column 'distance' row 0"),
    ],
)
def test_a_wrong_row_is_refused_with_its_column_and_counts_for_nobody(
    champion: Client, row: dict[str, object], words: str
) -> None:
    answer = champion.predict(row)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert champion.counts() == {}


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"dataframe_records": []}', b'{"dataframe_split": {"data": 3}}']
)
def test_malformed_bodies_get_400(champion: Client, body: bytes) -> None:
    answer = champion.post("/invocations", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_body_over_the_limit_gets_413(serving_registry: Registry, tmp_path: Path) -> None:
    with running_server(serving_registry, tmp_path, max_body=1000) as client:
        assert client.post("/invocations", content=b"x" * 1001).status_code == 413


def test_concurrent_requests_each_get_their_own_rows(champion: Client) -> None:
    rows = [{**ROW, "distance": -2.0 if i % 2 else 2.0} for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(champion.predict, rows))
    assert [a.json()["predictions"] for a in answers] == [[0] if i % 2 else [1] for i in range(60)]
    assert champion.counts() == {"1": {"requests": 60, "failures": 0}}


@pytest.mark.parametrize("kind", ["broken", "wider"])
def test_a_failing_canary_costs_no_caller_anything(
    champion: Client, serving_registry: Registry, kind: str
) -> None:
    version = serving_registry.kinds[kind]
    champion.must_load(version, serving_registry.model_uri(kind))
    assert champion.traffic(1, {version: 50}).status_code == 200
    answers = [champion.predict() for _ in range(60)]
    assert {a.status_code for a in answers} == {200}
    fallbacks = sum(a.headers.get("x-fallback") == "1" for a in answers)
    assert {a.headers["x-model-version"] for a in answers} == {"1"}
    found = champion.counts()[str(version)]
    assert found["requests"] == found["failures"] == fallbacks > 0
    assert champion.counts()["1"] == {"requests": 60 - fallbacks, "failures": 0}


def test_a_slow_version_times_out_and_the_champion_answers(
    serving_registry: Registry, tmp_path: Path
) -> None:
    slow = serving_registry.kinds["slow"]
    with running_server(serving_registry, tmp_path, timeout_s=0.8) as client:
        client.load(1, serving_registry.model_uri("champion"))
        client.load(slow, serving_registry.model_uri("slow"))
        assert client.traffic(1, {slow: 100}).status_code == 200
        answer = client.predict()
        assert (answer.status_code, answer.headers["x-fallback"]) == (200, "1")
        assert client.counts()[str(slow)] == {"requests": 1, "failures": 1}
        assert client.traffic(slow).status_code == 200
        assert client.predict().status_code == 504


def test_labels_join_logged_requests(champion: Client) -> None:
    champion.predict(ROW, **{"x-request-id": "flight-9"})
    assert champion.post("/labels", json={"request_id": "flight-9", "label": 1}).status_code == 200
    unknown = champion.post("/labels", json={"request_id": "flight-10", "label": 1})
    assert unknown.status_code == 404
    assert "flight-10" in unknown.json()["error"]
    assert champion.post("/labels", json={"label": 1}).status_code == 422


def test_golden_rows_that_differ_fail_the_version(champion: Client, serving_registry: Registry) -> None:
    odd = serving_registry.kinds["odd"]
    answer = champion.load(odd, serving_registry.model_uri("odd")).json()
    assert answer["status"] == "failed"
    assert "golden row" in answer["detail"]
    refused = champion.traffic(1, {odd: 5})
    assert refused.status_code == 409
    assert "not ready" in refused.json()["error"]


def test_a_version_that_does_not_exist_fails_in_words(champion: Client) -> None:
    answer = champion.load(99, f"models:/{NAME}/99").json()
    assert answer["status"] == "failed"
    assert "99" in answer["detail"]


def test_an_older_generation_is_refused_and_the_same_one_is_harmless(
    champion: Client, serving_registry: Registry
) -> None:
    champion.load(2, serving_registry.model_uri("good"))
    body = {"weights": {"2": 25}, "champion": 1, "generation": 7, "lease_s": 60}
    first = champion.put("/admin/traffic", json=body)
    again = champion.put("/admin/traffic", json=body)
    assert first.status_code == again.status_code == 200
    assert first.json()["epoch"] == again.json()["epoch"]
    assert champion.put("/admin/traffic", json={**body, "weights": {"2": 50}}).status_code == 409
    assert champion.put("/admin/traffic", json={**body, "generation": 6}).status_code == 409
    assert champion.get("/admin/state").json()["weights"] == {"2": 25}


@pytest.mark.parametrize(
    "change",
    [{"weights": {"2": 101}}, {"weights": {"2": -1}}, {"weights": {"2": 2.5}}, {"weights": {"x": 1}},
     {"weights": {"2": 60, "3": 60}}, {"champion": "1"}, {"generation": None}, {"lease_s": 0}],
)  # fmt: skip
def test_impossible_traffic_gets_422(champion: Client, change: dict[str, object]) -> None:
    body = {"weights": {"2": 25}, "champion": 1, "generation": 9, "lease_s": 60, **change}
    answer = champion.put("/admin/traffic", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


@pytest.mark.parametrize("weights", [{}, {2: 0}])
def test_a_champion_that_nobody_had_loaded_is_refused_with_the_next_step(
    champion: Client, weights: dict[int, int]
) -> None:
    before = champion.get("/admin/state").json()
    answer = champion.traffic(9, weights)
    assert answer.status_code == 409
    assert answer.json()["error"] == (
        "version 9 cannot be champion: it is not loaded, and no traffic was moved. "
        "Load it first: PUT /admin/versions/9 with its model_uri"
    )
    assert champion.get("/admin/state").json() == before
    assert champion.predict().headers["x-model-version"] == "1"


def test_a_champion_that_fails_to_load_is_accepted_so_that_a_roll_back_ends(champion: Client) -> None:
    champion.load(2, f"models:/{NAME}/2")
    assert champion.load(99, f"models:/{NAME}/99").json()["status"] == "failed"
    assert champion.traffic(99, {2: 100}).status_code == 200
    assert champion.traffic(99, {2: 0}).status_code == 200
    assert champion.traffic(99).status_code == 200


def test_canary_traffic_ends_with_the_lease(champion: Client, serving_registry: Registry) -> None:
    champion.load(2, serving_registry.model_uri("good"))
    before = champion.traffic(1, {2: 100}, lease_s=0.3).json()
    answers = (champion.predict().headers["x-model-version"] for _ in range(100_000))
    assert next(answers) == "2"
    assert next(a for a in answers if a == "1") == "1"
    after = champion.get("/admin/state").json()
    assert after["weights"] == {"2": 0}
    assert after["epoch"] > before["epoch"]


def test_a_version_with_traffic_cannot_be_unloaded(champion: Client, serving_registry: Registry) -> None:
    champion.load(2, serving_registry.model_uri("good"))
    champion.traffic(1, {2: 10})
    assert champion.delete("/admin/versions/1").status_code == 409
    assert champion.delete("/admin/versions/2").status_code == 409
    champion.traffic(1)
    assert champion.delete("/admin/versions/2").status_code == 200
    assert list(champion.get("/admin/state").json()["versions"]) == ["1"]


def test_a_restart_keeps_versions_weights_and_counts(serving_registry: Registry, tmp_path: Path) -> None:
    with running_server(serving_registry, tmp_path) as client:
        client.load(1, serving_registry.model_uri("champion"))
        client.load(2, serving_registry.model_uri("good"))
        client.traffic(1, {2: 30}, lease_s=3600)
        for _ in range(20):
            client.predict()
        state, counts = client.get("/admin/state").json(), client.counts()
    with running_server(serving_registry, tmp_path) as client:
        client.must_load(2, serving_registry.model_uri("good"))
        client.must_load(1, serving_registry.model_uri("champion"))
        assert client.get("/admin/state").json() == state
        assert client.counts() == counts
        assert client.predict().status_code == 200
        assert sum(v["requests"] for v in client.counts().values()) == 21


def test_metrics_count_what_was_answered(champion: Client) -> None:
    champion.predict()
    champion.predict({"hour": 1})
    text = champion.get("/metrics").text
    assert 'mlops_serving_requests_total{status="200",version="1"} 1' in text
    assert "mlops_serving_refused_total 1" in text
    assert 'mlops_serving_weight_percent{version="1"} 100' in text
    assert 'mlops_serving_latency_seconds_count{version="1"} 1' in text
