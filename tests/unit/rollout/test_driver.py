from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from airflow_mlops.config.models import Canary
from airflow_mlops.core.errors import ConfigError, RolloutConflict
from airflow_mlops.rollout.core import Phase, RolloutPlan, RolloutState, rollback_to
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.plan import plan_rollout
from airflow_mlops.rollout.store.store import RolloutStore
from tests.support.rollout import Crash, Fuse, MemoryAliases, MemoryTarget

PLAN = RolloutPlan(
    name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(5, 50), hold_s=10,
    step_timeout_s=1000, min_requests=100, tolerance=0.02,
)  # fmt: skip


class World:
    """Everything outside of the driver; it survives the driver's crashes."""

    def __init__(self, folder: Path, failures: int = 0, champion: int | None = 2) -> None:
        self.fuse = Fuse()
        self.store = RolloutStore(folder / "rollouts.db")
        self.store.save = self.fuse.around(self.store.save)  # type: ignore[method-assign]
        self.target = MemoryTarget(champion, failures, self.fuse)
        known = {} if champion is None else {"champion": champion}
        self.aliases = MemoryAliases(self.fuse, challenger=3, previous=1, **known)
        self.ticks: Iterator[int] = count(0, 20)

    def driver(self, registry: bool = True) -> RolloutDriver:
        aliases = self.aliases if registry else None
        return RolloutDriver(self.store, self.target, aliases, clock=lambda: float(next(self.ticks)))

    def run(self, plan: RolloutPlan = PLAN, polls: int = 40, registry: bool = True) -> RolloutState:
        driver = self.driver(registry)
        state = driver.start(plan)
        for _ in range(polls):
            if state.terminal or (state.needs_registry and not registry):
                break
            state = driver.poll(state.id)
        return state


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_good_canary_becomes_champion(world: World) -> None:
    state = world.run()
    assert state.phase is Phase.PROMOTED
    assert world.aliases.aliases == {"champion": 3, "previous": 2}
    assert (world.target.champion, world.target.weights) == (3, {})
    assert world.aliases.tags[3]["mlops.rollout.outcome"] == "PROMOTED"
    attached = world.aliases.artifacts[3, f"rollout/{state.id}.json"]
    assert [h["to"] for h in attached["history"]][-1] == "PROMOTED"
    assert [h["to"] for h in world.store.history(state.id)] == [h["to"] for h in attached["history"]]


def test_a_bad_canary_goes_back_to_the_champion_on_record(tmp_path: Path) -> None:
    world = World(tmp_path, failures=60)
    state = world.run()
    assert state.phase is Phase.ROLLED_BACK
    assert world.aliases.aliases == {"champion": 2, "previous": 1}
    assert (world.target.champion, world.target.weights) == (2, {})
    assert "requests failed" in world.aliases.tags[3]["mlops.rollout.reason"]


@pytest.mark.parametrize("failures", [0, 60])
def test_a_shadow_comes_before_any_traffic(tmp_path: Path, failures: int) -> None:
    world = World(tmp_path, failures)
    state = world.run(replace(PLAN, shadow_s=30))
    labels = [h["to"] for h in world.store.history(state.id)]
    after = ["ROLLING_BACK", "ROLLED_BACK"] if failures else ["STEP 1/2 (5 %)", "STEP 2/2 (50 %)"]
    assert labels[:5] == ["PENDING", "WARMING", "SHADOW", *after]


def test_a_finished_rollout_returns_its_result(world: World) -> None:
    ended = world.run()
    assert world.driver().start(PLAN) == ended
    assert world.driver().poll(ended.id) == ended
    assert world.driver().restore(ended.id, "teardown", "airflow") == ended


@pytest.mark.parametrize("failures", [0, 60])
def test_the_traffic_half_runs_without_a_registry(tmp_path: Path, failures: int) -> None:
    world = World(tmp_path, failures)
    before = dict(world.aliases.aliases)
    state = world.run(registry=False)
    assert state.needs_registry
    assert world.aliases.aliases == before
    assert world.target.current_weight(3) == (0 if failures else 50)
    with pytest.raises(ConfigError, match="has no model registry"):
        world.driver(registry=False).finish(state.id)
    assert world.driver().finish(state.id).phase is (Phase.ROLLED_BACK if failures else Phase.PROMOTED)


def test_the_first_version_is_promoted_without_a_champion(tmp_path: Path) -> None:
    world = World(tmp_path, champion=None)
    plan = replace(PLAN, champion_version=None)
    assert world.run(plan).phase is Phase.PROMOTED
    assert world.aliases.aliases["champion"] == 3
    assert world.target.champion == 3


def test_a_version_that_does_not_load_is_rolled_back(world: World) -> None:
    world.target.broken = {3}
    state = world.run()
    assert state.phase is Phase.ROLLED_BACK
    assert "no such file" in state.reason


def test_a_champion_that_does_not_load_stops_before_any_traffic(world: World) -> None:
    world.target.broken = {2}
    state = world.run()
    assert state.phase is Phase.ROLLED_BACK
    assert state.reason.startswith(
        "champion version 2 of churn does not load: no such file; a canary needs it"
    )
    assert (world.target.champion, world.target.weights, world.aliases.aliases["champion"]) == (2, {}, 2)


def test_going_back_by_hand_works_even_when_the_champion_is_broken(tmp_path: Path) -> None:
    world = World(tmp_path, champion=3)
    world.target.broken = {3}
    plan = rollback_to("churn", 2, champion=3, request="run-1")
    assert world.run(plan).phase is Phase.PROMOTED
    assert world.aliases.aliases["champion"] == 2
    assert world.target.champion == 2


@pytest.mark.parametrize("failures", [0, 60])
def test_somebody_elses_champion_is_left_alone(tmp_path: Path, failures: int) -> None:
    world = World(tmp_path, failures)
    state = world.run(registry=False)
    world.aliases.aliases["champion"] = 9
    ended = world.driver().finish(state.id)
    assert ended.phase is Phase.CONFLICT
    assert "version 9" in ended.reason
    assert world.aliases.aliases == {"champion": 9, "challenger": 3, "previous": 1}
    assert world.target.current_weight(3) == 0
    assert world.target.champion == 2


def test_restore_takes_a_running_canary_back(world: World) -> None:
    driver = world.driver()
    state = driver.start(PLAN)
    for _ in range(2):
        state = driver.poll(state.id)
    assert world.target.current_weight(3) > 0
    ended = driver.restore(state.id, "task was killed", "airflow")
    assert (ended.phase, ended.reason) == (Phase.ROLLED_BACK, "task was killed")
    assert world.target.current_weight(3) == 0


NEWER = replace(PLAN, model_version=4, model_uri="models:/churn/4")


def in_canary(world: World, plan: RolloutPlan = PLAN) -> tuple[RolloutDriver, RolloutState]:
    driver = world.driver()
    state = driver.poll(driver.start(plan).id)
    assert world.target.current_weight(plan.model_version) > 0
    return driver, state


def test_a_newer_version_takes_the_place_of_a_canary_traffic_first(world: World) -> None:
    driver, old = in_canary(world)
    with pytest.raises(RolloutConflict, match="only one may move traffic"):
        driver.start(NEWER)
    started = driver.start(NEWER, "ann", on_newer="supersede")
    assert (started.phase, started.history[0].who) == (Phase.PENDING, "ann")
    ended = driver.poll(old.id)
    assert (ended.phase, ended.reason) == (Phase.SUPERSEDED, "superseded by version 4")
    assert [h["to"] for h in world.store.history(old.id)][-2:] == ["ROLLING_BACK", "SUPERSEDED"]
    assert world.target.current_weight(3) == 0
    assert world.aliases.tags[3]["mlops.rollout.outcome"] == "SUPERSEDED"
    assert world.run(NEWER).phase is Phase.PROMOTED
    assert world.aliases.aliases["champion"] == 4


def test_a_paused_canary_is_superseded_too(world: World) -> None:
    driver, old = in_canary(world)
    driver.decide(old.id, "pause", "ann")
    driver.start(NEWER, on_newer="supersede")
    assert driver.poll(old.id).phase is Phase.SUPERSEDED


def test_an_older_version_that_came_by_itself_gives_way_to_the_canary_of_a_newer(world: World) -> None:
    driver, newer = in_canary(world, NEWER)
    late = driver.start(PLAN, on_newer="supersede")
    assert (late.phase, late.reason) == (Phase.SUPERSEDED, "superseded by version 4")
    assert world.store.running("churn").id == newer.id  # type: ignore[union-attr]
    asked = driver.start(replace(PLAN, request="by hand"), on_newer="supersede")
    assert asked.phase is Phase.PENDING
    assert driver.poll(newer.id).phase is Phase.SUPERSEDED


def test_a_version_whose_approval_came_after_a_newer_challenger_moves_nothing(world: World) -> None:
    world.aliases.aliases["challenger"] = 4
    driver = world.driver()
    ended = driver.start(PLAN, on_newer="supersede")
    assert (ended.phase, ended.reason) == (Phase.SUPERSEDED, "superseded by version 4")
    assert (world.target.champion, world.target.weights, world.target.versions) == (2, {}, {})
    assert world.aliases.aliases == {"champion": 2, "challenger": 4, "previous": 1}
    assert world.store.latest("churn") is None
    assert driver.start(PLAN, on_newer="wait").phase is Phase.PENDING


@pytest.mark.parametrize("request_", ["", "by hand"])
def test_a_champion_that_changed_before_the_start_gets_no_stale_traffic(world: World, request_: str) -> None:
    """Prepared against version 2; by the time of the approval version 1 is champion (or 4, see below)."""
    world.aliases.aliases["champion"] = 1
    driver = world.driver()
    state = driver.start(replace(PLAN, request=request_))
    assert (state.phase, state.plan.champion_version) == (Phase.PENDING, 1)
    assert state.history[-1].reason == "version 1 is champion by now"
    assert driver.poll(state.id).phase is Phase.STEP
    assert world.target.champion == 1
    assert driver.start(replace(PLAN, request=request_)) == world.store.get(state.id)[0]


def test_an_older_version_does_not_follow_a_newer_champion_by_itself(world: World) -> None:
    world.aliases.aliases["champion"] = 4
    driver = world.driver()
    assert driver.start(PLAN).reason == "superseded by version 4, the champion by now"
    assert driver.start(replace(PLAN, request="by hand")).plan.champion_version == 4


def test_a_roll_back_whose_champion_is_gone_moves_nothing(world: World) -> None:
    world.aliases.aliases["champion"] = 9
    ended = world.driver().start(rollback_to("churn", 1, champion=2, request="run-1"))
    assert ended.phase is Phase.CONFLICT
    assert "but version 9 is the champion now" in ended.reason
    assert world.target.weights == {}


def test_a_second_trigger_of_the_same_version_finds_the_rollout(world: World) -> None:
    driver, state = in_canary(world)
    again = driver.start(replace(PLAN, request="by hand"), on_newer="supersede")
    assert again.id == state.id
    assert again.phase is Phase.STEP
    assert world.run().phase is Phase.PROMOTED
    late = driver.start(replace(PLAN, request="a third"), on_newer="supersede")
    assert (late.phase, late.reason) == (Phase.SUPERSEDED, "version 3 of churn is the champion already")
    assert world.aliases.tags[3]["mlops.rollout.outcome"] == "PROMOTED"


def test_a_driver_that_slept_through_the_end_takes_back_what_it_did(world: World) -> None:
    """The weight of a step is set by one driver after another one has rolled the version back."""
    driver, state = in_canary(world)
    sleepy, set_weight = world.driver(), world.target.set_weight

    def late(version: int, champion: int | None, percent: int) -> None:
        world.target.set_weight = set_weight  # type: ignore[method-assign]
        assert driver.restore(state.id, "rolled back by ann", "ann").phase is Phase.ROLLED_BACK
        set_weight(version, champion, percent)

    world.target.set_weight = late  # type: ignore[method-assign]
    assert sleepy.poll(state.id).phase is Phase.ROLLED_BACK
    assert (world.target.champion, world.target.weights) == (2, {})


def test_a_paused_rollout_waits_for_a_person(world: World) -> None:
    driver = world.driver()
    state = driver.start(PLAN)
    driver.poll(state.id)
    assert driver.decide(state.id, "pause", "ann").phase is Phase.PAUSED
    assert driver.poll(state.id).phase is Phase.PAUSED
    assert driver.decide(state.id, "promote", "ann").phase is Phase.PROMOTING
    assert driver.poll(state.id).phase is Phase.PROMOTED


def effects(make: Callable[[], World]) -> int:
    world = make()
    world.fuse.left = 10_000
    world.run()
    return 10_000 - world.fuse.left


@pytest.mark.parametrize(("failures", "outcome"), [(0, Phase.PROMOTED), (60, Phase.ROLLED_BACK)])
def test_a_crash_anywhere_ends_in_the_same_state(tmp_path: Path, failures: int, outcome: Phase) -> None:
    numbers = count()

    def make() -> World:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return World(folder, failures)

    expected = make()
    expected.run()
    for point in range(effects(make)):
        world = make()
        world.fuse.left = point
        with pytest.raises(Crash):
            world.run()
        state = world.run()
        assert state.phase is outcome, point
        assert world.aliases.aliases == expected.aliases.aliases, point
        assert (world.target.champion, world.target.weights) == (expected.target.champion, {}), point
        assert set(world.target.versions) == set(expected.target.versions), point
        assert world.aliases.artifacts.keys() == expected.aliases.artifacts.keys(), point
        assert [h["to"] for h in world.store.history(state.id)] == [
            h["to"] for h in expected.store.history(state.id)
        ], point


def test_two_controllers_do_not_break_each_other(world: World) -> None:
    one, two = world.driver(), world.driver()
    state = one.start(PLAN)
    original = world.store.save
    raced: list[RolloutState] = []

    def save(new: RolloutState, expected: int) -> int:
        if not raced:
            raced.append(new)
            two.poll(new.id)
        return original(new, expected)

    world.store.save = save  # type: ignore[method-assign]
    assert one.poll(state.id).phase is Phase.STEP
    targets = [h["to"] for h in world.store.history(state.id)]
    assert len(targets) == len(set(targets))


def test_the_traffic_half_needs_no_machine_learning_library() -> None:
    code = (
        "import sys, airflow_mlops.rollout.driver, airflow_mlops.rollout.targets.local; "
        "print([m for m in ('mlflow', 'pandas', 'sklearn', 'numpy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_plan_takes_everything_from_the_pipeline_file() -> None:
    canary = Canary.model_validate({
        "steps": [10, 40], "hold": "2m", "step_timeout": "1h", "min_requests": 7, "alpha": 0.01,
        "on_inconclusive": "rollback", "pause_timeout": "1d", "poll": "1m",
        "guards": {"error_rate": {"max_ratio": 3, "tolerance": 0.1}},
    })  # fmt: skip
    plan = plan_rollout(
        canary, name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, request="run"
    )
    assert plan == RolloutPlan(
        name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(10, 40),
        hold_s=120, step_timeout_s=3600, min_requests=7, alpha=0.01, max_ratio=3, tolerance=0.1,
        on_inconclusive="rollback", pause_timeout_s=86400, gap_s=180, request="run",
    )  # fmt: skip


def test_guards_and_shadow_of_the_file_reach_the_plan() -> None:
    canary = Canary.model_validate({
        "shadow": "15m", "guards": {"latency_p95": {}, "quality": {"max_ratio": 1.3, "tolerance": 0.2},
                                    "prediction_shift": {"action": "pause"}},
    })  # fmt: skip
    plan = plan_rollout(
        canary, name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2
    )
    assert (plan.shadow_s, plan.settle_s) == (900, 30)
    assert [(g.name, g.max_ratio, g.tolerance, g.action) for g in plan.guards] == [
        ("latency_p95", 2.0, None, "rollback"),
        ("quality", 1.3, 0.2, "rollback"),
        ("prediction_shift", 1.5, None, "pause"),
    ]
