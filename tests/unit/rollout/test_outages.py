"""Rollouts on a real model server that meet what nobody planned for: a version that kills it, odd clocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import httpx
import pytest

from airflow_mlops.rollout.core import Phase
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.local import LocalTarget
from tests.support.rollout import plan_for
from tests.support.server import ADMIN_TOKEN, NAME, Registry
from tests.support.server_process import ServerProcess, running_process, with_champion


@pytest.fixture(scope="module")
def server(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    serving_registry.set("champion", 1)
    with running_process(serving_registry, tmp_path_factory.mktemp("bad-days")) as server:
        with_champion(server, serving_registry)
        yield server
    for alias in ("champion", "previous", "challenger"):
        serving_registry.delete(alias)


@pytest.fixture
def target(server: ServerProcess) -> Iterator[LocalTarget]:
    target = LocalTarget(server.admin_url, ADMIN_TOKEN)
    yield target
    target.close()


def test_a_version_that_ends_the_process_during_its_canary_is_rolled_back(
    server: ServerProcess, serving_registry: Registry, target: LocalTarget, tmp_path: Path
) -> None:
    driver = RolloutDriver(RolloutStore(tmp_path / "rollouts.db"), target, serving_registry)
    crashing = serving_registry.kinds["crashing"]
    serving_registry.set("challenger", crashing)
    state = driver.poll(driver.start(plan_for(serving_registry, "crashing", 1)).id)
    assert state.label == "STEP 1/2 (20 %)"
    while server.get("/admin/state").json()["weights"][str(crashing)]:
        with suppress(httpx.TransportError):  # The caller whose request ended the process.
            server.predict()
    answers = [server.predict() for _ in range(20)]
    assert {(a.status_code, a.headers["x-model-version"]) for a in answers} == {(200, "1")}
    ended = driver.poll(state.id)
    assert ended.phase is Phase.ROLLED_BACK
    assert "ended by itself with exit code 7 while it predicted" in ended.reason
    assert [serving_registry.get(alias) for alias in ("champion", "challenger")] == [1, None]
    assert list(server.get("/admin/state").json()["versions"]) == ["1"]
    tags = serving_registry.client.get_model_version(NAME, str(crashing)).tags
    assert tags["mlops.rollout.outcome"] == "ROLLED_BACK"


def test_a_controller_whose_clock_jumps_neither_ends_a_step_nor_forgets_one(
    server: ServerProcess, serving_registry: Registry, target: LocalTarget, tmp_path: Path
) -> None:
    """A year ahead, back to the epoch, ahead again: each look adds a gap at most, and counts stay."""
    clocks = cycle([2e9, 0.0, 1e9, 4e9])
    driver = RolloutDriver(
        RolloutStore(tmp_path / "rollouts.db"), target, serving_registry, lambda: next(clocks)
    )
    serving_registry.set("challenger", serving_registry.kinds["good"])
    state = driver.poll(driver.start(plan_for(serving_registry, "good", 1)).id)
    first, looks = state.label, 0
    while state.label == first:
        state, looks = driver.poll(state.id), looks + 1
        assert state.watched <= looks * state.plan.gap_s
        assert looks < 30, state.reason
        for _ in range(60):
            assert server.predict().status_code == 200
    assert looks > 1
    assert state.label == "STEP 2/2 (50 %)"
    times = [entry.at for entry in state.history]
    assert times == sorted(times)
    assert driver.restore(state.id, "enough", "ann").phase is Phase.ROLLED_BACK
    assert server.predict().headers["x-model-version"] == "1"
