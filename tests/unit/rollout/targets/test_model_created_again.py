"""A registered model that was deleted and created again: its version 1 is another model than before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import mlflow
import pytest
from sklearn.dummy import DummyClassifier

from airflow_mlops.core.tags import MODEL_DIGEST
from airflow_mlops.rollout.core import Phase, RolloutPlan
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.model_server import ModelServer
from airflow_mlops.training.registry import Registry
from tests.support.mlflow_store import new_store
from tests.support.places import LocalPlace, Place, haproxy_place
from tests.support.server import ADMIN_TOKEN, NAME, Client, _signature, frame, running_server
from tests.support.server import Registry as ServedRegistry
from tests.support.server_process import running_process

URI = f"models:/{NAME}/1"


class Registered:
    """An MLflow on SQLite whose version 1 always answers ``answer``."""

    def __init__(self, folder: Path) -> None:
        self.uri = new_store(folder)
        self.registry = Registry(self.uri, NAME)

    def create(self, answer: int, **tags: str) -> str:
        """Delete the registered model if there is one, and register another; returns what names it."""
        mlflow.set_tracking_uri(self.uri)
        if self.registry.versions():
            self.registry.client.delete_registered_model(NAME)
        rows = frame(20)
        model = DummyClassifier(strategy="constant", constant=answer).fit(rows, [0, 1] * 10)
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(
                model,
                name="model",
                signature=_signature(rows),
                serialization_format="cloudpickle",
                pip_requirements=["scikit-learn"],
            )
        assert self.registry.register(f"models:/{info.model_id}", run.info.run_id, tags) == 1
        return self.registry.digest(1)


@pytest.fixture
def registered(tmp_path: Path) -> Registered:
    return Registered(tmp_path)


@contextmanager
def process_place(registry: ServedRegistry, folder: Path) -> Iterator[LocalPlace]:
    with running_process(registry, folder / "only") as server:
        place = LocalPlace(str(server.base_url), [server])
        with place.caller:
            yield place


PLACES: dict[str, Callable[[ServedRegistry, Path], AbstractContextManager[Place]]] = {
    "local": process_place,
    "haproxy": haproxy_place,
}


def roll_out(place: Place, registered: Registered, folder: Path) -> None:
    store = RolloutStore(folder / "rollouts.db")
    with closing(place.target()) as target:
        driver = RolloutDriver(store, target, registered.registry)
        plan = RolloutPlan(name=NAME, model_version=1, model_uri=URI, steps=())
        state = driver.start(plan)
        while not state.terminal:
            state = driver.poll(state.id)
        assert state.phase is Phase.PROMOTED, state.reason


def answers(place: Place) -> set[Any]:
    while any(v["status"] == "loading" for state in place.states() for v in state["versions"].values()):
        pass  # a server that was restarted
    found = [place.caller.predict() for _ in range(8)]
    assert {answer.status_code for answer in found} == {200}
    return {prediction for answer in found for prediction in answer.json()["predictions"]}


def digests(place: Place) -> set[str]:
    return {state["versions"]["1"]["digest"] for state in place.states() if "1" in state["versions"]}


@pytest.mark.parametrize("kind", PLACES)
def test_a_rollout_of_the_new_model_serves_the_new_model(
    registered: Registered, tmp_path: Path, kind: str
) -> None:
    served = cast("ServedRegistry", registered)
    registered.create(0)
    with PLACES[kind](served, tmp_path) as place:
        roll_out(place, registered, tmp_path)
        assert answers(place) == {0}
    digest = registered.create(1)
    with PLACES[kind](served, tmp_path) as place:  # restarted: the copy on disk is that of the former model
        assert answers(place) == {0}
        roll_out(place, registered, tmp_path)
        assert (answers(place), digests(place)) == ({1}, {digest})
        trained = registered.create(0, **{MODEL_DIGEST: "trained again"})
        roll_out(place, registered, tmp_path)
        assert (trained, answers(place), digests(place)) == ("trained again", {0}, {"trained again"})
    with PLACES[kind](served, tmp_path) as place:
        assert (answers(place), digests(place)) == ({0}, {"trained again"})


def order(server: Client, digest: str = "") -> dict[str, Any]:
    body = {"model_uri": URI, **({"digest": digest} if digest else {})}
    while (found := server.put("/admin/versions/1", json=body).json())["status"] == "loading":
        pass
    return cast("dict[str, Any]", found)


def test_a_version_that_was_loaded_without_a_digest_is_not_downloaded_again(
    registered: Registered, tmp_path: Path
) -> None:
    digest = registered.create(1, **{MODEL_DIGEST: "trained"})
    served, folder = cast("ServedRegistry", registered), tmp_path / "server"
    with running_server(served, folder) as server:
        assert order(server)["digest"] == digest == "trained"
        server.traffic(1)
        orders = server.get("/admin/state").json()["versions"]
        assert order(server, digest)["status"] == "ok"
        assert server.get("/admin/state").json()["versions"] == orders
    [copy] = (item for item in (folder / "models").iterdir() if item.is_dir())
    before = copy.stat().st_ino
    (copy / "registered_names.json").unlink()  # as a server of an earlier release leaves it
    with running_server(served, folder) as server:
        assert order(server)["digest"] == registered.registry.version(1).model_uri
        found = order(server, digest)
        assert (found["status"], found["digest"], copy.stat().st_ino) == ("ok", digest, before)
        assert server.predict().json()["predictions"] == [1]
    registered.create(0, **{MODEL_DIGEST: "another"})
    (copy / "registered_names.json").unlink()
    with running_server(served, folder) as server:
        found = order(server, "another")
        assert (found["status"], found["digest"]) == ("ok", "another")
        assert server.predict().json()["predictions"] == [0]
        assert not copy.exists()


def test_a_model_that_is_not_registered_any_more_is_not_loaded_and_the_one_from_before_serves(
    registered: Registered, tmp_path: Path
) -> None:
    first = registered.create(1)
    with running_server(cast("ServedRegistry", registered), tmp_path / "server") as server:
        order(server, first)
        server.traffic(1)
        second = registered.create(0)
        assert order(server)["digest"] == first  # an order without a digest changes nothing
        found = order(server, "models:/m-gone")
        assert (found["status"], found["digest"]) == ("failed", first)
        assert found["detail"].startswith(
            f"{URI} is {second} in the registry, and models:/m-gone was ordered"
        )
        assert server.predict().json()["predictions"] == [1]
        found = order(server, second)
        assert (found["status"], found["digest"]) == ("ok", second)
        assert server.predict().json()["predictions"] == [0]


class _Answering(BaseHTTPRequestHandler):
    body: dict[str, str]

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        content = json.dumps(self.body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.mark.parametrize(
    ("more", "status"),
    [({}, "ok"), ({"digest": ""}, "ok"), ({"digest": "new"}, "ok"), ({"digest": "former"}, "failed")],
)
def test_a_server_that_holds_another_model_has_failed_and_one_that_does_not_say_has_not(
    more: dict[str, str], status: str
) -> None:
    answering = type("Answering", (_Answering,), {"body": {"status": "ok", "detail": "", **more}})
    with HTTPServer(("127.0.0.1", 0), answering) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        target = ModelServer(f"http://127.0.0.1:{server.server_port}", ADMIN_TOKEN, 30)
        health = target.put_version(1, URI, "new")
        target.close()
        thread.join()
    assert health.status == status
    assert ("holds another model as version 1: former, and new was ordered" in health.detail) == bool(
        status == "failed"
    )
