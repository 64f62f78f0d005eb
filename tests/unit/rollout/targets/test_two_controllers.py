"""Two rollout stores that move the traffic of the same model servers behind HAProxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.errors import TrafficHeld
from airflow_mlops.rollout.core import Phase, RolloutState
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.base import OrderedBy
from airflow_mlops.rollout.targets.haproxy.target import HaproxyTarget
from airflow_mlops.rollout.targets.haproxy.view import View
from tests.support.places import HaproxyPlace, haproxy_place
from tests.support.rollout import plan_for, promoted_rollout
from tests.support.server import ADMIN_TOKEN, Registry


@pytest.fixture
def place(serving_registry: Registry, tmp_path: Path) -> Iterator[HaproxyPlace]:
    """Version 1 serves, and nobody holds the traffic."""
    with (
        haproxy_place(serving_registry, tmp_path) as place,
        closing(place.target()) as target,
        promoted_rollout(serving_registry, place.caller, target, tmp_path),
    ):
        yield place


@pytest.fixture
def targets(place: HaproxyPlace) -> Iterator[tuple[HaproxyTarget, HaproxyTarget]]:
    with closing(place.target()) as first, closing(place.target()) as second:
        yield first, second


def controller(target: HaproxyTarget, registry: Registry, store: Path) -> RolloutDriver:
    return RolloutDriver(RolloutStore(store), target, registry)


def beside_a_running_one(
    targets: tuple[HaproxyTarget, HaproxyTarget], registry: Registry, folder: Path
) -> tuple[RolloutDriver, RolloutDriver, RolloutState]:
    """Two controllers with a store each, and the rollout that the first one has begun."""
    first = controller(targets[0], registry, folder / "first.db")
    second = controller(targets[1], registry, folder / "second.db")
    return first, second, first.poll(first.start(plan_for(registry, "good", 1)).id)


def seen(place: HaproxyPlace, target: HaproxyTarget) -> dict[str, Any]:
    """All that an order could have changed in HAProxy and in the servers."""
    fields = ("champion", "weights", "versions", "epoch", "generation", "lease_s")
    return {
        "servers": [{name: state[name] for name in fields} for state in place.states()],
        "weights": {name: stats.weight for name, stats in target._haproxy.servers().items()},
        "remembered": sorted(map(str, target._haproxy.remembered())),
    }


def test_the_second_store_is_refused_in_every_phase_of_the_first_canary(
    place: HaproxyPlace,
    targets: tuple[HaproxyTarget, HaproxyTarget],
    serving_registry: Registry,
    tmp_path: Path,
) -> None:
    first, second, running = beside_a_running_one(targets, serving_registry, tmp_path)
    assert running.label == "STEP 1/2 (20 %)"
    before = seen(place, targets[0])

    refused = second.poll(second.start(plan_for(serving_registry, "odd", 1)).id)
    assert refused.phase is Phase.CONFLICT
    assert refused.reason.startswith(
        f"another rollout controller moves the traffic of slot a: rollout store {tmp_path / 'first.db'} ("
    )
    assert refused.reason.endswith("no traffic was moved. Wait for its rollout or end it")
    assert second.poll(refused.id) == refused  # nor does a poll of what has ended move anything
    assert second.restore(refused.id, "teardown", "airflow") == refused
    assert seen(place, targets[0]) == before

    first.decide(running.id, "pause", "ann")
    again = replace(plan_for(serving_registry, "odd", 1), request="again")
    assert second.poll(second.start(again).id).phase is Phase.CONFLICT
    assert first.poll(running.id).phase is Phase.PAUSED
    assert seen(place, targets[0]) == before
    other_worker = controller(targets[1], serving_registry, tmp_path / "first.db")  # the same store
    targets[1].identify(targets[0].orders)
    assert other_worker.restore(running.id, "enough", "ann").phase is Phase.ROLLED_BACK
    assert place.answered_by(10) == {"1": 10}


def test_when_the_first_has_ended_the_second_deploys(
    place: HaproxyPlace,
    targets: tuple[HaproxyTarget, HaproxyTarget],
    serving_registry: Registry,
    tmp_path: Path,
) -> None:
    first, second, running = beside_a_running_one(targets, serving_registry, tmp_path)
    assert first.restore(running.id, "enough", "ann").phase is Phase.ROLLED_BACK
    after = second.poll(second.start(plan_for(serving_registry, "good", 1)).id)
    assert after.label == "STEP 1/2 (20 %)"
    place.until_both_answered()
    assert second.restore(after.id, "enough", "ann").phase is Phase.ROLLED_BACK


class Early(HaproxyTarget):
    """A controller that looked just before another one gave its orders."""

    early: View | None = None

    def _look(self) -> View:
        return self.early or super()._look()


def test_a_controller_that_looked_before_the_other_s_order_is_refused_by_the_servers(
    place: HaproxyPlace,
    targets: tuple[HaproxyTarget, HaproxyTarget],
    serving_registry: Registry,
    tmp_path: Path,
) -> None:
    first = controller(targets[0], serving_registry, tmp_path / "first.db")
    addresses = {name: slot.admin_url for name, slot in zip("ab", place.slots, strict=True)}
    early = Early(place.haproxy.url, ADMIN_TOKEN, socket=place.haproxy.socket, slots=addresses)
    with closing(early):
        early.identify(OrderedBy(controller="the second", place=str(tmp_path / "second.db")))
        good, odd = (serving_registry.kinds[kind] for kind in ("good", "odd"))
        assert early.ensure(good, serving_registry.model_uri("good")).status == "ok"
        early.early = early._look()
        running = first.poll(first.start(plan_for(serving_registry, "good", 1)).id)
        assert running.label == "STEP 1/2 (20 %)"
        before = seen(place, targets[0])
        for order in (
            lambda: early.set_weight(good, 1, 50),
            lambda: early.ensure(odd, serving_registry.model_uri("odd")),
            lambda: early.finalize(1),
        ):
            with pytest.raises(TrafficHeld, match=f"rollout store {tmp_path / 'first.db'}"):
                order()
            assert seen(place, targets[0]) == before
        assert first.restore(running.id, "enough", "ann").phase is Phase.ROLLED_BACK


def test_a_person_takes_over_from_a_store_that_is_gone(
    place: HaproxyPlace,
    targets: tuple[HaproxyTarget, HaproxyTarget],
    serving_registry: Registry,
    tmp_path: Path,
) -> None:
    gone = controller(targets[0], serving_registry, tmp_path / "gone.db")
    gone.poll(gone.start(plan_for(serving_registry, "good", 1)).id)
    store = RolloutStore(tmp_path / "second.db")
    plan = plan_for(serving_registry, "odd", 1)
    targets[1].identify(OrderedBy(controller=store.identity, place=store.place, takeover=True))
    mine = store.create_or_get(plan, 1.0)
    ended = RolloutDriver(store, targets[1], serving_registry).abort(mine.id, "ann")
    assert (ended.phase, ended.reason) == (Phase.ROLLED_BACK, "aborted by ann")
    assert place.answered_by(20) == {"1": 20}
    assert [state["weights"] for state in place.states()] == [{}, {}]
