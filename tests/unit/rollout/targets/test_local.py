from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout import targets
from airflow_mlops.rollout.core import Phase
from airflow_mlops.rollout.targets.base import Target
from airflow_mlops.rollout.targets.local import LocalTarget
from airflow_mlops.rollout.targets.model_server import ModelServer
from airflow_mlops.testing.targets import TargetContract
from tests.support.rollout import Rollout, plan_for, promoted_rollout
from tests.support.server import ADMIN_TOKEN, NAME, Client, Registry, running_server


@pytest.fixture
def client(serving_registry: Registry, tmp_path: Path) -> Iterator[Client]:
    with running_server(serving_registry, tmp_path / "state") as client:
        yield client


@pytest.fixture
def target(client: Client) -> Iterator[Target]:
    target = LocalTarget(client.admin_url, ADMIN_TOKEN)
    yield target
    target.close()


class TestLocalTarget(TargetContract):
    @pytest.fixture(autouse=True)
    def _client(self, client: Client) -> None:
        self.client = client

    @pytest.fixture
    def uris(self, serving_registry: Registry) -> Mapping[int, str]:
        return {1: serving_registry.model_uri("champion"), 2: serving_registry.model_uri("good")}

    def answered(self, target: Target, requests: int) -> list[int]:
        return [int(self.client.predict().headers["x-model-version"]) for _ in range(requests)]


class Overtaken(ModelServer):
    """Somebody else changes the split just after this one has looked, so many ``times``."""

    times = 1

    def state(self) -> dict[str, Any]:
        found = super().state()
        if self.times:
            self.times -= 1
            other = ModelServer(self.base_url, ADMIN_TOKEN, 10)
            other.put_traffic({}, 1, None)
            other.close()
        return found


@pytest.mark.parametrize(("times", "refused"), [(2, False), (3, True)])
def test_a_split_that_was_overtaken_is_put_anew_but_not_for_ever(
    target: Target, client: Client, serving_registry: Registry, times: int, refused: bool
) -> None:
    target.ensure(1, serving_registry.model_uri("champion"))
    target.finalize(1)
    assert target.ensure(2, serving_registry.model_uri("good")).status == "ok"
    server = Overtaken(client.admin_url, ADMIN_TOKEN, 10)
    server.times = times
    with pytest.raises(BackendError, match="answered 409") if refused else nullcontext():
        server.put_traffic({2: 25}, 1, 60)
    assert target.current_weight(2) == (0 if refused else 25)
    server.close()


def test_an_unreachable_server_is_named_with_the_remedy() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        target = LocalTarget(url, ADMIN_TOKEN)
        with pytest.raises(BackendError, match=f"{url} .*airflow-mlops serve"):
            target.current_weight(1)
        target.close()


def test_a_wrong_token_is_a_configuration_error(client: Client) -> None:
    target = LocalTarget(client.admin_url, "wrong")
    with pytest.raises(ConfigError, match="refuses the token"):
        target.observe(1, None, None)
    target.close()


def test_a_wrong_target_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean local"):
        targets.facts("locl")


@pytest.fixture
def rollout(serving_registry: Registry, client: Client, target: Target, tmp_path: Path) -> Iterator[Rollout]:
    with promoted_rollout(serving_registry, client, target, tmp_path) as rollout:
        yield rollout


def test_a_good_canary_is_promoted_end_to_end(
    rollout: Rollout, serving_registry: Registry, client: Client
) -> None:
    state = rollout.run(plan_for(serving_registry, "good", 1))
    assert state.phase is Phase.PROMOTED
    assert set(rollout.answers) <= {200}
    assert [serving_registry.get(a) for a in ("champion", "previous", "challenger")] == [2, 1, None]
    assert client.predict().headers["x-model-version"] == "2"
    assert list(client.get("/admin/state").json()["versions"]) == ["2"]
    version = serving_registry.client.get_model_version(NAME, "2")
    assert version.tags["mlops.rollout.outcome"] == "PROMOTED"
    artifacts = serving_registry.client.list_artifacts(version.run_id, "rollout")
    assert f"rollout/{state.id}.json" in [a.path for a in artifacts]


@pytest.mark.parametrize("kind", ["broken", "wider", "odd"])
def test_a_bad_canary_is_rolled_back_end_to_end(
    rollout: Rollout, serving_registry: Registry, client: Client, kind: str
) -> None:
    state = rollout.run(plan_for(serving_registry, kind, 1))
    assert state.phase is Phase.ROLLED_BACK
    assert set(rollout.answers) <= {200}
    assert serving_registry.get("champion") == 1
    assert list(client.get("/admin/state").json()["versions"]) == ["1"]
    assert client.predict().headers["x-model-version"] == "1"
    tags = serving_registry.client.get_model_version(NAME, str(serving_registry.kinds[kind])).tags
    assert tags["mlops.rollout.reason"] == state.reason


def test_a_lease_that_ran_out_is_healed_by_the_next_poll(
    rollout: Rollout, serving_registry: Registry, client: Client
) -> None:
    def expire(number: int) -> None:
        if number % 2 == 0:
            client.post("/admin/lease", json={"lease_s": 0.001})
            while any(client.get("/admin/state").json()["weights"].values()):
                pass

    state = rollout.run(plan_for(serving_registry, "good", 1), expire)
    assert state.phase is Phase.PROMOTED


def test_a_server_that_lost_its_state_gets_its_champion_again_from_a_rollout_that_has_ended(
    rollout: Rollout, serving_registry: Registry, client: Client
) -> None:
    state = rollout.run(plan_for(serving_registry, "good", 1))
    assert state.phase is Phase.PROMOTED
    assert client.traffic(None).status_code == 200
    assert client.delete("/admin/versions/2").status_code == 200
    assert rollout.driver.poll(state.id) == state
    assert client.predict().headers["x-model-version"] == "2"
