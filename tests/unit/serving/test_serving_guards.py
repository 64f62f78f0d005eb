from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.rollout.core import Observation
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.serving.guards import ENOUGH, Recent, Reference, Seen, events_of, is_wrong
from tests.support.server import ADMIN_TOKEN, ROW, Client, Registry, running_server

REFERENCE = Reference(
    champion=1, canary=2, requests=200, latency_s=0.02, deciles=tuple(n / 10 for n in range(1, 10))
)


@pytest.mark.parametrize(
    ("seen", "events"),
    [
        (Seen(False, 0.01, 0.05), {"requests", "timed", "decile_0"}),
        (Seen(False, 0.03, 0.95), {"requests", "timed", "slow", "decile_9"}),
        (Seen(True, 5.0, None), {"requests", "failures", "timed", "slow"}),
    ],
)
def test_events_of_one_answer(seen: Seen, events: set[str]) -> None:
    assert set(events_of(seen, REFERENCE)) == events
    assert set(events_of(seen, None)) == events & {"requests", "failures"}


def test_a_reference_is_the_champions_own_and_needs_enough_of_it() -> None:
    recent = Recent()
    for number in range(ENOUGH):
        assert recent.freeze(1, 2) is None
        recent.add(1, Seen(False, number / 1000, number / ENOUGH))
    found = recent.freeze(1, 2)
    assert found is not None
    assert found.latency_s == pytest.approx(0.189, abs=0.001)
    assert found.deciles == pytest.approx([n / 10 for n in range(1, 10)], abs=0.006)
    recent.add(3, Seen(False, 1.0))
    assert recent.freeze(1, 2) is recent.freeze(3, 4) is None


@pytest.mark.parametrize(
    ("predictions", "label", "wrong"),
    [
        ("[1]", 1, False), ("[1]", 0, True), ('["late"]', "late", False), ("[1, 0]", [1, 1], True),
        ("[1, 0]", [1, 0], False), ("[1, 0]", 1, None), ("[0.37]", 1, None), (None, 1, None),
        ("[1]", None, None), ('[{"a": 1}]', 1, None),
    ],
)  # fmt: skip
def test_wrong_predictions(predictions: str | None, label: Any, wrong: bool | None) -> None:
    assert is_wrong(predictions, label) is wrong


@pytest.fixture
def canary(serving_registry: Registry, tmp_path: Path) -> Iterator[Client]:
    """A server with champion 1, which has answered enough for a reference, and version 2 loaded."""
    with running_server(serving_registry, tmp_path / "state") as client:
        client.load(1, serving_registry.model_uri("champion"))
        client.load(2, serving_registry.model_uri("good"))
        client.traffic(1)
        for number in range(ENOUGH):
            client.predict({**ROW, "distance": number / ENOUGH})
        yield client


def observe(client: Client) -> Observation:
    target = LocalTarget(client.admin_url, ADMIN_TOKEN)
    try:
        return target.observe(2, 1, 0)
    finally:
        target.close()


def test_a_split_counts_latency_and_deciles_against_a_frozen_reference(canary: Client) -> None:
    canary.traffic(1, {2: 50})
    for _ in range(40):
        canary.predict()
    seen = observe(canary)
    (epoch,) = seen.epochs
    assert seen.reference["requests"] == ENOUGH
    assert 0 < seen.reference["latency_s"] < 5
    for counts in (epoch.canary, epoch.champion):
        assert counts.timed == counts.requests == sum(counts.deciles) > 0
    canary.traffic(1, {2: 60})
    canary.predict()
    assert observe(canary).reference == seen.reference
    canary.traffic(1)
    assert canary.get("/admin/state").json()["reference"] == {}


def test_labels_count_wrong_predictions_once_for_the_version_that_made_them(canary: Client) -> None:
    canary.traffic(1, {2: 100})
    for number in range(4):
        canary.predict(ROW, **{"x-request-id": f"r{number}"})
    for request_id, label in (("r0", 1), ("r1", 0), ("r2", 0), ("r2", 0), ("r3", 0), ("r3", 1)):
        body = {"request_id": request_id, "label": label}
        assert canary.post("/labels", json=body).status_code == 200
    (epoch,) = observe(canary).epochs
    assert (epoch.canary.labelled, epoch.canary.wrong) == (4, 2)
    assert epoch.champion.labelled == 0


def test_guard_counts_and_reference_survive_a_restart(serving_registry: Registry, tmp_path: Path) -> None:
    with running_server(serving_registry, tmp_path) as client:
        client.load(1, serving_registry.model_uri("champion"))
        client.load(2, serving_registry.model_uri("good"))
        client.traffic(1)
        for _ in range(ENOUGH):
            client.predict()
        client.traffic(1, {2: 50}, lease_s=3600)
        for number in range(20):
            client.predict(ROW, **{"x-request-id": f"r{number}"})
        client.post("/labels", json={"request_id": "r3", "label": 1})
        before = observe(client)
    with running_server(serving_registry, tmp_path) as client:
        after = observe(client)
    assert (after.epochs, after.reference) == (before.epochs, before.reference)


def shadow(client: Client, version: int) -> None:
    generation = client.get("/admin/state").json()["generation"] + 1
    body = {"weights": {str(version): 0}, "champion": 1, "generation": generation, "shadow": version}
    assert client.put("/admin/traffic", json=body).status_code == 200


def settled(client: Client, pairs: int) -> Observation:
    """Wait until all copies have been answered; the suite's time limit bounds it."""
    while True:
        seen = observe(client)
        if seen.epochs and seen.epochs[-1].canary.requests >= pairs:
            return seen


def test_a_shadow_answers_copies_that_nobody_sees(canary: Client) -> None:
    shadow(canary, 2)
    answers = [canary.predict(ROW, **{"x-request-id": f"s{n}"}) for n in range(30)]
    assert {a.headers["x-model-version"] for a in answers} == {"1"}
    seen = settled(canary, 30)
    (epoch,) = seen.epochs
    assert seen.shadow == 2
    assert (epoch.percent, epoch.share) == (0, 0.5)
    assert epoch.both is not None
    assert epoch.canary.requests == epoch.champion.requests == epoch.both.requests == 30
    assert sum(epoch.canary.deciles) == 30
    canary.post("/labels", json={"request_id": "s4", "label": 0})
    (epoch,) = observe(canary).epochs
    assert (epoch.canary.wrong, epoch.champion.wrong, epoch.both and epoch.both.wrong) == (1, 1, 1)


def test_a_broken_shadow_costs_no_caller_anything(canary: Client, serving_registry: Registry) -> None:
    version = serving_registry.kinds["broken"]
    canary.load(version, serving_registry.model_uri("broken"))
    shadow(canary, version)
    answers = [canary.predict() for _ in range(10)]
    assert {(a.status_code, a.headers.get("x-fallback")) for a in answers} == {(200, None)}
    while canary.counts().get(str(version), {}).get("requests", 0) < 10:
        pass
    assert canary.counts()[str(version)] == {"requests": 10, "failures": 10}
    assert canary.counts()["1"]["failures"] == 0


@pytest.mark.parametrize("body", [{"shadow": 2, "weights": {"2": 5}}, {"shadow": 2, "weights": {}},
                                  {"shadow": 2, "weights": {"2": 0}, "champion": None}])  # fmt: skip
def test_an_impossible_shadow_is_refused(canary: Client, body: dict[str, Any]) -> None:
    whole = {"champion": 1, "generation": 99, **body}
    assert canary.put("/admin/traffic", json=whole).status_code == 422
