"""A steady 200 requests per second through everything that may happen to a server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.server import NAME, Registry
from tests.support.server_process import ServerProcess, running_process, with_champion
from tests.support.traffic import CALLERS, while_called


def a_life(server: ServerProcess, registry: Registry) -> None:
    """Load, shift, promote, roll back, load anew, and replace every worker."""
    good = registry.model_uri("good")
    server.must_load(2, good)
    for percent in (10, 50):
        assert server.traffic(1, {2: percent}).status_code == 200
    again = server.put("/admin/versions/2", json={"model_uri": good, "reload": True}).json()
    while again["status"] == "loading":
        again = server.load(2, good).json()
    assert (again["status"], again["detail"]) == ("ok", "loaded and healthy")
    assert server.traffic(2, {1: 0}).status_code == 200
    assert server.traffic(1, {2: 0}).status_code == 200
    broken = server.load(9898, f"models:/{NAME}/9898").json()
    while broken["status"] == "loading":
        broken = server.load(9898, f"models:/{NAME}/9898").json()
    assert broken["status"] == "failed"
    assert server.delete("/admin/versions/9898").status_code == 200
    replaced = server.workers
    server.process.send_signal(signal.SIGHUP)
    for worker in replaced:
        server.await_workers(without=worker, count=2)


def kill(server: ServerProcess) -> None:
    os.kill(server.workers[0], signal.SIGKILL)
    for _ in range(100):
        assert server.predict().status_code == 200


def test_no_request_fails_whatever_is_done_to_the_server(serving_registry: Registry, tmp_path: Path) -> None:
    with running_process(serving_registry, tmp_path, "--workers", "2") as server:
        with_champion(server, serving_registry)
        url = str(server.base_url)
        traffic = while_called(url, lambda _: a_life(server, serving_registry))
        assert traffic.failed == []
        assert traffic.answered > 200
        state = server.get("/admin/state").json()
        assert (state["champion"], state["weights"]) == (1, {"2": 0})
        # A process that is killed takes its connections with it; one request at most was open on each.
        traffic = while_called(url, lambda _: kill(server))
        assert len(traffic.failed) <= CALLERS
        assert not [failure for failure in traffic.failed if "http/1.1" in failure]
