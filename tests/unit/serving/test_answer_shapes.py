"""Answers that are not one prediction per row, and what callers, labels and counts see of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.rollout.targets.model_server import ModelServer
from airflow_mlops.serving.answers import answer_of
from airflow_mlops.serving.metrics import exposition
from tests.support.pyfunc_models import PyfuncRegistry
from tests.support.server import ADMIN_TOKEN, NAME, Client, running_server

ROW = {"dataframe_split": {"columns": ["a"], "data": [[1.0], [2.0]]}}
SUM, ROWS, SERIES = 1, 2, 3


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> PyfuncRegistry:
    registry = PyfuncRegistry(tmp_path_factory.mktemp("shapes"))
    registry.log("return [float(a.sum())]")
    registry.log("return (a > 0).astype(int)")
    registry.log("return pd.Series((a > 0).astype(int), name='label')")
    return registry


@pytest.fixture
def server(registry: PyfuncRegistry, tmp_path: Path) -> Iterator[Client]:
    with running_server(registry, tmp_path / "state") as client:  # type: ignore[arg-type]
        for version in (SUM, ROWS, SERIES):
            client.must_load(version, f"models:/{NAME}/{version}")
        yield client


def test_a_champion_answers_in_any_length_and_a_canary_too_beside_it(server: Client) -> None:
    server.traffic(SUM)
    assert server.post("/invocations", json=ROW).json() == {"predictions": [3.0]}
    server.traffic(ROWS, {SUM: 100})
    answer = server.post("/invocations", json=ROW)
    assert (answer.json(), answer.headers["x-fallback"]) == ({"predictions": [1, 1]}, "1")
    assert server.counts()[str(SUM)]["failures"] == 1


def test_labels_are_compared_with_the_values_of_a_series(server: Client) -> None:
    server.traffic(SERIES)
    answer = server.post("/invocations", json=ROW)
    assert answer.json() == {"predictions": [{"label": 1}, {"label": 1}]}
    for label, wrong in (([1, 1], 0), ([1, 0], 1)):
        sent = {"request_id": answer.headers["x-request-id"], "label": label}
        assert server.post("/labels", json=sent).status_code == 200
        epochs = server.get("/admin/counts?since_epoch=0").json()["epochs"]
        assert epochs[-1]["counts"][str(SERIES)].get("wrong", 0) == wrong


def test_latencies_are_counted_by_version(server: Client) -> None:
    for version in (ROWS, SERIES, SERIES):
        server.traffic(version)
        assert server.post("/invocations", json=ROW).status_code == 200
    text = server.get("/metrics").text
    assert f'mlops_serving_latency_seconds_count{{version="{ROWS}"}} 1' in text
    assert f'mlops_serving_latency_seconds_count{{version="{SERIES}"}} 2' in text
    target = ModelServer(server.admin_url, ADMIN_TOKEN, 30.0)
    assert target.latency()["+Inf"] == 3
    assert (target.latency(SERIES)["+Inf"], target.latency(9)) == (2, {})


def test_figures_of_an_earlier_server_are_not_lost() -> None:
    class Fleet:
        traffic = type("Traffic", (), {"weights": {}, "champion": None})
        versions: tuple[int, ...] = ()

    figures = {"bucket:0.001": 3, "bucket:inf": 1, "seconds": 20.5, "bucket:7:0.001": 2, "seconds:7": 0.5}
    text = exposition(Fleet, figures).decode()  # type: ignore[arg-type]
    assert 'mlops_serving_latency_seconds_count{version="earlier"} 4.0' in text
    assert 'mlops_serving_latency_seconds_sum{version="earlier"} 20.5' in text
    assert 'mlops_serving_latency_seconds_count{version="7"} 2.0' in text


def test_values_of_several_kinds_stay_what_they_are() -> None:
    assert answer_of([1, "x", None, True])[0] == [1, "x", None, True]
    assert answer_of((np.int64(1), np.float32(0.5)))[0] == [1, 0.5]
    assert answer_of(np.array(3.0))[0] == 3.0
    assert answer_of(np.array([1.0, np.nan, np.inf]))[0] == [1.0, None, None]
    assert answer_of(pd.DataFrame({"n": [1], "x": [0.5]})) == ([{"n": 1, "x": 0.5}], None)
