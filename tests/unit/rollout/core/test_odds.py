from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nchypergeom_fisher

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.rollout.core.evidence import EventShareProcess, log_mean_exp, mixture
from airflow_mlops.rollout.core.odds import Block, OddsProcess, log_e_differs, log_ratios
from tests.support.simulation import at_most, runs


@given(
    st.integers(1, 60), st.integers(1, 60), st.data(),
    st.sampled_from([(1.0, 2.0), (1.0, 0.3), (1.5, 1.0), (1.0, 16.0)]),
)  # fmt: skip
def test_a_blocks_ratio_is_that_of_fishers_distribution(
    ours: int, theirs: int, data: st.DataObject, ratios: tuple[float, float]
) -> None:
    wrong, base_wrong = data.draw(st.integers(0, ours)), data.draw(st.integers(0, theirs))
    null, ratio = ratios
    shape = (ours + theirs, ours, wrong + base_wrong)
    if 0 < shape[2] < shape[0]:
        expected = nchypergeom_fisher.logpmf(wrong, *shape, ratio) - nchypergeom_fisher.logpmf(
            wrong, *shape, null
        )
    else:
        expected = 0.0
    [found] = log_ratios(Block((ours, wrong), (theirs, base_wrong)), null, (ratio,))
    assert found == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("null", [1.0, 1.5])
@pytest.mark.parametrize("shape", [(30, 5, 10), (400, 90, 31), (40, 20, 20)])
def test_the_evidence_of_a_block_is_one_on_average_and_less_inside_the_null(
    null: float, shape: tuple[int, int, int]
) -> None:
    both, ours, wrong = shape
    possible = range(max(0, wrong - (both - ours)), min(ours, wrong) + 1)
    for process, inside in (
        (OddsProcess.inferiority(null), null * 0.7),
        (OddsProcess.non_inferiority(null), null * 1.4),
    ):
        values = [math.exp(process.log_e([Block((ours, k), (both - ours, wrong - k))])) for k in possible]
        at_null, within = (
            float(np.dot(values, nchypergeom_fisher.pmf(possible, both, ours, wrong, odds)))
            for odds in (null, inside)
        )
        assert at_null == pytest.approx(1.0, abs=1e-6)
        assert within < 1


def test_a_pair_of_which_one_is_wrong_is_an_event_with_a_share_of_one_half() -> None:
    for process, shares in (
        (OddsProcess.inferiority(1.0), EventShareProcess.inferiority(1.0)),
        (OddsProcess.non_inferiority(1.5), EventShareProcess.non_inferiority(1.5)),
    ):
        assert process.log_e([], (30, 11)) == pytest.approx(shares.add(30, 11, 0.5).log_e)
        blocks = [Block((1, 1), (1, 0))] * 30 + [Block((1, 0), (1, 1))] * 11
        assert process.log_e(blocks) == pytest.approx(shares.add(30, 11, 0.5).log_e)


def test_what_says_nothing_changes_nothing() -> None:
    for block in (
        Block((50, 20), (0, 0)), Block((0, 0), (9, 3)), Block((5, 0), (7, 0)), Block((5, 5), (7, 7)),
    ):  # fmt: skip
        assert log_ratios(block, 1.0, (2.0, 4.0)) == (0.0, 0.0)
        assert log_e_differs([block]) == 0.0


def test_a_difference_is_the_mean_of_both_directions() -> None:
    blocks = [Block((100, 90), (300, 90)), Block((50, 20), (70, 30))]
    both = (OddsProcess.inferiority(1.0).log_e(blocks), OddsProcess.non_inferiority(1.0).log_e(blocks))
    assert log_e_differs(blocks) == pytest.approx(log_mean_exp(both))
    mirrored = [Block(block.champion, block.canary) for block in blocks]
    other = (OddsProcess.inferiority(1.0).log_e(mirrored), OddsProcess.non_inferiority(1.0).log_e(mirrored))
    assert log_e_differs(mirrored) == pytest.approx(log_mean_exp(other))
    assert log_e_differs(mirrored) > 20


def test_alternatives_are_weighed_as_those_of_the_errors_are() -> None:
    process = OddsProcess.inferiority(1.2)
    assert process.ratios == EventShareProcess.inferiority(1.2).ratios
    block = Block((80, 30), (90, 12))
    logs = log_ratios(block, 1.2, process.ratios)
    assert process.log_e([block]) == log_mean_exp(logs, mixture(1.2, process.ratios))


@pytest.mark.parametrize("counts", [((5, 6), (5, 0)), ((5, 0), (5, -1))])
def test_impossible_counts_are_refused(counts: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(ConfigError, match="events must be between 0 and observed, got"):
        Block(*counts)


@pytest.mark.simulation
def test_no_coverage_and_no_drift_of_the_base_rate_raises_false_alarms() -> None:
    """40 blocks with rates from 2 % to 30 %, the canary labelled three times as often in every second one."""
    rng, tried, alarms = np.random.default_rng(3), runs(150), 0
    for _ in range(tried):
        logs = np.zeros(24)
        process, worst = OddsProcess.inferiority(1.0), -math.inf
        for number in range(40):
            rate = 0.02 + 0.28 * number / 40
            ours, theirs = ((60, 20), (20, 60))[number % 2]
            block = Block((ours, int(rng.binomial(ours, rate))), (theirs, int(rng.binomial(theirs, rate))))
            logs += log_ratios(block, 1.0, process.ratios)
            worst = max(worst, log_mean_exp(tuple(logs), mixture(1.0, process.ratios)))
        alarms += worst >= math.log(20)
    assert alarms / tried <= at_most(0.05, tried)
