"""The state on disk of earlier servers is read, and that of this one comes back as it was."""

from __future__ import annotations

import json

from airflow_mlops.serving.document import Document, Wanted
from airflow_mlops.serving.guards import Reference
from airflow_mlops.serving.traffic import Traffic

TRAFFIC = {
    "champion": 1, "weights": {"2": 30}, "generation": 3, "epoch": 8, "lease_s": 60, "lease_until": 5.5,
    "lease_ends": 6.5, "boot": "b", "shadow": None,
}  # fmt: skip
REFERENCE = {"champion": 1, "canary": 2, "requests": 300, "latency_s": 0.1, "deciles": [0.5, 1]}


def test_the_state_as_it_was_written_before_is_read() -> None:
    wanted = {"uri": "models:/m/2", "order": 2, "copy": 1, "crashed": "was killed"}
    found = Document.from_json(
        {
            "traffic": TRAFFIC,
            "versions": {"1": "models:/m/1", "2": wanted},
            "reference": REFERENCE,
            "orders": 2,
        }
    )
    assert found == Document(
        traffic=Traffic(
            champion=1, weights={2: 30}, generation=3, epoch=8, lease_s=60.0, lease_until=5.5, lease_ends=6.5,
            boot="b",
        ),
        versions={
            1: Wanted(uri="models:/m/1"),
            2: Wanted(uri="models:/m/2", order=2, copy=1, crashed="was killed"),
        },
        reference=Reference(champion=1, canary=2, requests=300, latency_s=0.1, deciles=(0.5, 1.0)),
        orders=2,
    )  # fmt: skip
    assert Document.from_json(json.loads(json.dumps(found.to_json()))) == found
    nobody = {"controller": "", "place": "", "ordered_at": 0.0, "ends": 0.0}
    assert found.to_json()["traffic"] == {**TRAFFIC, "control": nobody}


def test_the_digest_that_was_ordered_stays_until_another_one_or_a_load_from_the_registry() -> None:
    uri = "models:/m/1"
    ordered = Document().want(1, uri, digest="a")
    assert Document.from_json(json.loads(json.dumps(ordered.to_json()))) == ordered
    assert ordered.versions[1] == Wanted(uri=uri, order=1, digest="a")
    assert ordered.want(1, uri).versions[1].digest == "a"
    assert ordered.want(1, uri, digest="b").versions[1].digest == "b"
    assert ordered.want(1, uri, reload=True).versions[1] == Wanted(uri=uri, order=2, copy=2)


def test_what_is_missing_is_empty() -> None:
    assert Document.from_json({}) == Document.from_json({"traffic": None, "reference": None}) == Document()
    minimal = {"traffic": {"champion": 1, "weights": {}, "generation": 1, "epoch": 4}}
    assert Document.from_json(minimal).traffic.shadow is None
