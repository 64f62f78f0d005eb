"""Real SIGKILL at every write of a rollout: of the driver, of the model server, of HAProxy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.rollout.core import Phase, RolloutPlan
from airflow_mlops.rollout.targets.base import Target
from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.training.registry import Registry
from tests.support import free_port
from tests.support import server as serving_kit
from tests.support.haproxy import Haproxy, running_haproxy
from tests.support.project import ENVIRONMENT
from tests.support.rollout_crasher import Scene, calls_to
from tests.support.server import ADMIN_TOKEN, NAME, running_server
from tests.support.server_process import ForkedServer

KINDS = [("good", "PROMOTED", 30), ("broken", "ROLLED_BACK", 17)]
"""A version, how its rollout ends, and how many writes that takes at least."""
TOLERANCES = {"good": 0.5, "broken": None}
"""None is measured when the rollout begins, and kept whoever drives on."""
LATE = {"good": False, "broken": True}
"""Until the canary answers both rollouts write the same."""


@pytest.fixture(scope="module")
def server(
    serving_registry: serving_kit.Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ForkedServer]:
    server = ForkedServer(serving_registry.uri, tmp_path_factory.mktemp("killed-server"))
    server.start()
    yield server
    server.close()
    for alias in ("champion", "previous", "challenger"):
        serving_registry.delete(alias)


def plan_for(registry: serving_kit.Registry, kind: str) -> RolloutPlan:
    return RolloutPlan(
        name=NAME, model_version=registry.kinds[kind], model_uri=registry.model_uri(kind),
        champion_version=registry.kinds["champion"], steps=(50,), hold_s=0, step_timeout_s=100_000,
        min_requests=5, tolerance=TOLERANCES[kind],
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "outcome", "writes"), KINDS)
def test_drivers_killed_at_every_write_change_nothing(
    serving_registry: serving_kit.Registry,
    server: ForkedServer,
    tmp_path: Path,
    kind: str,
    outcome: str,
    writes: int,
) -> None:
    plan = plan_for(serving_registry, kind).to_json()
    asked = {
        "uri": serving_registry.uri,
        "url": server.url,
        "admin_url": server.admin_url,
        "folder": str(tmp_path),
        "plan": plan,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.rollout_crasher", json.dumps(asked)],
        env={**ENVIRONMENT, "PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}:{Path(__file__).parents[3]}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("\n") == 2, done.stderr
    undisturbed, found = map(json.loads, done.stdout.splitlines())
    assert undisturbed["outcome"] == outcome
    assert found.pop("killed") >= writes
    assert found == undisturbed
    assert_remembered(undisturbed, kind)


def assert_remembered(report: dict[str, Any], kind: str) -> None:
    """A broken version is rejected for good, by the measured tolerance; nobody holds the traffic."""
    if kind == "broken":
        assert (report["rejected"], report["tolerance"]) == ([True, True, "ROLLED_BACK"], 0.002)
    else:
        assert (report["rejected"], report["tolerance"]) == ([False, False, "SUPERSEDED"], 0.5)
    assert report["held by"] == [""]


def reports(
    make: Callable[[str], Scene], kill: Callable[[], None], start: Callable[[], None]
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """What a rollout that nobody disturbed reports, what one does in which something dies, and how often."""
    with closing(make("whole.db")) as undisturbed, closing(make("killed.db")) as disturbed:
        undisturbed.reset()
        expected = undisturbed.report(undisturbed.run())
        disturbed.reset()
        state, times = disturbed.run_while(kill, start)
        return expected, disturbed.report(state), times


@pytest.mark.parametrize(("kind", "outcome", "writes"), KINDS)
def test_a_server_killed_at_every_write_changes_nothing(
    serving_registry: serving_kit.Registry,
    server: ForkedServer,
    tmp_path: Path,
    kind: str,
    outcome: str,
    writes: int,
) -> None:
    def make(store: str) -> Scene:
        target = LocalTarget(server.admin_url, ADMIN_TOKEN)
        return scene(serving_registry, kind, tmp_path / store, target, server.url)

    expected, found, times = reports(make, server.kill, server.start)
    assert (expected["outcome"], found) == (outcome, expected)
    assert_remembered(expected, kind)
    assert times >= writes // 2  # The same again, in the same place, is struck once.


def test_a_server_that_was_killed_still_refuses_the_second_store(
    serving_registry: serving_kit.Registry, server: ForkedServer, tmp_path: Path
) -> None:
    def make(store: str) -> Scene:
        target = LocalTarget(server.admin_url, ADMIN_TOKEN)
        return scene(serving_registry, "good", tmp_path / store, target, server.url)

    with closing(make("first.db")) as first, closing(make("second.db")) as second:
        first.reset()
        one, two = first.driver(), second.driver()
        running = one.poll(one.start(first.plan).id)
        assert running.phase is Phase.STEP
        server.kill()
        server.start()
        refused = two.poll(two.start(second.plan).id)
        assert refused.phase is Phase.CONFLICT
        assert f"rollout store {tmp_path / 'first.db'} (" in refused.reason
        assert first.controllers() == {first.store.identity}
        assert one.restore(running.id, "enough", "ann").phase is Phase.ROLLED_BACK
        assert first.call(4) == [str(first.plan.champion_version)] * 4


@pytest.fixture(scope="module")
def slots(
    serving_registry: serving_kit.Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Haproxy, dict[str, str]]]:
    """HAProxy in front of two model servers."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(running_server(serving_registry, tmp_path_factory.mktemp(name)))
            for name in "ab"
        }
        haproxy = running_haproxy(free_port(), [str(server.base_url) for server in servers.values()])
        yield stack.enter_context(haproxy), {name: server.admin_url for name, server in servers.items()}
    for alias in ("champion", "previous", "challenger"):
        serving_registry.delete(alias)


@pytest.mark.parametrize(("kind", "outcome", "writes"), KINDS)
def test_haproxy_killed_at_every_write_changes_nothing(
    serving_registry: serving_kit.Registry,
    slots: tuple[Haproxy, dict[str, str]],
    tmp_path: Path,
    kind: str,
    outcome: str,
    writes: int,
) -> None:
    haproxy, urls = slots

    def make(store: str) -> Scene:
        target = HaproxyTarget(haproxy.url, ADMIN_TOKEN, socket=haproxy.socket, slots=urls)
        return scene(serving_registry, kind, tmp_path / store, target, haproxy.url)

    def start() -> None:
        haproxy.kill()
        haproxy.start()

    expected, found, times = reports(make, haproxy.kill, start)
    assert (expected["outcome"], found) == (outcome, expected)
    assert_remembered(expected, kind)
    assert times >= writes // 2  # The same again, in the same place, is struck once.


def scene(registry: serving_kit.Registry, kind: str, store: Path, target: Target, url: str) -> Scene:
    return Scene(
        plan_for(registry, kind), store, target, Registry(registry.uri, NAME), calls_to(url), late=LATE[kind]
    )
