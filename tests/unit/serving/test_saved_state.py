"""A state on disk that somebody edited, or that cannot be: the champion serves, and no canary does."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.serving.document import Document, Wanted
from airflow_mlops.serving.saved_state import document_of
from airflow_mlops.serving.traffic import Traffic
from tests.support.server import Registry, running_server

NOW = 1_700_000_000.0
GOOD = Document(
    traffic=Traffic(champion=1, weights={2: 25}, generation=7, epoch=1_600_000_000_000, lease_s=60.0),
    versions={1: Wanted(uri="models:/m/1"), 2: Wanted(uri="models:/m/2")},
).to_json()


def edited(**traffic: Any) -> dict[str, Any]:
    return {**GOOD, "traffic": {**GOOD["traffic"], **traffic}}


def test_a_state_as_it_was_written_comes_back() -> None:
    assert document_of(json.loads(json.dumps(GOOD)), NOW) == (Document.from_json(GOOD), "")
    assert document_of({}, NOW) == (Document(), "")


@pytest.mark.parametrize(
    ("traffic", "said"),
    [
        ({"weights": {"2": 500}}, "got {2: 500}"),
        ({"weights": {"2": -1}}, "got {2: -1}"),
        ({"weights": {"2": 60, "3": 60}}, "at most 100 in sum"),
        ({"weights": {"1": 10}}, "version 1 is the champion"),
        ({"shadow": 2}, "the shadow, version 2,"),
        ({"epoch": -5}, "epoch must be from 0"),
        ({"epoch": 10**18}, "epoch must be from 0"),
        ({"generation": -1}, "generation must be from 0"),
        ({"lease_s": float("inf")}, "the times of a lease must be finite"),
        ({"lease_ends": float("nan")}, "the times of a lease must be finite"),
    ],
)
def test_a_split_that_cannot_be_leaves_the_champion_alone(traffic: dict[str, Any], said: str) -> None:
    found, fault = document_of(edited(**traffic), NOW)
    assert said in fault
    assert (found.traffic.champion, dict(found.traffic.weights), found.traffic.shadow) == (1, {}, None)
    assert found.traffic.lease_ends is None
    assert found.traffic.epoch >= NOW * 1000
    assert sorted(found.versions) == [1, 2]


def test_an_order_that_follows_is_taken_and_one_from_before_is_not() -> None:
    found, _ = document_of(edited(weights={"2": 500}), NOW)
    assert found.traffic.generation == 7


@pytest.mark.parametrize(
    "saved",
    [
        {"traffic": "champion"},
        {"traffic": {"champion": "one"}},
        edited(weights={"2": "many"}),
        edited(weights={"two": 5}),
        {**GOOD, "versions": {"1": 7}},
        {**GOOD, "versions": []},
        {**GOOD, "versions": {"x": "models:/m/1"}},
        edited(champion=9, weights={"2": 500}),
    ],
)
def test_a_state_without_a_champion_to_keep_begins_like_a_first_start(saved: dict[str, Any]) -> None:
    found, fault = document_of(saved, NOW)
    assert fault
    assert (found.traffic.champion, dict(found.traffic.weights), found.traffic.generation) == (None, {}, 0)
    assert found.traffic.epoch >= NOW * 1000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("traffic", '{"champion": 1, "weights": {"2": 500}, "generation": 3, "epoch": 5}'),
        ("traffic", "{not JSON"),
        ("versions", '{"1": {"uri": "file:///somewhere"}, "2": {"uri": "models:/flights/2"}}'),
    ],
)
def test_a_server_with_an_edited_database_serves_the_champion(
    serving_registry: Registry, tmp_path: Path, key: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    serving_registry.set("champion", 1)
    try:
        with running_server(serving_registry, tmp_path) as client:
            for kind in ("champion", "good"):
                client.must_load(serving_registry.kinds[kind], serving_registry.model_uri(kind))
            assert client.traffic(1, {2: 50}).status_code == 200
        with sqlite3.connect(tmp_path / "serving.sqlite") as database:
            database.execute("UPDATE state SET value = ? WHERE key = ?", (value, key))
        database.close()
        with caplog.at_level(logging.ERROR), running_server(serving_registry, tmp_path) as client:
            answers = (client.predict() for _ in range(10_000))
            first = next(answer for answer in answers if answer.status_code == 200)
            found = {client.predict().headers["x-model-version"] for _ in range(30)}
            state = client.get("/admin/state").json()
    finally:
        serving_registry.delete("champion")
    if key == "traffic":
        assert {first.headers["x-model-version"], *found} == {"1"}
        assert not any(state["weights"].values())
        assert "the state on disk can" in caplog.text
    else:  # a folder is not loaded whoever wrote it down; the version that may be loaded answers
        assert found == {"2"}
        assert "model_uri must be models:/flights/1" in state["versions"]["1"]["detail"]
