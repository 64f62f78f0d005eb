"""Big bodies are answered in parts, as if they had been answered at once."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.serving import big_requests
from airflow_mlops.serving.big_requests import PART_BYTES, big_request, split_body
from airflow_mlops.serving.payload import Payload, parse
from tests.support.pyfunc_models import PyfuncRegistry
from tests.support.server import NAME, Client, running_server

ODD = [
    1, 2.5, None, True, "a],[b", 'x"}, {"y', "\\", '","data":[', [1, [2]], {"k": [{"z": 2}]}, math.nan, "é",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_the_parts_hold_the_rows_of_the_whole(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(big_requests, "PART_BYTES", 40)
    rng = random.Random(seed)
    rows, names = rng.randint(1, 30), ["data", '"data":[', "b],["][: rng.randint(1, 3)]
    kind = rng.choice(["dataframe_split", "dataframe_records", "instances", "inputs"])
    values = [[rng.choice(ODD) for _ in names] for _ in range(rows)]
    if kind == "dataframe_split":
        inner: Any = {"columns": names, "data": values, "index": list(range(rows))}
        inner = dict(rng.sample(list(inner.items()), 3))
    elif kind == "dataframe_records":
        inner = [dict(zip(names, row, strict=True)) for row in values]
    else:
        inner = values
    body = dict(rng.sample([(kind, inner), ("params", {"data": [1]})], 2))
    text = json.dumps(body, indent=rng.choice([None, 2]))
    parts = split_body(text.encode())
    if parts is None:  # It is read as a whole then.
        return
    found = []
    for part in map(json.loads, parts):
        assert part["params"] == body["params"]
        found += part[kind]["data"] if kind == "dataframe_split" else part[kind]
    assert repr(found) == repr(inner["data"] if kind == "dataframe_split" else inner)
    whole, at_once = big_request(text.encode(), parse, splits=True).whole(), parse(text.encode())
    assert (whole.rows, whole.params) == (at_once.rows, at_once.params)
    assert repr(_without_index(whole)) == repr(_without_index(at_once))


def _without_index(payload: Payload) -> Any:
    """Return what a request sent; labels of rows that only count them need not be there."""
    assert payload.sent is not None
    value = payload.sent[1]
    return {k: value[k] for k in ("columns", "data")} if isinstance(value, dict) else value


def test_plain_bodies_of_all_formats_are_split() -> None:
    rows = [[float(i), 'text, with [brackets], {braces} and "quotes"'] for i in range(5_000)]
    bodies: list[Any] = [
        {"dataframe_split": {"columns": ["a", "b"], "index": list(range(5_000)), "data": rows}},
        {"dataframe_split": {"columns": ["a", "b"], "data": rows, "index": list(range(5_000))}},
        {"dataframe_records": [{"a": a, "b": b} for a, b in rows]},
        {"inputs": rows},
        {"instances": [a for a, _ in rows] * 10},
    ]
    for body in bodies:
        parts = split_body(json.dumps(body).encode())
        assert parts is not None
        assert len(parts) > 1
        assert all(len(part) < 3 * PART_BYTES for part in parts)


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": {"a": [1, 2]}}', b'{"rows": [1]}', b'{"instances": [1, 2}', b'{"instances": [1 2]}',
        b"[1]",
        b'{"instances": [1], "inputs": [2]}', b'{"instances": []}', b'{"params": {"data": [1]}, "x": [[1]]}',
    ],
)  # fmt: skip
def test_other_bodies_are_not_split(body: bytes) -> None:
    assert split_body(body) is None


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> PyfuncRegistry:
    return PyfuncRegistry(tmp_path_factory.mktemp("pyfunc"))


@pytest.fixture
def server(registry: PyfuncRegistry, tmp_path: Path) -> Iterator[Client]:
    with running_server(registry, tmp_path / "state", timeout_s=120.0) as client:
        yield client


COUNT = 60_000
VALUES = [float(i % 7 - 3) for i in range(COUNT)]
BODIES: dict[str, Any] = {
    "split": {"dataframe_split": {"columns": ["a"], "data": [[v] for v in VALUES]}},
    "records": {"dataframe_records": [{"a": v} for v in VALUES]},
    "columns": {"inputs": {"a": VALUES}},
    "index": {
        "dataframe_split": {
            "columns": ["a"],
            "data": [[v] for v in VALUES],
            "index": [f"r{i}" for i in range(COUNT)],
        }
    },
}


def test_big_requests_get_all_answers_in_order_and_count_once(
    server: Client, registry: PyfuncRegistry
) -> None:
    champion, canary = registry.log("return (a * 2).tolist()"), registry.log("raise ValueError('v')")
    for version in (champion, canary):
        server.must_load(version, f"models:/{NAME}/{version}")
    assert server.traffic(champion).status_code == 200
    for body in BODIES.values():
        answer = server.post("/invocations", content=json.dumps(body))
        assert answer.json() == {"predictions": [2 * v for v in VALUES]}
    assert server.counts() == {str(champion): {"requests": 4, "failures": 0}}
    infer = {"inputs": [{"name": "a", "shape": [COUNT], "datatype": "FP64", "data": VALUES}]}
    answer = server.post(f"/v2/models/{NAME}/infer", json=infer)
    assert answer.json()["outputs"][0]["data"] == [2 * v for v in VALUES]
    assert server.traffic(champion, {canary: 100}).status_code == 200
    answer = server.post("/invocations", content=json.dumps(BODIES["split"]))
    assert (answer.status_code, answer.headers["x-fallback"]) == (200, "1")
    assert answer.json() == {"predictions": [2 * v for v in VALUES]}
    assert server.counts()[str(canary)] == {"requests": 1, "failures": 1}


@pytest.mark.parametrize("canary_percent", [0, 100])
def test_a_wrong_row_of_a_big_request_is_refused_with_its_place(
    server: Client, registry: PyfuncRegistry, canary_percent: int
) -> None:
    champion, canary = registry.log("return [1] * len(a)"), registry.log("return [2] * len(a)")
    for version in (champion, canary):
        server.must_load(version, f"models:/{NAME}/{version}")
    assert server.traffic(champion, {canary: canary_percent}).status_code == 200
    rows: list[list[Any]] = [[v] for v in VALUES]
    rows[-1] = ["far"]
    answer = server.post("/invocations", json={"dataframe_split": {"columns": ["a"], "data": rows}})
    assert answer.status_code == 400
    said = answer.json()["error"]
    assert "column 'a' row" in said
    [row, start] = re.findall(r" row (\d+)", said)
    assert int(start) + int(row) == COUNT - 1
    assert server.counts() == {}


@pytest.mark.parametrize("first", [True, False])
def test_a_column_that_the_records_of_one_part_leave_out_is_null_there(
    server: Client, registry: PyfuncRegistry, first: bool
) -> None:
    version = registry.log("return ['gap' if v != v else v for v in a.tolist()]")
    server.must_load(version, f"models:/{NAME}/{version}")
    assert server.traffic(version).status_code == 200
    there, gone = [{"a": v, "b": 1} for v in VALUES], [{"b": 1}] * COUNT
    rows = [*there, *gone] if first else [*gone, *there]
    expected: list[Any] = [*VALUES, *["gap"] * COUNT] if first else [*["gap"] * COUNT, *VALUES]
    answer = server.post("/invocations", json={"dataframe_records": rows})
    assert answer.json() == {"predictions": expected}


def test_a_model_without_named_columns_gets_all_rows_at_once(
    server: Client, registry: PyfuncRegistry
) -> None:
    version = registry.log("return [float(a.sum())]", signed=False)
    server.must_load(version, f"models:/{NAME}/{version}")
    assert server.traffic(version).status_code == 200
    answer = server.post("/invocations", json=BODIES["split"])
    assert answer.json() == {"predictions": [sum(VALUES)]}
