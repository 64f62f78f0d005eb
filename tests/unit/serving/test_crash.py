from __future__ import annotations

import signal
from collections import Counter

import pytest

from airflow_mlops.serving.crash import Crash, apply_crash
from airflow_mlops.serving.document import Document
from airflow_mlops.serving.traffic import Moment, Traffic


def document(canary: int = 30) -> Document:
    traffic = Traffic(champion=1, weights={2: canary}, epoch=8).renew(60, Moment(0.0, 0.0))
    return Document(traffic=traffic).want(1, "models:/m/1").want(2, "models:/m/2")


def died(code: int, busy: dict[int, int], at: float = 0.0) -> Crash:
    return Crash(at, code, busy)


@pytest.mark.parametrize("code", [7, 0, -signal.SIGSEGV, -signal.SIGABRT])
def test_a_canary_whose_code_ran_loses_its_traffic_and_is_counted(code: int) -> None:
    crash = died(code, {2: 3, 1: 5})
    found, counts = apply_crash(crash, document(), [crash], 1.0)
    assert (found.traffic.champion, found.traffic.weights) == (1, {2: 0})
    assert found.traffic.epoch > 8
    assert crash.how in found.versions[2].crashed
    assert found.versions[1].crashed == ""
    assert counts == {(8, 2, "requests"): 3, (8, 2, "failures"): 3}


def test_a_champion_keeps_its_traffic_and_its_failures_count() -> None:
    crash = died(-signal.SIGSEGV, {1: 2})
    found, counts = apply_crash(crash, document(), [crash], 1.0)
    assert found == document()
    assert counts == {(8, 1, "requests"): 2, (8, 1, "failures"): 2}


def test_a_process_killed_from_outside_says_nothing_until_the_third() -> None:
    crashes = [died(-signal.SIGKILL, {2: 1}, at) for at in (0.0, 1.0, 2.0)]
    for number in (1, 2):
        assert apply_crash(crashes[number - 1], document(), crashes[:number], 1.0) == (document(), Counter())
    found, counts = apply_crash(crashes[2], document(), crashes, 1.0)
    assert found.traffic.weights == {2: 0}
    assert counts[8, 2, "failures"] == 1


def test_a_version_that_crashes_while_it_is_loaded_is_not_loaded_again() -> None:
    crash = died(-signal.SIGSEGV, {2: 0})
    found, counts = apply_crash(crash, document(canary=0), [crash], 1.0)
    assert "was killed by SIGSEGV while it was loaded" in found.versions[2].crashed
    assert found.traffic.epoch == 8
    assert not counts


def test_an_idle_worker_that_dies_changes_nothing() -> None:
    crash = died(1, {})
    assert apply_crash(crash, document(), [crash], 1.0) == (document(), Counter())


def test_another_order_makes_a_crashed_version_loadable_again() -> None:
    crash = died(7, {2: 1})
    found, _ = apply_crash(crash, document(), [crash], 1.0)
    again = found.without(2).want(2, "models:/m/2")
    assert again.versions[2].crashed == ""
    assert again.versions[2].order > found.versions[2].order
    assert Document.from_json(again.to_json()) == again
