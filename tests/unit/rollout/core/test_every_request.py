from __future__ import annotations

import dataclasses

import pytest

from airflow_mlops.rollout.core import Counts, EpochCounts, Judgement, judge
from tests.support.rollout_states import PLAN

PLAIN = dataclasses.replace(PLAN, tolerance=0.02, max_ratio=2.0)


FINE = Counts(1000, 0, all_requests=2000)


def judged(canary: Counts, champion: Counts = FINE) -> Judgement:
    return judge([EpochCounts(1, 50, canary, champion)], PLAIN)


def test_failures_of_callers_who_were_counted_already_keep_a_canary_from_passing() -> None:
    judgement = judged(Counts(1000, 0, all_requests=2000, all_failures=400))
    assert (judgement.harm, judgement.pass_) == (None, None)
    assert judgement.missing == (
        "few callers have many failures: 400 of all 2000 canary requests failed (20.0%) against 0 of 2000 "
        "(0.0%), though 0 of 1000 when each caller counts once",
    )
    assert judgement.evidence()["every_request"] == {
        "canary": {"requests": 2000, "failures": 400},
        "champion": {"requests": 2000, "failures": 0},
    }


@pytest.mark.parametrize(
    ("canary", "champion"),
    [
        ((2000, 40), (2000, 0)),  # 2 %: within the tolerance
        ((2000, 19), (2000, 0)),  # too few to say anything
        ((2000, 400), (2000, 200)),  # within max_ratio
    ],
)
def test_they_do_not_where_the_champion_or_the_tolerance_explains_them(
    canary: tuple[int, int], champion: tuple[int, int]
) -> None:
    ours = Counts(1000, 0, all_requests=canary[0], all_failures=canary[1])
    assert judged(ours, Counts(1000, 0, all_requests=champion[0], all_failures=champion[1])).pass_


@pytest.mark.parametrize(("failures", "passes"), [(19, True), (20, False)])
def test_twenty_failures_are_looked_at(failures: int, passes: bool) -> None:
    """3 % of 600 requests, and of 500 callers none at first."""
    judgement = judged(Counts(500, 0, all_requests=600, all_failures=failures))
    assert (judgement.pass_ is not None) is passes


def test_the_champions_share_is_what_the_canarys_is_held_against() -> None:
    ours = Counts(1000, 0, all_requests=2000, all_failures=400)
    [missing] = judged(ours, Counts(1000, 0, all_requests=2000, all_failures=40)).missing
    assert "400 of all 2000 canary requests failed (20.0%) against 40 of 2000 (2.0%)" in missing
    [errors] = judged(ours, Counts()).findings  # No champion to compare with explains nothing.
    assert errors.good is None
    strict = judge([EpochCounts(1, 50, ours, FINE)], dataclasses.replace(PLAIN, tolerance=None))
    assert "(20.0%) against 0 of 2000 (0.0%)" in strict.missing[0]


def test_every_request_is_in_the_evidence_where_one_version_counts_them() -> None:
    assert "every_request" not in judged(Counts(1000, 0), Counts(1000, 0)).evidence()
    shown = judged(Counts(), FINE).evidence()["every_request"]
    assert shown == {
        "canary": {"requests": 0, "failures": 0}, "champion": {"requests": 2000, "failures": 0},
    }  # fmt: skip
    assert "every_request" in judged(FINE, Counts(1000, 0)).evidence()


def test_the_hard_floor_looks_at_every_request_that_the_champion_can_answer() -> None:
    broken = Counts(100, 0, all_requests=300, all_failures=200)
    assert judged(broken).harm == (
        "200 of 300 canary requests failed at 50 % traffic (limit 50% of at least 20)"
    )
    assert judged(dataclasses.replace(broken, fallback_failures=200)).harm is None
    alone = Counts(20, 20, fallback_failures=20)
    plan = dataclasses.replace(PLAIN, alpha=1e-12)
    assert judge([EpochCounts(1, 50, alone, Counts(100, 0))], plan).harm is None
    assert judge([EpochCounts(1, 50, Counts(20, 20), Counts(100, 0))], plan).harm


def test_counts_add_up_and_servers_without_them_count_requests() -> None:
    one = Counts(10, 1, all_requests=30, all_failures=5, fallback_failures=1)
    assert (one + one).every_request == (60, 8)
    assert Counts(10, 1).every_request == (10, 1)
