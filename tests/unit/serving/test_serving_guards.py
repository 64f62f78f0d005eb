from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core import Observation
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.serving.guards import (
    ENOUGH,
    RENEW_S,
    SAMPLE,
    Recent,
    Reference,
    Seen,
    events_of,
)
from airflow_mlops.serving.labels import is_wrong
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


def test_what_counts_as_slow_follows_the_champion_each_minute() -> None:
    recent = Recent()
    for _ in range(ENOUGH):
        assert recent.limit_s(1, now=0.0) is None
        recent.add(1, Seen(False, 0.01))
    assert recent.limit_s(1, now=0.0) == pytest.approx(0.01)
    for _ in range(SAMPLE):
        recent.add(1, Seen(False, 0.05))
    assert recent.limit_s(1, now=RENEW_S - 1) == pytest.approx(0.01)
    assert recent.limit_s(1, now=RENEW_S) == pytest.approx(0.05)
    assert recent.limit_s(3, now=RENEW_S) is None
    recent.add(3, Seen(False, 0.1))
    assert recent.limit_s(3, now=RENEW_S) is recent.limit_s(1, now=RENEW_S) is None


@pytest.mark.parametrize(
    ("predictions", "label", "wrong"),
    [
        ("[1]", 1, False), ("[1]", 0, True), ('["late"]', "late", False), ("[1, 0]", [1, 1], True),
        ("[1, 0]", [1, 0], False), ("[0.37]", 1, None), (None, 1, None), ("[1]", [1], False),
        ('[{"a": 1}]', 1, None), ("[[1, 2]]", [1, 2], None), ("[true]", True, False), ("[2.0]", 2, False),
        ("[1]", 7, True), ("[1]", 1.0, False), ("[0.37]", 0.4, None), ("[null]", 1, True),
    ],
)  # fmt: skip
def test_wrong_predictions(predictions: str | None, label: Any, wrong: bool | None) -> None:
    assert is_wrong(predictions, label) is wrong


@pytest.mark.parametrize(
    ("predictions", "label", "words"),
    [
        ("[1]", None, "label must be the true class, got null"),
        ("[1]", "1", 'label must be a whole number as the prediction 1 is, got "1"'),
        ("[1]", True, "label must be a whole number as the prediction 1 is, got true"),
        ("[true]", 1, "label must be true or false as the prediction true is, got 1"),
        ("[1]", 0.5, "label must be a whole number as the prediction 1 is, got 0.5"),
        ("[0.37]", "high", 'label must be a number as the prediction 0.37 is, got "high"'),
        ('["late"]', 1, 'label must be text as the prediction "late" is, got 1'),
        ("[1]", {"a": 1}, 'label must be a whole number as the prediction 1 is, got {"a": 1}'),
        ("[1]", [[1]], "label must be a whole number as the prediction 1 is, got [1]"),
        ("[1, 0]", 1, "label must be a list of 2 values, one for each row, got 1"),
        ("[1, 0]", [1, 0, 1], "label must be a list of 2 values, one for each row, got [1, 0, 1]"),
        ("[1]", [], "label must be a list of 1 values, one for each row, got []"),
        ("[1, 0]", [1, None], "label must be the true class, got null"),
        (None, None, "label must be the true class, got null"),
    ],
)
def test_a_label_that_cannot_be_the_truth_is_refused(predictions: str | None, label: Any, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        is_wrong(predictions, label)
    assert str(refused.value).startswith(words)


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
    assert observe(canary).reference["deciles"] == seen.reference["deciles"]
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
    [(old, new)] = zip(before.epochs, after.epochs, strict=True)
    for counts, again in ((old.canary, new.canary), (old.champion, new.champion)):
        assert counts.labels is not None
        assert again.labels is not None
        assert replace(counts, labels=None) == replace(again, labels=None)
        assert counts.labels.rows == again.labels.rows
    assert after.reference == before.reference


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
    assert canary.delete("/admin/versions/2").status_code == 409  # its comparison would end without a word
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


def test_labels_that_cannot_be_right_are_refused_and_count_nothing(canary: Client) -> None:
    canary.traffic(1, {2: 50})
    answered = canary.predict(ROW, **{"x-request-id": "one"})
    version = int(answered.headers["x-model-version"])
    for label in (None, "0", True, [0, 1], 0.5):
        refused = canary.post("/labels", json={"request_id": "one", "label": label})
        assert refused.status_code == 422, label
        assert refused.json()["error"].startswith("label must be ")
    unread = canary.post("/labels", json={"request_id": "one", "label": 0, "at": "2031-01-01"})
    assert (unread.status_code, "unknown field `at`" in unread.json()["error"]) == (422, True)
    kept = canary.post("/labels", json={"request_id": "one", "label": 0})
    assert kept.json() == {"request_id": "one", "version": version, "counted": True}
    canary.predict(ROW, **{"x-request-id": "one"})
    shared = canary.post("/labels", json={"request_id": "one", "label": 1})
    assert shared.status_code == 409
    assert "2 predictions have the id 'one'" in shared.json()["error"]
    unknown = canary.post("/labels", json={"request_id": "two", "label": 1})
    assert unknown.status_code == 404
    assert f"the request log holds the last {ENOUGH + 2} requests, since 2" in unknown.json()["error"]
    [epoch] = observe(canary).epochs
    assert epoch.canary.labelled + epoch.champion.labelled == 1


def test_a_rollout_sees_when_answers_were_given_and_when_their_labels_came(canary: Client) -> None:
    canary.traffic(1, {2: 50})
    answers = [canary.predict(ROW, **{"x-request-id": f"l{n}"}) for n in range(30)]
    of_canary = [n for n, a in enumerate(answers) if a.headers["x-model-version"] == "2"]
    for number in of_canary[:4]:
        canary.post("/labels", json={"request_id": f"l{number}", "label": 0})
    [epoch] = observe(canary).epochs
    assert epoch.canary.labels is not None
    assert epoch.champion.labels is not None
    assert sum(row.answers for row in epoch.canary.labels.rows) == len(of_canary)
    assert sum(row.answers for row in epoch.champion.labels.rows) == 30 - len(of_canary)
    labelled = [row for row in epoch.canary.labels.rows if row.labelled]
    assert sum(row.labelled for row in labelled) == 4
    assert all(0 < row.age < 60 for row in labelled)
    assert all(row.start <= epoch.canary.labels.at for row in labelled)
