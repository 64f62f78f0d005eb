from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from airflow_mlops.core.errors import BackendError
from airflow_mlops.rollout.core import Observation
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.serving import Settings, run
from tests.support import free_port
from tests.support.server import ADMIN_TOKEN, NAME, ROW, TOKEN, Registry
from tests.support.server_process import (
    ServerProcess,
    running_champion,
    running_process,
    store_champion,
    with_champion,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def served(serving_registry: Registry, folder: Path) -> Iterator[ServerProcess]:
    flags = ("--workers", "2", "--sticky", "header:x-user")
    with running_champion(serving_registry, folder, *flags, kinds=["good"]) as server:
        yield server


@pytest.fixture
def server(served: ServerProcess) -> ServerProcess:
    """Two workers, all traffic to version 1, version 2 loaded."""
    assert served.traffic(1).status_code == 200
    return served


def at_once(server: ServerProcess, requests: int, **headers: str) -> list[httpx.Response]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: server.predict(ROW, **headers), range(requests)))


def epoch_counts(server: ServerProcess, epoch: int) -> dict[str, dict[str, int]]:
    found = server.get(f"/admin/counts?since_epoch={epoch - 1}").json()["epochs"]
    counts: dict[str, dict[str, int]] = found[0]["counts"]
    return counts


def requests_in(counts: dict[str, dict[str, int]]) -> int:
    return sum(found["requests"] for version, found in counts.items() if version != "both")


def test_a_connection_is_kept_longer_than_a_caller_leaves_it_idle(server: ServerProcess) -> None:
    caller = HTTPConnection(server.base_url.host, server.base_url.port, timeout=30)
    with closing(caller):
        for pause in (0, 6):  # httpx keeps an idle connection for five seconds
            threading.Event().wait(pause)
            caller.request("GET", "/ping")
            answer = caller.getresponse()
            assert (answer.status, answer.read()) == (200, b"ok\n")
            caller.auto_open = 0  # the same connection, or an error


def test_a_change_is_in_force_in_every_worker_when_its_call_returns(server: ServerProcess) -> None:
    assert server.get("/admin/state").json()["workers"] == len(server.workers) == 2
    for percent, version in ((100, "2"), (0, "1")) * 4:
        assert server.traffic(1, {2: percent}).status_code == 200
        assert {a.headers["x-model-version"] for a in at_once(server, 12)} == {version}


def test_answers_of_all_workers_are_counted_once(server: ServerProcess) -> None:
    epoch = server.traffic(1, {2: 50}).json()["epoch"]
    before = answered(server)
    at_once(server, 40)
    assert requests_in(epoch_counts(server, epoch)) == 40
    assert answered(server) == before + 40


def answered(server: ServerProcess) -> float:
    lines = server.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("mlops_serving_requests_total{"))


def test_a_caller_keeps_its_version_in_every_worker_and_counts_once(server: ServerProcess) -> None:
    epoch = server.traffic(1, {2: 50}).json()["epoch"]
    versions = set()
    for user in range(12):
        answers = at_once(server, 5, **{"x-user": f"user-{user}"})
        found = {a.headers["x-model-version"] for a in answers}
        assert len(found) == 1
        versions |= found
    assert versions == {"1", "2"}
    assert requests_in(epoch_counts(server, epoch)) == 12


def test_any_worker_takes_the_label_of_an_answer(server: ServerProcess) -> None:
    epoch = server.traffic(1, {2: 100}).json()["epoch"]
    for number in range(10):
        server.predict(ROW, **{"x-request-id": f"w{number}"})
        answer = server.post("/labels", json={"request_id": f"w{number}", "label": 0})
        assert answer.status_code == 200
    counts = epoch_counts(server, epoch)["2"]
    assert (counts["labelled"], counts["wrong"]) == (10, 10)


def test_a_worker_that_is_killed_is_replaced_and_nothing_counted_is_lost(server: ServerProcess) -> None:
    state = server.traffic(1, {2: 50}).json()
    at_once(server, 30)
    assert requests_in(epoch_counts(server, state["epoch"])) == 30
    victim = server.workers[0]
    os.kill(victim, signal.SIGKILL)
    server.await_workers(without=victim, count=2)
    after = server.get("/admin/state").json()
    assert {k: after[k] for k in ("weights", "generation", "epoch")} == {
        k: state[k] for k in ("weights", "generation", "epoch")
    }
    assert requests_in(epoch_counts(server, state["epoch"])) == 30
    assert {a.status_code for a in at_once(server, 20)} == {200}
    assert requests_in(epoch_counts(server, state["epoch"])) == 50


def test_a_server_whose_first_process_is_killed_starts_again_at_once_as_it_was(
    serving_registry: Registry, tmp_path: Path
) -> None:
    store_champion(serving_registry, tmp_path, "good")
    ports = ("--port", str(free_port()), "--admin-port", str(free_port()))
    with running_process(serving_registry, tmp_path, *ports) as server:
        with_champion(server, serving_registry, "good")
        assert server.traffic(1, {2: 100}).status_code == 200
        server.process.kill()
        with running_process(serving_registry, tmp_path, *ports) as again:
            state = again.get("/admin/state").json()
            assert (state["champion"], state["weights"]) == (1, {"2": 100})
            again.load(2, serving_registry.model_uri("good"))
            assert again.predict().headers["x-model-version"] == "2"


def test_one_server_per_state_folder(server: ServerProcess, folder: Path) -> None:
    settings = Settings(name=NAME, tracking_uri="unused", token=TOKEN, state_dir=folder, port=0)
    with pytest.raises(BackendError, match="another server uses it"):
        run(settings)
    assert server.predict().status_code == 200


def crash(server: ServerProcess, workers: int) -> None:
    """Ask a version that ends its process until the champion answers; each worker may fail once."""
    answers = 0
    failures = 0
    while not answers:
        try:
            answers += server.predict().status_code == 200
        except httpx.TransportError:
            failures += 1
    assert 1 <= failures <= workers


def test_a_canary_that_ends_the_process_loses_its_traffic_and_the_champion_serves(
    server: ServerProcess, serving_registry: Registry
) -> None:
    crashing = serving_registry.kinds["crashing"]
    server.must_load(crashing, serving_registry.model_uri("crashing"))
    epoch = server.traffic(1, {crashing: 100}).json()["epoch"]
    crash(server, workers=2)
    answers = [server.predict() for _ in range(20)]
    assert {(a.status_code, a.headers["x-model-version"]) for a in answers} == {(200, "1")}
    state = server.get("/admin/state").json()
    assert state["weights"] == {str(crashing): 0}
    version = state["versions"][str(crashing)]
    assert version["status"] == "failed"
    assert "ended by itself with exit code 7 while it predicted" in version["detail"]
    assert epoch_counts(server, epoch)[str(crashing)] == {"requests": 1, "failures": 1}
    assert server.traffic(1, {crashing: 5}).status_code == 409
    seen = observe(server, crashing)
    assert (seen.health.status, seen.percent, seen.champion) == ("failed", 0, 1)
    assert server.delete(f"/admin/versions/{crashing}").status_code == 200


def test_a_version_that_ends_the_process_in_its_warm_up_does_not_load_and_nobody_notices(
    server: ServerProcess, serving_registry: Registry
) -> None:
    hopeless = serving_registry.kinds["hopeless"]
    with suppress(httpx.TransportError):  # the worker that was asked may be the one that dies
        server.load(hopeless, serving_registry.model_uri("hopeless"))
    versions = server.get("/admin/state").json()["versions"]
    while versions[str(hopeless)]["status"] == "loading":
        versions = server.get("/admin/state").json()["versions"]
    found = versions[str(hopeless)]
    assert found["status"] == "failed"
    assert "ended by itself with exit code 7" in found["detail"]
    assert server.traffic(1, {hopeless: 5}).status_code == 409
    assert server.predict().status_code == 200
    assert server.delete(f"/admin/versions/{hopeless}").status_code == 200


def test_a_champion_that_ends_the_process_is_served_again(serving_registry: Registry, tmp_path: Path) -> None:
    crashing = serving_registry.kinds["crashing"]
    with running_champion(serving_registry, tmp_path, kinds=["crashing"]) as server:
        assert server.traffic(crashing).status_code == 200
        with pytest.raises(httpx.TransportError):
            server.predict()
        assert server.get("/health").json() == {"ready": [1, crashing]}
        assert server.get("/admin/state").json()["champion"] == crashing
        assert server.traffic(1).status_code == 200
        assert server.predict().status_code == 200


def observe(server: ServerProcess, version: int) -> Observation:
    target = LocalTarget(server.admin_url, ADMIN_TOKEN)
    try:
        return target.observe(version, 1, 0)
    finally:
        target.close()
