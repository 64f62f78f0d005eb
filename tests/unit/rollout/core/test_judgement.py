from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from airflow_mlops.rollout.core import Counts, EpochCounts, GuardPlan, judge
from airflow_mlops.rollout.core.judgement import harm_limit, pass_limit
from tests.support.labels import with_labels
from tests.support.rollout_states import PLAN

GUARDS = (
    GuardPlan(name="latency_p95", max_ratio=2.0, tolerance=0.1),
    GuardPlan(name="quality", max_ratio=1.5, action="warn"),
    GuardPlan(name="prediction_shift", max_ratio=1.5, action="pause"),
)
EVEN = (1000,) * 10
USUAL = Counts(10_000, 0, 10_000, 500, 10_000, 1000, EVEN)


def at(canary: Counts, champion: Counts = USUAL, percent: int = 50) -> EpochCounts:
    return with_labels(EpochCounts(percent, percent, canary, champion))


@pytest.mark.parametrize(("guards", "parts"), [(0, 2), (1, 3), (3, 5)])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_all_guards_and_the_floor_share_alpha(guards: int, parts: int, alpha: float) -> None:
    plan = dataclasses.replace(PLAN, guards=GUARDS[:guards], alpha=alpha)
    assert harm_limit(plan) == pytest.approx(math.log(parts / alpha))
    assert pass_limit(plan) == pytest.approx(math.log(1 / alpha))


@pytest.mark.parametrize(
    ("canary", "champion", "harm"),
    [
        ((20, 11), (20, 10), True),
        ((20, 10), (20, 0), False),  # half of them is not more than half
        ((19, 19), (0, 0), False),
        ((20, 20), (19, 19), True),  # too few of the champion's to say that both fail
        ((20, 20), (20, 11), False),
        ((20, 20), (40, 20), True),
    ],
)
def test_the_floor_is_more_than_half_of_twenty(
    canary: tuple[int, int], champion: tuple[int, int], harm: bool
) -> None:
    # The tolerance of the evidence is set so high that only the floor can find harm.
    plan = dataclasses.replace(PLAN, alpha=1e-9)
    found = judge([at(Counts(*canary), Counts(*champion), 25)], plan).harm
    assert (found is not None) is harm
    if harm:
        assert found == (
            f"{canary[1]} of {canary[0]} canary requests failed at 25 % traffic (limit 50% of at least 20)"
        )


def test_the_floor_holds_in_each_epoch_and_names_the_shadow() -> None:
    plan = dataclasses.replace(PLAN, alpha=1e-9)
    fine, broken = at(Counts(100, 0), Counts(100, 0)), Counts(30, 30)
    shadow = EpochCounts(7, 0, broken, Counts(100, 0), Counts())
    found = judge([fine, shadow], plan).harm
    assert found == "30 of 30 canary requests failed in the shadow (limit 50% of at least 20)"


def test_a_good_canary_passes_every_guard_and_says_why() -> None:
    judgement = judge([at(USUAL)], dataclasses.replace(PLAN, guards=GUARDS))
    assert judgement.harm is None
    assert judgement.missing == ()
    assert [finding.guard for finding in judgement.findings] == [
        "error_rate", "latency_p95", "quality", "prediction_shift",
    ]  # fmt: skip
    assert judgement.pass_ is not None
    parts = judgement.pass_.split("; ")
    assert len(parts) == 4
    assert parts[0].startswith("failure rate below 0.02 (0 of 10000 failed)")
    assert parts[3] == "no shift of the scores found"


@pytest.mark.parametrize("action", ["warn", "pause", "rollback"])
def test_harm_stops_only_where_the_guard_says_so(action: str) -> None:
    plan = dataclasses.replace(PLAN, guards=(GuardPlan(name="quality", max_ratio=1.5, action=action),))
    judgement = judge([at(dataclasses.replace(USUAL, wrong=3000))], plan)
    assert [f.guard for f in judgement.raised(action)] == ["quality"]
    assert all(judgement.raised(other) == () for other in {"warn", "pause", "rollback"} - {action})
    if action == "rollback":
        assert judgement.harm is not None
        assert judgement.harm.startswith("the canary is wrong more often")
        assert judgement.pass_ is None
    else:
        assert judgement.harm is None
        assert judgement.pass_ is not None
        assert f"; {action}: the canary is wrong more often than the champion" in judgement.pass_


def test_one_guard_without_enough_evidence_keeps_all_from_passing() -> None:
    plan = dataclasses.replace(PLAN, guards=GUARDS[:2])
    few = dataclasses.replace(USUAL, labelled=20, wrong=2)
    judgement = judge([at(few, few)], plan)
    assert (judgement.harm, judgement.pass_) == (None, None)
    assert judgement.evidence()["guards"]["quality"]["finding"] == "not enough evidence"


@pytest.mark.parametrize("side", ["canary", "champion"])
@pytest.mark.parametrize(
    ("guard", "blind"),
    [("latency_p95", {"timed": 0, "slow": 0}), ("quality", {"labelled": 0, "wrong": 0})],
)
def test_a_guard_without_counts_is_missing(guard: str, blind: dict[str, Any], side: str) -> None:
    plan = dataclasses.replace(PLAN, guards=GUARDS)
    unseen = dataclasses.replace(USUAL, **blind)
    judgement = judge([at(unseen) if side == "canary" else at(USUAL, unseen)], plan)
    assert judgement.pass_ is None
    [missing] = judgement.missing
    counts = "0 canary and 10000 champion" if side == "canary" else "10000 canary and 0 champion"
    assert missing == f"{guard} was not measured ({counts} requests)"
    assert judgement.evidence()["guards"][guard]["finding"] == missing


def test_the_evidence_has_the_errors_first_and_the_other_guards_by_name() -> None:
    plain = judge([at(USUAL)], PLAN).evidence()
    assert set(plain) == {"canary", "champion", "worse", "within_max_ratio", "within_tolerance"}
    guarded = judge([at(USUAL)], dataclasses.replace(PLAN, guards=GUARDS)).evidence()
    assert {key: guarded[key] for key in ("canary", "champion")} == {
        "canary": {"requests": 10_000, "failures": 0},
        "champion": {"requests": 10_000, "failures": 0},
    }
    assert set(guarded["guards"]) == {"latency_p95", "quality", "prediction_shift"}
    assert guarded["guards"]["prediction_shift"]["finding"] == "no shift of the scores found"
    assert guarded["guards"]["latency_p95"]["finding"].startswith("slow-answer ratio below 2: log E ")
