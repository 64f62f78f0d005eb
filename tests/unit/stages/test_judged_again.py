"""Another champion since `evaluate`: `register` judges the model against it, then registers or refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.errors import GateRejected
from airflow_mlops.core.records import Evaluation, RegisteredVersion
from airflow_mlops.lifecycle.runner import run_stage
from airflow_mlops.stages import judging_again
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import fluent
from tests.support.told import Shop, table


@dataclass
class Race:
    """Two trainings of one pipeline; ``first`` is registered, the others were judged against it."""

    shop: Shop
    features: Mapping[str, Any]

    def judged(self, column: str, **evaluate: Any) -> Evaluation:
        return self.shop.judged(column, **evaluate)

    def inputs(self, evaluation: Evaluation, **more: Any) -> dict[str, Any]:
        return {"evaluation": evaluation.to_json(), "features": self.features, **more}

    def register(self, evaluation: Evaluation, **more: Any) -> RegisteredVersion:
        inputs = self.inputs(evaluation, **more)
        return RegisteredVersion.from_json(self.shop.project.run("register", inputs, evaluation.model.run_id))


@pytest.fixture
def race(tmp_path: Path) -> Race:
    """A champion, version 1, that is fair."""
    shop = Shop.create(tmp_path, table(), {"against_champion": {"roc_auc": ">= -0.01"}})
    shop.champion("fair")
    return Race(shop, shop.features)


def kept(registry: Registry, run_id: str) -> Evaluation:
    """The evaluation on an MLflow run."""
    return Evaluation.from_json(registry.artifact(run_id, "evaluation.json") or {})


def test_a_model_that_is_better_than_the_new_champion_too_is_registered(race: Race) -> None:
    fair, good = race.judged("fair", against_champion={"roc_auc": ">= -0.05"}), race.judged("good")
    assert race.register(fair).model_version == 2
    found = race.register(good)
    assert (found.model_version, found.judged_again) == (3, (2,))
    assert found.summary.endswith("judged again: version 2 had become the champion since evaluate")
    registry = race.shop.registry
    assert (registry.get("champion"), registry.get("previous")) == (3, 2)
    again = kept(registry, good.model.run_id)
    assert (good.champion_version, again.champion_version, again.passed) == (1, 2, True)
    assert registry.version(3).tags["mlops.gate.outcome"] == "not_worse"
    card = Path(registry.client.download_artifacts(good.model.run_id, "card.html")).read_text()
    assert "version 2" in card
    assert race.register(good).model_version == 3, "another try of the task"
    assert (registry.get("champion"), registry.get("previous")) == (3, 2)
    assert registry.version(3).tags["mlops.anchor"] == "3"


def test_a_model_that_is_worse_than_the_new_champion_is_refused(race: Race) -> None:
    alike, good = race.judged("alike", against_champion={"roc_auc": ">= -0.05"}), race.judged("good")
    race.register(good)
    with pytest.raises(
        GateRejected, match=r"version 2 has become the champion since evaluate.* worse: roc_auc"
    ):
        race.register(alike)
    registry = race.shop.registry
    assert (registry.get("champion"), len(registry.versions())) == (2, 2)
    run = registry.run_tags(alike.model.run_id)
    assert (run["mlops.evaluation"], run["mlops.gate.outcome"]) == ("failed", "worse")
    again = kept(registry, alike.model.run_id)
    assert (again.passed, again.champion_version) == (False, 2)
    assert again.reasons[0].startswith("worse: roc_auc")


def test_nobody_was_asked_about_the_new_champion(race: Race) -> None:
    race.shop.project = race.shop.project.changed(approve={"by": ["ann"], "within": "1h"})
    ask: dict[str, Any] = {"on_inconclusive": "ask", "against_champion": {"roc_auc": ">= 0"}}
    fair, alike = race.judged("fair", **ask), race.judged("alike", **ask)
    answer = {"answer": {"chosen": "Approve", "by": "ann", "at": ""}}
    taken = race.shop.project.run("decide", {"evaluation": alike.to_json()}, "d", options=answer)
    assert Evaluation.from_json(taken).passed
    race.register(fair)
    with pytest.raises(GateRejected, match="nobody was asked about this champion: clear the task evaluate"):
        race.register(alike, decision=taken)
    assert not kept(race.shop.registry, alike.model.run_id).asks


def replacing(registry: Registry, times: int) -> Callable[[Registry, str], int | None]:
    """Return a ``Registry.get`` that finds another champion at each of its first calls."""
    left, found = [times], Registry.get

    def get(self: Registry, alias: str) -> int | None:
        if alias == "champion" and left[0]:
            left[0] -= 1
            first = registry.version(1)
            with fluent(registry.uri):
                made = registry.client.create_model_version("churn", first.model_uri, run_id=first.run_id)
            registry.set("champion", int(made.version))
        return found(self, alias)

    return get


def test_champions_that_change_too_often_leave_the_model_unregistered(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = race.judged("good")
    judged = []
    whole = judging_again.judged
    monkeypatch.setattr(
        judging_again, "judged", lambda *args, **more: judged.append(1) or whole(*args, **more)
    )
    monkeypatch.setattr(Registry, "get", replacing(race.shop.registry, 30))
    with pytest.raises(GateRejected, match=r"was replaced 3 times while .* clear register"):
        race.register(good)
    assert len(judged) == judging_again.MOST


def test_a_champion_that_comes_while_the_version_is_written_counts_too(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, registry = race.judged("good"), race.shop.registry
    write = Registry.register
    done: list[int] = []

    def slow(self: Registry, *args: Any, **more: Any) -> int:
        version = write(self, *args, **more)
        if not done:
            done.append(version)
            first = registry.version(1)
            with fluent(registry.uri):
                made = registry.client.create_model_version("churn", first.model_uri, run_id=first.run_id)
            registry.set("champion", int(made.version))
        return version

    monkeypatch.setattr(Registry, "register", slow)
    found = race.register(good)
    assert (found.model_version, found.judged_again) == (2, (3,))
    assert (registry.get("champion"), registry.get("previous")) == (2, 3)
    assert kept(registry, good.model.run_id).champion_version == 3
    assert "version 3" in registry.client.get_model_version("churn", "2").description


def test_a_configuration_with_few_sections_refuses_as_before(race: Race) -> None:
    good, fair = race.judged("good"), race.judged("fair", against_champion={"roc_auc": ">= -0.05"})
    race.register(fair)
    request = race.shop.project.request("register", race.inputs(good), "few")
    few = {key: request.pipeline[key] for key in ("name", "description")}
    with pytest.raises(GateRejected, match="judged against version 1: clear the task evaluate"):
        run_stage(type(request)(**{**vars(request), "pipeline": json.loads(json.dumps(few))}))
