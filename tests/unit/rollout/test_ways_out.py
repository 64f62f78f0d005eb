"""No phase is a trap: what breaks in mid-canary ends in a declared state, and the next deploy works."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_mlops.core.errors import BackendError, ConfigError
from airflow_mlops.rollout.core import Counts, Health, Observation, Phase, RolloutState, rollback_to
from tests.unit.rollout.test_driver import PLAN, World, in_canary

NEWER = replace(PLAN, model_version=4, model_uri="models:/churn/4")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def promoted_next(world: World) -> bool:
    """Whether a newer version and then a person's rollback work."""
    if world.run(NEWER).phase is not Phase.PROMOTED:
        return False
    back = rollback_to("churn", 2, champion=4, request="by hand")
    return world.run(back).phase is Phase.PROMOTED and world.aliases.aliases["champion"] == 2


def test_a_champion_that_breaks_in_the_canary_leaves_its_callers_to_the_version(world: World) -> None:
    driver, state = in_canary(world)
    world.target.versions[2] = Health("failed", "its files are gone")
    paused = driver.poll(state.id)
    assert paused.phase is Phase.PAUSED
    assert paused.reason.startswith("champion version 2 of churn does not load: its files are gone")
    share = world.target.current_weight(3)
    assert driver.poll(state.id).phase is Phase.PAUSED
    assert world.target.current_weight(3) == share > 0
    driver.decide(state.id, "promote", "ann")
    assert driver.poll(state.id).phase is Phase.PROMOTED
    assert world.target.champion == 3


def test_a_pause_for_a_broken_champion_does_not_time_out(world: World) -> None:
    plan = replace(PLAN, pause_timeout_s=1.0, gap_s=100.0)
    driver, state = in_canary(world, plan)
    world.target.versions[2] = Health("failed", "gone")
    for _ in range(5):
        state = driver.poll(state.id)
    assert state.phase is Phase.PAUSED
    world.target.versions[2] = Health("ok")
    assert driver.poll(state.id).phase is Phase.ROLLED_BACK


@pytest.mark.parametrize("failures", [0, 60])
def test_a_deleted_champion_alias_is_set_again(tmp_path: Path, failures: int) -> None:
    world = World(tmp_path, failures)
    state = world.run(registry=False)
    del world.aliases.aliases["champion"]
    ended = world.driver().finish(state.id)
    assert ended.phase is (Phase.ROLLED_BACK if failures else Phase.CONFLICT)
    assert world.aliases.aliases["champion"] == 2
    assert (world.target.champion, world.target.weights) == (2, {})
    world.target.failures = 0
    assert promoted_next(world)


def test_a_version_that_breaks_while_its_aliases_move_goes_back(world: World) -> None:
    state = world.run(registry=False)
    real = world.aliases.set

    def moved_then_away(alias: str, version: int) -> None:
        real(alias, version)
        raise BackendError("MLflow does not answer")

    world.aliases.set = moved_then_away  # type: ignore[method-assign]
    with pytest.raises(BackendError):
        world.driver().finish(state.id)
    assert (world.store.get(state.id)[0].moving, world.aliases.aliases["champion"]) == (True, 3)
    world.aliases.set = real  # type: ignore[method-assign]
    world.target.versions[3] = Health("failed", "no such file")
    ended = world.driver().poll(state.id)
    assert (ended.phase, world.aliases.aliases["champion"], world.target.champion) == (
        Phase.ROLLED_BACK,
        2,
        2,
    )


def in_phase(world: World, phase: Phase) -> RolloutState:
    driver = world.driver()
    if phase is Phase.PENDING:
        return driver.start(PLAN)
    if phase is Phase.WARMING:
        world.target.ensure = lambda *_: Health("loading")  # type: ignore[method-assign]
        return driver.poll(driver.start(PLAN).id)
    if phase is Phase.SHADOW:
        return driver.poll(driver.start(replace(PLAN, shadow_s=30)).id)
    driver, state = in_canary(world)
    if phase is Phase.PAUSED:
        return driver.decide(state.id, "pause", "ann")
    if phase is Phase.PROMOTING:
        state = world.run(registry=False)
        changed = replace(state, moving=True, verified=True)
        world.store.save(changed, world.store.get(state.id)[1])
        return changed
    if phase is Phase.ROLLING_BACK:
        with pytest.raises(BackendError):
            _away(world, lambda: driver.abort(state.id, "ann"))
        return world.store.get(state.id)[0]
    return state


def _away(world: World, act: object) -> None:
    real = world.target.observe

    def away(*_: object) -> Observation:
        raise BackendError("the server does not answer")

    world.target.observe = away  # type: ignore[method-assign]
    try:
        act()  # type: ignore[operator]
    finally:
        world.target.observe = real  # type: ignore[method-assign]


RUNNING = [Phase.PENDING, Phase.WARMING, Phase.SHADOW, Phase.STEP, Phase.PAUSED, Phase.PROMOTING,
           Phase.ROLLING_BACK]  # fmt: skip


@pytest.mark.parametrize("phase", RUNNING)
def test_a_person_gets_out_of_every_phase(world: World, phase: Phase) -> None:
    state = in_phase(world, phase)
    assert state.phase is phase
    ended = world.driver().abort(state.id, "ann")
    assert (ended.phase, ended.reason) == (Phase.ROLLED_BACK, "aborted by ann")
    assert (world.target.champion, world.target.current_weight(3)) == (2, 0)
    assert world.aliases.aliases["champion"] == 2
    assert world.store.running("churn") is None


def test_a_rejected_version_is_not_tried_again_by_itself(tmp_path: Path) -> None:
    world = World(tmp_path, failures=60)
    world.aliases.digests = {3: "abc", 4: "abc", 5: "else"}
    assert world.run().phase is Phase.ROLLED_BACK
    world.target.failures = 0
    world.aliases.aliases["challenger"] = 4
    other_plan = replace(PLAN, steps=(10,), hold_s=1)
    for plan in (other_plan, replace(other_plan, model_version=4, model_uri="models:/churn/4")):
        again = world.driver().start(plan, on_newer="supersede")
        assert again.phase is Phase.ROLLED_BACK
        assert "was rejected on" in again.reason
        assert again.reason.endswith(f'run it again with {{"version": {plan.model_version}}}')
        assert world.store.find(again.id) is None
    assert world.aliases.tags[4]["mlops.rollout.outcome"] == "ROLLED_BACK"
    assert "challenger" not in world.aliases.aliases
    assert world.target.weights == {}
    assert world.run(replace(other_plan, request="by hand")).phase is Phase.PROMOTED


@pytest.mark.parametrize(("failures", "before"), [(0, Phase.PROMOTED), (60, Phase.ROLLED_BACK)])
def test_a_model_that_was_registered_anew_is_another_one(
    tmp_path: Path, failures: int, before: Phase
) -> None:
    world = World(tmp_path, failures)
    world.aliases.digests = {3: "abc"}
    ended = world.run()
    assert ended.phase is before
    registry_lost = World(tmp_path)
    registry_lost.aliases.digests = {3: "of another model"}
    again = registry_lost.run()
    assert again.phase is Phase.PROMOTED
    assert again.id != ended.id
    assert registry_lost.aliases.aliases == {"champion": 3, "previous": 2}
    assert (registry_lost.target.champion, registry_lost.target.weights) == (3, {})
    assert registry_lost.driver().start(PLAN).id == again.id, "a retry finds it"


def test_a_rejection_supersedes_no_running_canary(tmp_path: Path) -> None:
    world = World(tmp_path, failures=60)
    assert world.run().phase is Phase.ROLLED_BACK
    world.target.failures = 0
    _, running = in_canary(world, NEWER)
    assert world.driver().start(replace(PLAN, alpha=0.01), on_newer="supersede").phase is Phase.ROLLED_BACK
    assert world.store.running("churn").id == running.id  # type: ignore[union-attr]


def test_a_version_taken_back_for_outside_reasons_is_tried_again(world: World) -> None:
    driver, state = in_canary(world)
    assert driver.restore(state.id, "the task was killed", "airflow").phase is Phase.ROLLED_BACK
    assert world.run(replace(PLAN, hold_s=1)).phase is Phase.PROMOTED


def test_the_champion_s_own_requests_set_the_tolerance(world: World) -> None:
    real = world.target.observe

    def observe(version: int, champion: int | None, since: int | None) -> Observation:
        alone = Counts(50_000, 250) if since is None else None
        return replace(real(version, champion, since), alone=alone)

    world.target.observe = observe  # type: ignore[method-assign]
    state = world.run(replace(PLAN, tolerance=None))
    assert state.plan.tolerance == pytest.approx(0.009)
    told = world.store.history(state.id)[1]["reason"]
    assert told.startswith("loading; tolerance 0.9 %: 2 x the 0.45 % that the champion fails at least (250 ")


def test_a_wrong_login_is_for_good_and_says_so(world: World) -> None:
    def refused(_: int) -> str:
        raise ConfigError("MLflow refuses: no permission")

    world.aliases.digest = refused  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="no permission"):
        world.driver().start(PLAN)
    assert world.store.running("churn") is None
