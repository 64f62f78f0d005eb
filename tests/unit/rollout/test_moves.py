"""What the registry refuses for good ends a rollout with the champion serving; an outage only holds it up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout.core import Phase
from tests.unit.rollout.test_driver import PLAN, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def champion_serves(world: World) -> bool:
    return (world.target.champion, world.target.weights, world.aliases.aliases["champion"]) == (2, {}, 2)


def test_a_version_that_is_deleted_in_its_canary_never_gets_all_traffic(world: World) -> None:
    shares = []
    before = world.target.set_weight
    world.target.set_weight = lambda version, champion, percent: (  # type: ignore[method-assign]
        shares.append(percent), before(version, champion, percent),
    )[1]  # fmt: skip
    world.aliases.gone = {3}
    state = world.run()
    assert state.phase is Phase.ROLLED_BACK
    assert state.reason == "version 3 cannot be promoted: version 3 is not in MLflow"
    assert champion_serves(world)
    assert 100 not in shares
    assert world.store.running("churn") is None


def test_a_registry_that_forbids_ends_in_a_declared_state_too(world: World) -> None:
    world.aliases.forbidden = True
    state = world.run()
    assert (state.phase, world.target.champion) == (Phase.ROLLED_BACK, 2)
    assert "no permission" in state.reason


def test_a_version_that_goes_between_the_check_and_the_move_is_taken_back(world: World) -> None:
    world.aliases.check = lambda _: world.aliases.gone.add(3)  # type: ignore[method-assign]
    state = world.run()
    assert (state.phase, world.aliases.aliases["previous"]) == (Phase.ROLLED_BACK, 1)
    assert state.reason.startswith("alias champion cannot be moved to version 3")
    assert champion_serves(world)


@pytest.mark.parametrize("failures", [0, 60])
def test_a_registry_that_cannot_be_read_any_more_is_no_reason_to_wait(world: World, failures: int) -> None:
    world.target.failures = failures
    state = world.run(registry=False)

    def refused(_: str) -> int:
        raise ConfigError("no permission")

    world.aliases.get = refused  # type: ignore[method-assign]
    ended = world.driver().finish(state.id)
    assert ended.phase is Phase.ROLLED_BACK
    assert "no alias was moved: no permission" in ended.reason
    assert (world.target.champion, world.target.weights) == (2, {})


def test_a_former_champion_that_is_gone_does_not_hold_up_a_promotion(world: World) -> None:
    world.aliases.gone = {2}
    assert world.run().phase is Phase.PROMOTED
    assert world.aliases.aliases == {"champion": 3, "previous": 1}


def test_a_store_of_artifacts_that_is_gone_holds_up_no_end(world: World) -> None:
    def away(*_: object) -> None:
        raise BackendError("the bucket does not answer")

    world.aliases.attach = away  # type: ignore[method-assign]
    assert world.run().phase is Phase.PROMOTED


def test_an_outage_leaves_the_champion_most_of_the_traffic_until_it_is_over(world: World) -> None:
    real = world.aliases.check

    def away(_: int) -> None:
        raise BackendError("MLflow does not answer")

    world.aliases.check = away  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="does not answer"):
        world.run()
    state = world.store.running("churn")
    assert state is not None
    assert (state.phase, state.percent, world.target.current_weight(3)) == (Phase.PROMOTING, 50, 50)
    world.aliases.check = real  # type: ignore[method-assign]
    assert world.driver().poll(state.id).phase is Phase.PROMOTED


def test_the_deploy_after_a_deleted_version_works(world: World) -> None:
    world.aliases.gone = {3}
    world.run()
    plan = replace(PLAN, model_version=4, model_uri="models:/churn/4")
    assert world.run(plan).phase is Phase.PROMOTED
