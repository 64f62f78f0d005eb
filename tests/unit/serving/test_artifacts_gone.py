"""The store of artifacts goes in mid-canary: what is loaded goes on serving, and what is not says why."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.server import Registry
from tests.support.server_process import running_process, with_champion


def test_a_worker_that_dies_takes_its_versions_from_the_server_s_own_disk(
    serving_registry: Registry, tmp_path: Path
) -> None:
    champion, good, other = (serving_registry.kinds[kind] for kind in ("champion", "good", "broken"))
    away = serving_registry.artifacts.with_name("away")
    with running_process(serving_registry, tmp_path) as server:
        with_champion(server, serving_registry, "good")
        assert server.traffic(champion, {good: 50}).status_code == 200
        serving_registry.artifacts.rename(away)
        try:
            [worker] = server.workers
            os.kill(worker, signal.SIGKILL)
            server.await_workers(without=worker, count=1)
            found = {server.predict().headers["x-model-version"] for _ in range(60)}
            assert found == {str(champion), str(good)}
            answer = server.load(other, serving_registry.model_uri("broken"))
            while answer.status_code == 202:
                answer = server.load(other, serving_registry.model_uri("broken"))
            told = answer.json()
            assert told.get("error") or told["status"] == "failed"
            assert str(other) in (told.get("error") or told["detail"])
            assert server.predict().status_code == 200
        finally:
            away.rename(serving_registry.artifacts)
