"""`airflow-mlops rollout` in every phase: each command works, or says why not and what comes next."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_mlops.__main__ import main
from airflow_mlops.rollout.core import RolloutState, abort
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.training.registry import Registry as RealRegistry
from tests.support.rollout import PIPELINE, plan_for
from tests.support.server import ADMIN_TOKEN, NAME, Client, Registry, running_server

ME = getpass.getuser()
ABORTED = (
    f"ended ROLLED_BACK: aborted by {ME}\nTo try that version again: airflow dags trigger {NAME}__deploy "
)
OUT_OF_TIME = "ROLLED_BACK: inconclusive after "
"""Nobody calls: a rollout that is driven on has no evidence when its step is over."""


@pytest.fixture(scope="module")
def server(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Version 1 serves; an order to load a version is answered before it is loaded."""
    folder = tmp_path_factory.mktemp("rollout-phases")
    with running_server(serving_registry, folder, load_wait_s=0.0) as server:
        yield server
    for alias in ("champion", "previous", "challenger"):
        serving_registry.delete(alias)


class World:
    """A rollout that a controller left in some phase in 1970."""

    def __init__(self, store: Path, server: Client, registry: Registry) -> None:
        self.server, self.registry = server, registry
        self.store = RolloutStore(store)
        self.target = LocalTarget(server.admin_url, ADMIN_TOKEN)
        real = RealRegistry(registry.uri, NAME)
        self.driver = RolloutDriver(self.store, self.target, real, clock=lambda: 60.0)
        self.plan = replace(
            plan_for(registry, "good", 1), steps=(20,), step_timeout_s=1.0, on_inconclusive="rollback"
        )

    def reset(self) -> None:
        self.server.must_load(1, self.registry.model_uri("champion"))
        assert self.server.traffic(1).status_code == 200
        self.server.delete("/admin/versions/2")
        self.registry.set("champion", 1)
        self.registry.set("challenger", 2)

    def until(self, label: str, **changes: float) -> RolloutState:
        state = self.driver.start(replace(self.plan, **changes))
        while state.label != label:
            state = self.driver.poll(state.id)
            assert not state.terminal, state.reason
        return state

    def none(self) -> None:
        pass

    def pending(self) -> None:
        self.driver.start(self.plan)

    def loading(self) -> None:
        assert self.driver.poll(self.driver.start(self.plan).id).label == "WARMING"

    def shadow(self) -> None:
        self.until("SHADOW", shadow_s=1.0)

    def step(self) -> RolloutState:
        return self.until("STEP 1/1 (20 %)")

    def paused(self) -> RolloutState:
        return self.driver.decide(self.step().id, "pause", "ann")

    def promoting(self) -> None:
        self.driver.decide(self.paused().id, "promote", "ann")

    def rolling_back(self) -> None:
        state, revision = self.store.get(self.step().id)
        self.store.save(abort(state, "aborted by bob", "bob", 61.0), revision)

    def rolled_back(self) -> None:
        self.driver.abort(self.step().id, "bob")

    def promoted(self) -> None:
        self.promoting()
        running = self.store.running(NAME)
        assert running is not None
        assert self.driver.poll(running.id).label == "PROMOTED"

    def serves(self) -> int:
        """The version that has all traffic and the alias."""
        state = self.server.get("/admin/state").json()
        assert (state["weights"], self.registry.get("champion")) == ({}, state["champion"])
        return int(state["champion"])


@pytest.fixture
def world(
    tmp_path: Path, server: Client, serving_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "flights.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW__MLOPS__ROLLOUTS", str(tmp_path / "rollouts.db"))
    tracking = {"conn_type": "mlops_mlflow", "host": serving_registry.uri}
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_MLFLOW_DEFAULT", json.dumps(tracking))
    fields = {"conn_type": "mlops_serving", "host": server.admin_url, "password": ADMIN_TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_SERVER", json.dumps(fields))
    world = World(tmp_path / "rollouts.db", server, serving_registry)
    with closing(world.target):
        world.reset()
        yield world


NONE = f"no rollout of {NAME} is running in "
ROWS: list[tuple[Callable[[World], object], str, tuple[int, str, int], tuple[int, str]]] = [
    # phase, words of status; exit code, words and champion after resume; exit code and words of abort
    (World.none, "no rollout yet in ", (1, "Start one: airflow dags trigger flights__deploy", 1), (1, NONE)),
    (World.pending, "its first poll: the task rollout, or `airflow-mlops rollout flights resume`",
     (1, "ROLLED_BACK: ", 1), (0, ABORTED)),
    (World.loading, "the model server to load version 2 and to answer its golden rows",
     (1, "ROLLED_BACK: ", 1), (0, ABORTED)),
    (World.shadow, "0 of 30 shadowed requests, without harm", (1, OUT_OF_TIME, 1), (0, ABORTED)),
    (World.step, "0 of 30 canary requests, and enough evidence", (1, OUT_OF_TIME, 1), (0, ABORTED)),
    (World.paused, "a person: `airflow-mlops rollout flights resume` continues it, `abort` rolls it back",
     (1, f"continued by {ME}", 1), (0, ABORTED)),
    (World.promoting, "MLflow (version, files, alias), then all traffic, then the aliases",
     (0, "PROMOTED: ", 2), (0, ABORTED)),
    (World.rolling_back, "the model server to give all traffic to the champion, then the aliases",
     (1, "ROLLED_BACK: aborted by bob", 1), (0, "ended ROLLED_BACK: aborted by bob")),
    (World.rolled_back, ", ended: version 2, over champion version 1",
     (1, """To try that version again: airflow dags trigger flights__deploy --conf '{"version": 2}'""", 1),
     (1, "the last one, of version 2, ended ROLLED_BACK")),
    (World.promoted, "PROMOTED since ",
     (1, """To go back to the version before: airflow dags trigger flights__deploy --conf '{"action": """, 2),
     (1, "the last one, of version 2, ended PROMOTED")),
]  # fmt: skip
IDS = [row[0].__name__ for row in ROWS]


@pytest.mark.parametrize(("get_there", "status", "resume", "abort_"), ROWS, ids=IDS)
def test_every_command_works_in_every_phase_or_says_what_comes_next(
    world: World,
    capsys: pytest.CaptureFixture[str],
    get_there: Callable[[World], object],
    status: str,
    resume: tuple[int, str, int],
    abort_: tuple[int, str],
) -> None:
    get_there(world)
    before = world.store.latest(NAME)
    assert main(["rollout", NAME, "status"]) == 0
    assert status in capsys.readouterr().out
    assert world.store.latest(NAME) == before, "status changes nothing"
    code, words, champion = resume
    assert main(["rollout", NAME, "resume"]) == code
    assert words in "".join(capsys.readouterr())
    assert (world.serves(), world.store.running(NAME)) == (champion, None)

    world.reset()
    world.store = RolloutStore(world.store.place + ".again")
    code, words = abort_
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__MLOPS__ROLLOUTS", world.store.place)
        real = RealRegistry(world.registry.uri, NAME)
        world.target.orders = type(world.target.orders)()
        world.driver = RolloutDriver(world.store, world.target, real, clock=lambda: 60.0)
        get_there(world)
        serving = None if world.store.running(NAME) else world.serves()
        assert main(["rollout", NAME, "abort"]) == code
    assert words in "".join(capsys.readouterr())
    assert world.store.running(NAME) is None
    assert world.serves() == (1 if serving is None else serving)
