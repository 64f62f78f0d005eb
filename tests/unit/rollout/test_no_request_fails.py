"""A steady 200 requests per second through rollouts of the real driver, on each target, and dying workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget
from airflow_mlops.rollout.targets.local import LocalTarget
from tests.support import free_port
from tests.support.haproxy import running_haproxy
from tests.support.rollout import plan_for
from tests.support.server import ADMIN_TOKEN, ROW, TOKEN, Registry
from tests.support.server_process import ServerProcess, running_champion, running_process
from tests.support.traffic import CALLERS, PAUSE_S, Traffic, while_called

ENOUGH = 80
"""Answers between two looks of the driver, for both versions of a step."""


@dataclass
class Place:
    """Where callers come in, the servers that answer, and a driver; a minute passes at each look."""

    url: str
    servers: Mapping[str, ServerProcess]
    driver: RolloutDriver
    registry: Registry

    def drive(
        self, plan: RolloutPlan, traffic: Traffic, until: Callable[[RolloutState], bool]
    ) -> RolloutState:
        """Roll out; the driver looks when callers have got enough answers since the look before."""
        state = self.driver.start(plan)
        for _ in range(60):
            if state.terminal or until(state):
                break
            traffic.await_answers(ENOUGH)
            state = self.driver.poll(state.id)
        return state

    def serving(self, version: int) -> list[ServerProcess]:
        """Return the servers that hold a version."""
        states = {name: server.get("/admin/state").json() for name, server in self.servers.items()}
        return [self.servers[name] for name, state in states.items() if str(version) in state["versions"]]


@pytest.fixture
def aliases(serving_registry: Registry) -> Iterator[Registry]:
    yield serving_registry
    for alias in ("champion", "previous", "challenger"):
        serving_registry.delete(alias)


@pytest.fixture(params=["local", "haproxy"])
def place(request: pytest.FixtureRequest, aliases: Registry, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        names = ("a", "b") if request.param == "haproxy" else ("only",)
        servers = {name: stack.enter_context(running_process(aliases, tmp_path / name)) for name in names}
        if request.param == "local":
            url = str(servers["only"].base_url)
            target = LocalTarget(servers["only"].admin_url, ADMIN_TOKEN, timeout_s=60)
        else:
            addresses = [str(server.base_url).rstrip("/") for server in servers.values()]
            proxy = stack.enter_context(running_haproxy(free_port(), addresses))
            url, slots = proxy.url, {name: server.admin_url for name, server in servers.items()}
            target = HaproxyTarget(url, ADMIN_TOKEN, socket=proxy.socket, slots=slots, timeout_s=60)
        stack.enter_context(closing(target))
        ticks = count(0, 60)
        store = RolloutStore(tmp_path / "rollouts.db")
        driver = RolloutDriver(store, target, aliases, clock=lambda: float(next(ticks)))
        place = Place(url, servers, driver, aliases)
        state = driver.start(plan_for(aliases, "champion", None))
        while not state.terminal:  # A version that loads slowly takes several looks.
            state = driver.poll(state.id)
        assert state.phase is Phase.PROMOTED, state.reason
        yield place


def test_no_request_fails_whatever_a_rollout_does(place: Place) -> None:
    good, champion = (place.registry.kinds[kind] for kind in ("good", "champion"))

    def a_life(traffic: Traffic) -> None:
        """Load, shift and promote; shift and roll back; load anew; replace every worker."""
        place.registry.set("challenger", good)
        state = place.drive(plan_for(place.registry, "good", champion), traffic, lambda _: False)
        assert state.phase is Phase.PROMOTED, state.reason
        place.registry.set("challenger", champion)
        asked = replace(plan_for(place.registry, "champion", good), request="somebody")
        state = place.drive(asked, traffic, lambda state: state.step == 1)
        state = place.driver.restore(state.id, "a person said so", "somebody")
        assert state.phase is Phase.ROLLED_BACK, state.reason
        for server in place.serving(good):
            order = {"model_uri": place.registry.model_uri("good"), "reload": True}
            while (found := server.put(f"/admin/versions/{good}", json=order).json())["status"] == "loading":
                order["reload"] = False
            assert (found["status"], found["detail"]) == ("ok", "loaded and healthy")
        for server in place.servers.values():
            replaced = server.workers
            server.process.send_signal(signal.SIGHUP)
            for worker in replaced:
                server.await_workers(without=worker, count=1)

    traffic = while_called(place.url, a_life)
    assert traffic.failed == []
    assert traffic.answered > 500


def kill_a_worker(server: ServerProcess) -> None:
    """Kill one of two workers and wait until another one serves."""
    killed = server.workers[0]
    os.kill(killed, signal.SIGKILL)
    server.await_workers(without=killed, count=2)


def test_nobody_notices_a_killed_worker_behind_haproxy_or_if_callers_ask_again(
    aliases: Registry, tmp_path: Path
) -> None:
    stopped = threading.Event()

    def call(url: str) -> set[int]:
        again = Retry(total=3, backoff_factor=0.1, allowed_methods=None)  # as the guide says
        answers = set()
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=again))
            session.headers["Authorization"] = f"Bearer {TOKEN}"
            while not stopped.wait(PAUSE_S):
                answer = session.post(f"{url}/invocations", json={"dataframe_records": [ROW]}, timeout=60)
                answers.add(answer.status_code)
        return answers

    with running_champion(aliases, tmp_path, "--workers", "2") as server, ThreadPoolExecutor(CALLERS) as pool:
        url = str(server.base_url).rstrip("/")
        with running_haproxy(free_port(), [url, f"http://127.0.0.1:{free_port()}"]) as proxy:
            traffic = while_called(proxy.url, lambda _: kill_a_worker(server))
        assert traffic.failed == []
        assert traffic.answered > CALLERS
        calls = [pool.submit(call, url) for _ in range(CALLERS)]
        try:
            kill_a_worker(server)
        finally:
            stopped.set()
        assert [caller.result() for caller in calls] == [{200}] * CALLERS
