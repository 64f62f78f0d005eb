from __future__ import annotations

import dataclasses

import pytest

from airflow_mlops.rollout.core import (
    Phase,
    RolloutState,
    abort,
    close,
    conflict,
    decide,
    find_rejection,
    give_up,
    is_rejection,
    rejection_reason,
    restore,
    write_off,
)
from airflow_mlops.rollout.core.machine import advance
from tests.support.rollout_states import PLAN, at_step, epoch, look


def by_guard() -> RolloutState:
    state, _ = advance(at_step(), look(5, "ok", epoch(5, (100, 90))), 1)
    return close(state, 60.0)


def paused() -> RolloutState:
    return decide(at_step(), "pause", "ann", 1)


REJECTED = {
    "guard": by_guard(),
    "a person": close(decide(paused(), "rollback", "ann", 2), 3),
    "a person's abort": close(abort(at_step(), "aborted by ann", "ann", 2), 3),
    "a person's rollback": close(restore(at_step(), "by ann", "ann", 2, rejected=True), 3),
}
OUTSIDE = {
    "a killed task": close(restore(at_step(), "the task was killed", "airflow", 2), 3),
    "a newer version": close(restore(at_step(), "newer", "ann", 2, Phase.SUPERSEDED), 3),
    "the registry": close(give_up(at_step(), "cannot be promoted", 2), 3),
    "somebody else": close(conflict(at_step(), 9, 2), 3),
    "no answer": write_off(at_step(), "server away", "ann", 2),
}


@pytest.mark.parametrize("ended", REJECTED.values(), ids=list(REJECTED))
def test_what_a_guard_or_a_person_takes_back_is_rejected(ended: RolloutState) -> None:
    assert is_rejection(ended)


@pytest.mark.parametrize("ended", OUTSIDE.values(), ids=list(OUTSIDE))
def test_what_ends_for_another_reason_is_not(ended: RolloutState) -> None:
    assert ended.terminal
    assert not is_rejection(ended)


def test_a_rollout_of_an_earlier_release_is_known_by_its_history() -> None:
    assert is_rejection(dataclasses.replace(by_guard(), rejected=False))


def test_a_version_is_found_by_its_number_or_by_its_model() -> None:
    rejected = dataclasses.replace(by_guard(), digest="abc")
    assert find_rejection([rejected], 3, "") == rejected
    assert find_rejection([rejected], 4, "abc") == rejected
    assert find_rejection([rejected], 4, "other") is None
    assert find_rejection([rejected], 3, "other") is None, "the number is that of another model by now"
    assert find_rejection([dataclasses.replace(rejected, digest="")], 4, "") is None


def test_a_promotion_since_then_takes_a_rejection_back() -> None:
    promoted = dataclasses.replace(by_guard(), phase=Phase.PROMOTED)
    outside = OUTSIDE["a killed task"]
    assert find_rejection([outside, by_guard()], 3, "") == by_guard()
    assert find_rejection([promoted, by_guard()], 3, "") is None


def test_the_reason_says_when_why_and_what_to_do() -> None:
    rejected = by_guard()
    again = rejection_reason(PLAN, rejected)
    assert again.startswith(
        "version 3 was rejected on 1970-01-01 00:01 UTC because: 90 of 100 canary requests"
    )
    assert again.endswith('run it again with {"version": 3}')
    anew = rejection_reason(dataclasses.replace(PLAN, model_version=4), rejected)
    assert anew.startswith("version 4, the model of version 3, was rejected")
