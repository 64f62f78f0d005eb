"""Two rollout controllers with stores of their own on one model server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_mlops.core.errors import TrafficHeld
from airflow_mlops.rollout.core import Phase
from airflow_mlops.serving.control import HELD_S, Control
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.traffic import Change, Moment, Traffic
from tests.support.rollout import champion_server, controller, plan_for
from tests.support.server import Client, Registry


def at(steady: float, boot: str = "this") -> Moment:
    return Moment(1_000_000 + steady, steady, boot)


def held(lease_s: float | None = 60) -> Traffic:
    change = Change(
        champion=1, weights={2: 5}, generation=1, lease_s=lease_s, controller="a", place="/a/rollouts.db"
    )
    return Traffic(champion=1).apply(change, at(100))


def is_refused(control: Control, who: str, steady: float) -> bool:
    try:
        control.check(who, "flights", steady)
    except TrafficHeld:
        return True
    return False


@pytest.mark.parametrize(("lease_s", "ends"), [(60, 100 + HELD_S), (None, 100 + HELD_S), (600, 700)])
def test_an_order_holds_until_its_lease_ends_and_two_minutes_at_least(
    lease_s: float | None, ends: float
) -> None:
    control = held(lease_s).control
    with pytest.raises(TrafficHeld, match=r"rollout store /a/rollouts\.db \(a\), last order 1970-01-12"):
        control.check("b", "flights", ends - 1)
    assert not is_refused(control, "b", ends)


def test_its_own_orders_and_those_without_a_name_pass() -> None:
    refused = {name: is_refused(held().control, name, 101) for name in ("a", "", "b")}
    assert refused == {"a": False, "": False, "b": True}
    assert not is_refused(Control(), "b", 0)


def test_an_order_without_a_canary_lets_go() -> None:
    done = held().apply(Change(champion=2, weights={}, generation=2, controller="a"), at(110))
    assert done.control == Control()


def test_it_outlives_a_restart_and_a_reboot() -> None:
    saved = Document.from_json(Document(traffic=held()).to_json()).traffic
    assert saved.control == held().control
    control = saved.since_start(at(3, "other")).control
    ends = 3 + HELD_S
    assert [is_refused(control, "b", steady) for steady in (ends - 1, ends)] == [True, False]


def test_a_state_of_an_earlier_release_is_held_by_nobody() -> None:
    plain = Document(traffic=held()).to_json()
    del plain["traffic"]["control"]
    assert Document.from_json(plain).traffic.control == Control()


@pytest.fixture(scope="module")
def server(serving_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with champion_server(serving_registry, tmp_path_factory.mktemp("two-controllers")) as server:
        yield server


def test_the_second_of_two_controllers_ends_in_conflict_and_moves_nothing(
    server: Client, serving_registry: Registry, tmp_path: Path
) -> None:
    first = controller(server, serving_registry, tmp_path / "first.db")
    second = controller(server, serving_registry, tmp_path / "second.db")
    serving_registry.set("challenger", serving_registry.kinds["good"])
    running = first.poll(first.start(plan_for(serving_registry, "good", 1)).id)
    before = server.get("/admin/state").json()
    assert before["weights"] == {str(serving_registry.kinds["good"]): 20}
    assert before["control"]["place"] == str(tmp_path / "first.db")

    refused = second.poll(second.start(plan_for(serving_registry, "odd", 1)).id)
    assert refused.phase is Phase.CONFLICT
    assert f"rollout store {tmp_path / 'first.db'} (" in refused.reason
    after = server.get("/admin/state").json()
    assert {key: after[key] for key in ("weights", "epoch", "generation", "versions")} == {
        key: before[key] for key in ("weights", "epoch", "generation", "versions")
    }
    assert serving_registry.get("champion") == 1

    other_worker = controller(server, serving_registry, tmp_path / "first.db")  # the same store
    assert other_worker.poll(running.id).phase is Phase.STEP
    assert first.restore(running.id, "enough", "ann").phase is Phase.ROLLED_BACK
    again = second.poll(second.start(plan_for(serving_registry, "good", 1)).id)
    assert again.phase is Phase.STEP  # the first one has let go
    assert second.restore(again.id, "enough", "ann").phase is Phase.ROLLED_BACK


def test_the_answer_is_423_and_a_takeover_is_explicit(server: Client) -> None:
    server.must_load(2, "models:/flights/2")
    order = {"champion": 1, "weights": {"2": 5}, "lease_s": 60, "controller": "a", "place": "/a"}

    def put(**changes: object) -> int:
        generation = server.get("/admin/state").json()["generation"] + 1
        return server.put("/admin/traffic", json={**order, "generation": generation, **changes}).status_code

    assert put() == 200
    assert put(controller="b") == 423
    load = {"model_uri": "models:/flights/3", "controller": "b"}
    assert server.put("/admin/versions/3", json=load).status_code == 423
    assert server.post("/admin/lease", json={"lease_s": 9, "controller": "b"}).status_code == 423
    assert server.delete("/admin/versions/1?controller=b").status_code == 423
    assert put(controller="b", takeover=True) == 200
    assert put() == 423
    assert put(controller="") == 200  # a controller of an earlier release
    assert put(weights={}, lease_s=None) == 200
