"""A real MLflow loses or refuses something in mid-canary: a declared state, and the next deploy works."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from mlflow import set_registry_uri
from mlflow.server import app, handlers
from werkzeug.serving import make_server

from airflow_mlops.core.errors import BackendError
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState, rollback_to
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.training.registry import Registry as RealRegistry
from tests.support.places import PLACES, Place
from tests.support.rollout import plan_for
from tests.support.server import NAME, Registry

REQUESTS = 60
"""Between two polls; enough for a verdict on a step."""


class Mlflow:
    """A real tracking server in front of a registry, that refuses what ``refuse`` says, or is ``away``."""

    def __init__(self) -> None:
        self.url = ""
        self.away = False
        self.refuse: Callable[[str, Mapping[str, Any]], bool] = lambda *_: False

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        environ["wsgi.input"] = BytesIO(body)
        changes = environ["REQUEST_METHOD"] != "GET"
        document = json.loads(body) if changes and body else {}
        if self.away:
            start("503 Service Unavailable", [])
            return [b""]
        if changes and self.refuse(environ["PATH_INFO"], document):
            start("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}']
        return app(environ, start)


@contextmanager
def mlflow_server(registry: Registry) -> Iterator[Mlflow]:
    mlflow = Mlflow()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_MLFLOW_SERVER_FILE_STORE", registry.uri)
        patch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", str(registry.artifacts))
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("MLFLOW_REGISTRY_URI", registry.uri)  # a tracking server sets it for its whole process
        for module, name in ((handlers, "_tracking_store"), (handlers, "_model_registry_store")):
            patch.setattr(module, name, None)  # that of another registry
        server = make_server("127.0.0.1", 0, mlflow, threaded=True)
        mlflow.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield mlflow
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()
            set_registry_uri(None)


class World:
    """An MLflow that may fail, a target with real servers, and the rollouts of one controller."""

    def __init__(self, registry: Registry, mlflow: Mlflow, place: Place, folder: Path) -> None:
        self.registry, self.mlflow, self.place = registry, mlflow, place
        self.target = place.target()
        self.store = RolloutStore(folder / "rollouts.db")
        self.aliases = RealRegistry(mlflow.url, NAME)
        ticks = count(0, 60)
        self.driver = RolloutDriver(self.store, self.target, self.aliases, clock=lambda: float(next(ticks)))
        versions = [registry.client.get_model_version(NAME, number) for number in "12"]
        self.models = [(str(version.run_id), str(version.source)) for version in versions]

    def run(self, plan: RolloutPlan, until: Callable[[RolloutState], bool] = lambda _: False) -> RolloutState:
        """Drive a rollout, with callers between two polls."""
        state = self.driver.start(plan)
        for _ in range(30):
            if state.terminal or until(state):
                break
            state = self.driver.poll(state.id)
            if not state.terminal and state.plan.champion_version is not None:
                self.place.answered_by(REQUESTS)
        return state

    def deploy(self, kind: str, champion: int | None) -> RolloutState:
        """Deploy a version as the DAG does: it is the challenger first."""
        self.registry.set("challenger", self.registry.kinds[kind])
        return self.run(plan_for(self.registry, kind, champion))

    def in_last_step(self) -> RolloutState:
        """Return a canary of version 2 at 50 %, over champion version 1."""
        self.registry.set("challenger", 2)
        state = self.run(plan_for(self.registry, "good", 1), lambda state: state.step == 1)
        assert state.label == "STEP 2/2 (50 %)"
        return state


@pytest.fixture(params=PLACES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Version 1 of a registry of its own is the champion."""
    registry = Registry(tmp_path / "registry")
    with PLACES[request.param](registry, tmp_path) as place, mlflow_server(registry) as mlflow:
        world = World(registry, mlflow, place, tmp_path)
        with closing(world.target):
            assert world.deploy("champion", None).phase is Phase.PROMOTED
            yield world


def delete_version(world: World) -> None:
    world.registry.client.delete_model_version(NAME, "2")


def delete_model(world: World) -> None:
    world.registry.client.delete_registered_model(NAME)


def remove_artifacts(world: World) -> None:
    world.registry.artifacts.rename(world.registry.artifacts.with_name("away"))


def forbid_aliases(world: World) -> None:
    world.mlflow.refuse = lambda path, _: path.endswith("/registered-models/alias")


def forbid_the_champion(world: World) -> None:
    """The check of the promotion passes, the promotion itself does not."""
    world.mlflow.refuse = lambda path, body: path.endswith("/alias") and body.get("alias") == "champion"


def register_again(world: World) -> int:
    """Register version 2's model, and that of version 1 as often as it takes to get a new number."""
    client, models = world.registry.client, world.models
    version = 0
    while version <= 2:
        for run_id, source in (models[0], models[1]):
            created = client.create_model_version(NAME, source, run_id=run_id)
            version = int(created.version)
    return version


def version_comes_back(world: World) -> int:
    return register_again(world)


def model_comes_back(world: World) -> int:
    world.registry.client.create_registered_model(NAME)
    return register_again(world)


def artifacts_come_back(world: World) -> int:
    # The record of the rollout was written meanwhile: the folder is there again, with that in it.
    shutil.copytree(world.registry.artifacts.with_name("away"), world.registry.artifacts, dirs_exist_ok=True)
    return 2


def permission_comes_back(world: World) -> int:
    world.mlflow.refuse = lambda *_: False
    return 2


FAULTS = [
    (delete_version, version_comes_back, "version 2 cannot be promoted: MLflow at "),
    (delete_model, model_comes_back, "version 2 cannot be promoted: MLflow at "),
    (
        remove_artifacts,
        artifacts_come_back,
        "version 2 cannot be promoted: the files of version 2 of flights ",
    ),
    (forbid_aliases, permission_comes_back, "version 2 cannot be promoted: MLflow at "),
    (forbid_the_champion, permission_comes_back, "alias champion cannot be moved to version 2: MLflow at "),
]


@pytest.mark.parametrize(("lose", "mend", "words"), FAULTS)
def test_what_is_lost_in_mid_canary_ends_it_with_the_champion_serving(
    world: World, lose: Callable[[World], None], mend: Callable[[World], int], words: str
) -> None:
    state = world.in_last_step()
    lose(world)
    ended = world.run(state.plan)
    assert ended.phase is Phase.ROLLED_BACK
    assert ended.reason.startswith(words), ended.reason
    assert not ended.rejected, "the version has done nothing wrong"
    assert world.store.running(NAME) is None
    assert world.place.answered_by(20) == {"1": 20}
    assert [version for item in world.place.states() for version in item["versions"]] == ["1"]

    version = mend(world)
    champion = world.aliases.get("champion")
    by_hand = replace(
        plan_for(world.registry, "good", champion),
        model_version=version, model_uri=f"models:/{NAME}/{version}", request="by hand",
    )  # fmt: skip
    after = world.run(by_hand)
    assert after.phase is Phase.PROMOTED, after.reason
    assert world.place.answered_by(20) == {str(version): 20}
    back = rollback_to(NAME, 1, champion=version, request="back by hand")
    assert world.run(back).phase is Phase.PROMOTED
    assert world.place.answered_by(20) == {"1": 20}
    assert world.aliases.get("champion") == 1


def test_an_mlflow_that_is_away_only_holds_a_promotion_up(world: World) -> None:
    state = world.in_last_step()
    world.mlflow.away = True
    for _ in range(3):
        with pytest.raises(BackendError, match="MLflow at"):
            world.run(state.plan)
    assert world.store.get(state.id)[0].phase is Phase.PROMOTING
    assert set(world.place.until_both_answered()) == {"1", "2"}, "the share of the last step"
    world.mlflow.away = False
    assert world.run(state.plan).phase is Phase.PROMOTED


def test_while_the_artifacts_are_gone_another_deploy_ends_in_a_declared_state_too(world: World) -> None:
    remove_artifacts(world)
    world.registry.set("challenger", 2)
    ended = world.run(plan_for(world.registry, "good", 1))
    assert ended.phase is Phase.ROLLED_BACK
    assert ended.reason.startswith("the version does not load: models:/flights/2: ")
    assert world.place.answered_by(20) == {"1": 20}
