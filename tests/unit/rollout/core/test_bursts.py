from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

import numpy as np
import pytest
from scipy import stats

from airflow_mlops.rollout.core import (
    Counts,
    EpochCounts,
    Judgement,
    RolloutPlan,
    RolloutState,
    judge,
    new_state,
)
from airflow_mlops.rollout.core.bursts import Bursts, bursts_of
from airflow_mlops.rollout.core.evidence import EventShareProcess
from tests.support.simulation import at_most, runs

PLAN = RolloutPlan(
    name="churn",
    model_version=3,
    model_uri="models:/churn/3",
    champion_version=2,
    steps=(50,),
    tolerance=0.0001,
)
Cells = list[tuple[int, int]]


def judged(cells: Iterable[tuple[int, int]], percent: int = 50, *, random: bool = False) -> Judgement:
    """Judge one epoch of 10,000 requests whose failures are those of ``cells``."""
    known = list(cells)
    ours, theirs = (sum(cell[arm] for cell in known) for arm in (0, 1))
    canary, champion = Counts(100 * percent, ours), Counts(100 * (100 - percent), theirs)
    bursts = bursts_of(known, random=random)
    return judge([EpochCounts(1, percent, canary, champion, bursts=bursts)], PLAN)


def test_one_burst_on_the_canary_is_inconclusive_and_named() -> None:
    found = judged([(20, 0)])
    assert found.harm is None
    assert found.pass_ is None
    assert "failures come in bursts from few callers: 1 group(s)" in found.missing[0]
    assert "20 of 5000 failed against 0 of 5000" in found.missing[0]


def test_one_burst_on_the_champion_is_no_proof_that_the_canary_is_good() -> None:
    assert judged([(0, 40)]).pass_ is None
    assert judged([(0, 40)], random=True).pass_


def test_as_many_failures_from_as_many_callers_are_harm() -> None:
    assert judged([(1, 0)] * 20).harm


def test_a_target_that_routes_each_request_by_itself_cannot_be_misled_by_bursts() -> None:
    assert judged([(20, 0)], random=True).harm
    evidence = judged([(20, 0)], random=True).evidence()
    assert "bursts" not in evidence


def test_failures_of_few_callers_are_harm_once_they_are_seen_to_be_independent() -> None:
    """Twenty minutes of one caller, whose requests meet both versions: 16 failures of the canary to 4."""
    rng = np.random.default_rng(2)
    cells = [(int(ours), 20 - int(ours)) for ours in rng.binomial(20, 0.8, 20)]
    assert judged(cells[:9]).harm is None
    assert judged(cells).harm
    evidence = judged(cells).evidence()["bursts"]
    assert evidence["clusters"] == 20
    assert 0.5 < evidence["dispersion"] < 2


def test_bursts_on_either_arm_are_inconclusive_however_many_there_are() -> None:
    cells = [(20, 0)] * 12 + [(0, 20)] * 8
    found = judged(cells)
    assert found.harm is None
    assert found.evidence()["bursts"]["dispersion"] > 10
    assert judged(cells, random=True).harm


def test_many_bursts_on_the_canary_are_harm() -> None:
    assert judged([(20, 0)] * 12).harm


def test_a_version_that_fails_everything_is_stopped_by_the_hard_floor_though_one_caller_met_it() -> None:
    canary, champion = Counts(20, 20), Counts(380, 0)
    epoch = EpochCounts(1, 5, canary, champion, bursts=bursts_of([(20, 0)]))
    assert "20 of 20 canary requests failed at 5 % traffic" in str(judge([epoch], PLAN).harm)


def test_dispersion_is_that_of_a_chi_squared_test() -> None:
    cells: Cells = [(3, 1), (0, 5), (2, 2), (4, 3), (1, 0)]
    found = bursts_of(cells)
    several = np.array(cells[:-1])
    share = sum(ours for ours, _ in cells) / sum(map(sum, cells))
    expected = np.column_stack([several.sum(axis=1) * share, several.sum(axis=1) * (1 - share)])
    chi_squared = float(((several - expected) ** 2 / expected).sum())
    assert found.spread == pytest.approx(chi_squared)
    assert (found.clusters, found.several) == (5, 4)
    assert found.canary == pytest.approx(3 / 4 + 0 + 1 / 2 + 4 / 7 + 1)
    variance = 0.0
    for size in several.sum(axis=1):
        k = np.arange(size + 1)
        terms = (k - size * share) ** 2 / (size * share * (1 - share))
        variance += float(((terms - 1) ** 2 * stats.binom.pmf(k, size, share)).sum())
    assert found.variance == pytest.approx(variance)


@pytest.mark.parametrize(
    ("cells", "dispersion", "harm"),
    [
        # Less than independent failures differ: the evidence of the single failures stands undivided.
        ([(4, 2), (5, 1), (4, 2), (4, 2), (5, 1), (5, 1), (3, 3), (5, 1), (4, 2), (3, 3)], 0.49, True),
        # 5.06 is enough, and divided by 1.29 and its standard error of 0.47 it is not.
        ([(5, 1), (6, 0), (2, 4), (5, 1), (3, 3), (5, 1), (5, 1), (5, 1), (4, 2), (3, 3)], 1.29, False),
        # 2.7 and 3.3 standard errors above 1, with evidence of 21.9 and 20.4.
        ([(10, 0), (7, 3), (8, 2), (5, 5), (6, 4), (9, 1), (8, 2), (10, 0), (10, 0), (10, 0)], 2.37, True),
        ([(9, 1), (8, 2), (10, 0), (10, 0), (10, 0), (4, 6), (7, 3), (7, 3), (10, 0), (7, 3)], 2.68, False),
    ],
)
def test_evidence_is_divided_by_the_dispersion_of_ten_clusters(
    cells: Cells, dispersion: float, harm: bool
) -> None:
    found = judged(cells)
    assert (found.harm is not None) is harm
    assert found.evidence()["bursts"]["dispersion"] == pytest.approx(dispersion, abs=0.005)
    if not harm:
        assert (
            f"dispersion {dispersion:.1f} (1: independent), so this is not certain: the " in found.missing[0]
        )
    for fewer in (cells[:9], [*cells[:9], (1, 0)]):
        known = judged(fewer)
        assert known.harm is None
        assert known.evidence()["bursts"]["dispersion"] is None


def test_clusters_of_all_splits_are_weighed_with_the_share_of_each() -> None:
    cells: Cells = [(3, 1), (0, 5), (2, 2), (4, 3), (1, 0), (1, 2)] * 2
    splits = [
        EpochCounts(number, percent, Counts(900, 22), Counts(900, 26), bursts=bursts_of(cells))
        for number, percent in ((1, 5), (2, 50))
    ]
    evidence = judge(splits, PLAN).evidence()["bursts"]
    apart = bursts_of(cells)
    rest = apart.clusters - apart.canary
    process = EventShareProcess().add(apart.canary, rest, 0.05).add(apart.canary, rest, 0.5)
    assert evidence["log_e"] == pytest.approx(process.log_e)
    # Ten clusters of each split show dispersion, less one for the share that was estimated.
    assert evidence["dispersion"] == pytest.approx(2 * apart.spread / (2 * (apart.several - 1)))
    assert (evidence["clusters"], apart.several) == (24, 10)


def test_what_is_not_known_yet_is_said() -> None:
    assert (
        "dispersion not known yet (1: independent), so this is not certain: " in judged([(20, 0)]).missing[0]
    )


def test_a_pass_stands_where_the_clusters_say_it_or_the_rate_alone() -> None:
    assert judged([(0, 1)] * 40).pass_
    burst = EpochCounts(1, 50, Counts(5000, 0), Counts(5000, 40), bursts=bursts_of([(0, 40)]))
    assert judge([burst], PLAN).pass_ is None
    by_rate = judge([burst], dataclasses.replace(PLAN, tolerance=0.02))
    assert by_rate.pass_
    assert judge([burst], dataclasses.replace(PLAN, tolerance=None)).pass_ is None


def test_one_arm_alone_shows_no_dispersion() -> None:
    assert bursts_of([(5, 0), (0, 0), (2, 0)]) == Bursts(
        clusters=2, canary=2.0, several=0, spread=0.0, variance=0.0
    )
    assert bursts_of([(0, 0)]) == Bursts()


def test_bursts_are_stored_with_the_state() -> None:
    epoch = EpochCounts(1, 50, Counts(9, 2), Counts(9, 1), bursts=bursts_of([(2, 1), (0, 2)]))
    state = dataclasses.replace(new_state(PLAN, 0.0), epochs=(epoch,))
    assert RolloutState.from_json(json.loads(json.dumps(state.to_json()))) == state


@pytest.mark.simulation
@pytest.mark.parametrize(("percent", "alone"), [(5, 0.0), (50, 0.0), (25, 0.5)])
def test_bursts_that_stay_on_one_arm_roll_back_no_good_version(percent: int, alone: float) -> None:
    """1 % errors of 3,000 requests a minute in bursts of 20, looked at each minute for an hour."""
    rng, tried, alarms, share = np.random.default_rng(percent), runs(12), 0, percent / 100
    for _ in range(tried):
        cells: Cells = []
        for _minute in range(60):
            groups = np.zeros((64, 2), dtype=int)
            for _ in range(rng.poisson(1.5 * (1 - alone))):
                groups[rng.integers(64), int(rng.random() >= share)] += 20
            for _ in range(rng.poisson(30 * alone)):
                groups[rng.integers(64), int(rng.random() >= share)] += 1
            cells += [(int(a), int(b)) for a, b in groups if a + b]
            if judged(cells, percent).harm:
                alarms += 1
                break
    assert alarms / tried <= at_most(PLAN.alpha, tried)
