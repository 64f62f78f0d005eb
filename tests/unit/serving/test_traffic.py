from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import RolloutConflict
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.traffic import Change, Moment, Traffic

PERCENTS = st.integers(0, 100)


def at(steady: float, wall: float | None = None, boot: str = "this") -> Moment:
    return Moment(steady if wall is None else wall, steady, boot)


def change(percent: int, generation: int, lease_s: float | None = None) -> Change:
    return Change(champion=1, weights={2: percent}, generation=generation, lease_s=lease_s)


@given(PERCENTS)
def test_a_percent_of_the_draws_goes_to_the_canary(percent: int) -> None:
    traffic = Traffic(champion=1, weights={2: percent})
    routed = [traffic.route({1, 2}, (draw + 0.5) / 1000) for draw in range(1000)]
    assert routed.count(2) == percent * 10
    assert routed.count(1) == 1000 - percent * 10


@given(PERCENTS, st.floats(0, 1, exclude_max=True), st.sets(st.integers(1, 2)))
def test_only_ready_versions_answer(percent: int, draw: float, ready: set[int]) -> None:
    routed = Traffic(champion=1, weights={2: percent}).route(ready, draw)
    assert routed in ready or (routed is None and (not ready or (ready == {2} and percent == 0)))


def test_answers_count_only_while_the_split_is_whole() -> None:
    traffic = Traffic(champion=1, weights={2: 25}, epoch=8)
    assert traffic.counted_epoch({1, 2}) == 8
    assert traffic.counted_epoch({1}) == traffic.counted_epoch({2}) == 0


@given(st.lists(st.tuples(PERCENTS, st.integers(0, 20), st.floats(0, 10)), max_size=20))
def test_generations_never_go_back_and_epochs_never_repeat(orders: list[tuple[int, int, float]]) -> None:
    traffic, now = Traffic(), 100.0
    seen: dict[int, dict[int, int]] = {}
    for percent, generation, wait in orders:
        now += wait
        before = traffic
        try:
            traffic = traffic.apply(change(percent, generation), at(now))
        except RolloutConflict:
            assert generation <= before.generation
        assert traffic.generation >= before.generation
        assert seen.setdefault(traffic.epoch, dict(traffic.weights)) == dict(traffic.weights)
        stored = json.loads(json.dumps(Document(traffic=traffic).to_json()))
        assert Document.from_json(stored).traffic == traffic


def test_the_lease_ends_canary_traffic_and_a_renewal_keeps_it() -> None:
    traffic = Traffic().apply(change(30, 1, lease_s=60), at(0.0))
    assert not traffic.expired(59.9)
    assert traffic.renew(60, at(50.0)).expired(110.0)
    assert traffic.expired(60.0)
    lapsed = traffic.lapse()
    assert (lapsed.champion, lapsed.weights) == (1, {2: 0})
    assert lapsed.epoch > traffic.epoch
    assert not lapsed.expired(1e9)


def test_a_change_without_a_lease_never_expires() -> None:
    assert not Traffic().apply(change(30, 1), at(0.0)).expired(1e12)


def test_the_same_split_keeps_its_epoch() -> None:
    first = Traffic().apply(change(30, 1), at(5.0))
    assert first.apply(change(30, 2), at(9.0)).epoch == first.epoch
    with pytest.raises(RolloutConflict, match="generation 1"):
        first.apply(change(31, 1), at(9.0))


def test_a_wall_clock_that_jumps_neither_ends_nor_prolongs_a_lease() -> None:
    traffic = Traffic().apply(change(30, 1, lease_s=60), at(10.0, wall=1e9))
    assert not traffic.renew(60, at(20.0, wall=0.0)).expired(79.0)
    assert traffic.expired(70.0)
    later = traffic.apply(change(40, 2, lease_s=60), at(11.0, wall=5.0))
    assert later.epoch > traffic.epoch


def test_a_lease_begins_anew_after_a_reboot_and_goes_on_after_a_restart() -> None:
    traffic = Traffic().apply(change(30, 1, lease_s=60), at(1000.0))
    assert traffic.since_start(at(1030.0)) == traffic
    rebooted = traffic.since_start(at(5.0, boot="next"))
    assert not rebooted.expired(64.0)
    assert rebooted.expired(65.0)


def test_every_process_sees_the_same_split_after_a_lease() -> None:
    traffic = Traffic().apply(change(30, 1, lease_s=60), at(0.0, wall=1e9))
    assert traffic.lapse() == traffic.lapse()
    assert traffic.lapse().epoch == int((1e9 + 60) * 1000)


def test_a_version_that_is_expelled_has_no_traffic_and_the_others_keep_theirs() -> None:
    traffic = Traffic(champion=1, weights={2: 30, 3: 10}, epoch=4)
    expelled = traffic.drop_canary(2, 0.0)
    assert (expelled.weights, expelled.epoch) == ({2: 0, 3: 10}, 5)
    assert expelled.drop_canary(2, 0.0) == expelled
    assert Traffic(champion=1, weights={2: 0}, shadow=2).drop_canary(2, 0.0).shadow is None
