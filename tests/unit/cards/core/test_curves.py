"""The curves of a card against scikit-learn, and how often a calibrated model is called wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import auc, precision_recall_curve, roc_auc_score, roc_curve

from airflow_mlops.cards.core import curves

RNG = np.random.default_rng(3)
SCORES = RNG.random(500).round(2)
POSITIVE = RNG.random(500) < SCORES


def test_the_roc_curve_is_that_of_scikit_learn() -> None:
    found = curves.roc(POSITIVE[:60], SCORES[:60])
    x, y, _ = roc_curve(POSITIVE[:60], SCORES[:60], drop_intermediate=False)
    np.testing.assert_allclose(found.x, x)
    np.testing.assert_allclose(found.y, y)
    whole = curves.roc(POSITIVE, SCORES)
    assert auc(whole.x, whole.y) == pytest.approx(roc_auc_score(POSITIVE, SCORES), abs=0.002)


def test_precision_and_recall_are_those_of_scikit_learn() -> None:
    found = curves.precision_recall(POSITIVE[:60], SCORES[:60])
    precision, recall, _ = precision_recall_curve(POSITIVE[:60], SCORES[:60])
    expected = {(round(x, 9), round(y, 9)) for x, y in zip(recall[:-1], precision[:-1], strict=True) if x > 0}
    assert {(round(x, 9), round(y, 9)) for x, y in zip(found.x, found.y, strict=True)} == expected


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_its_area() -> None:
    scores = RNG.normal(size=20_000)
    positive = scores + RNG.normal(size=20_000) > 0
    found = curves.roc(positive, scores)
    assert len(found.x) <= curves.MOST_POINTS == 120
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)
    assert auc(found.x, found.y) == pytest.approx(roc_auc_score(positive, scores), abs=1e-3)


def test_the_interval_of_a_share_is_wilsons() -> None:
    for hits, rows in ((0, 20), (7, 20), (20, 20), (300, 1_000)):
        expected = binomtest(hits, rows).proportion_ci(method="wilson")
        assert curves.share_interval(hits, rows) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_calibration_groups_hold_all_rows_and_equal_scores_stay_together() -> None:
    bins = curves.calibration(POSITIVE, SCORES)
    assert sum(item.rows for item in bins) == len(SCORES)
    assert [item.predicted for item in bins] == sorted(item.predicted for item in bins)
    assert sum(item.predicted * item.rows for item in bins) == pytest.approx(SCORES.sum())
    assert sum(item.observed * item.rows for item in bins) == pytest.approx(POSITIVE.sum())
    two = curves.calibration(POSITIVE, np.where(SCORES > 0.5, 0.8, 0.2))
    assert [item.predicted for item in two] == pytest.approx([0.2, 0.8])


def test_a_calibrated_model_is_seldom_called_wrong_and_a_wrong_one_is() -> None:
    """Nominally in 5 of 100 cases; three standard errors above are allowed."""
    repeats, alarms = 400, 0
    for _ in range(repeats):
        scores = RNG.beta(2, 5, 1_000)
        alarms += curves.worst(curves.calibration(RNG.random(1_000) < scores, scores)) is not None
    assert alarms / repeats <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repeats)
    scores = RNG.beta(2, 5, 1_000)
    off = curves.worst(curves.calibration(RNG.random(1_000) < scores / 2, scores))
    assert off is not None
    assert off.predicted > off.observed


def test_means_by_prediction_are_held_against_the_prediction() -> None:
    predicted = RNG.normal(size=2_000)
    fair = curves.mean_by_prediction(predicted + RNG.normal(size=2_000), predicted)
    assert sum(item.rows for item in fair) == 2_000
    shifted = curves.worst(curves.mean_by_prediction(predicted + 1, predicted))
    assert shifted is not None
    assert shifted.observed - shifted.predicted == pytest.approx(1)
    assert curves.worst(()) is None


def test_a_short_curve_is_left_as_it_is() -> None:
    rising = np.linspace(0, 1, 120)
    short, long = curves.Curve(rising, rising**2), curves.Curve(*[np.linspace(0, 1, 121)] * 2)
    assert curves.thinned(short) is short
    assert curves.thinned(long) is not long
    assert 100 < len(curves.thinned(long).x) <= 120


def test_a_thinned_curve_has_most_points_where_it_turns() -> None:
    """Straight up for a long way and then to the right: both halves are as long."""
    x = np.r_[np.zeros(1_000), np.linspace(0, 1, 10)]
    y = np.r_[np.linspace(0, 1, 1_000), np.ones(10)]
    found = curves.thinned(curves.Curve(x, y), 20)
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)
    assert np.count_nonzero(found.y == 1) == 9  # of ten, as many as on the way up
    assert np.diff(found.y).max() < 0.12
    assert set(zip(found.x, found.y, strict=True)) <= set(zip(x, y, strict=True))


def test_the_confidence_of_an_interval_may_be_chosen() -> None:
    expected = binomtest(7, 20).proportion_ci(0.8, method="wilson")
    assert curves.share_interval(7, 20, 0.8) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_there_are_ten_groups_of_as_many_rows() -> None:
    scores = RNG.permutation(np.arange(200) / 200)
    positive = scores >= 0.5
    bins = curves.calibration(positive, scores)
    assert [item.rows for item in bins] == [20] * 10
    assert [item.observed for item in bins] == [0] * 5 + [1] * 5
    assert [item.predicted for item in bins] == pytest.approx(np.arange(10) / 10 + 0.0475)
    assert (bins[0].low, bins[0].high) == pytest.approx(curves.share_interval(0, 20))
    assert [item.rows for item in curves.calibration(positive, scores, 4)] == [50] * 4
    assert [item.rows for item in curves.mean_by_prediction(scores, scores, 4)] == [50] * 4
    assert [item.rows for item in curves.mean_by_prediction(scores, scores)] == [20] * 10


def test_the_interval_of_a_mean_is_two_standard_errors_wide_on_either_side() -> None:
    truth, predicted = np.array([1.0, 2.0, 3.0, 7.0, 9.0]), np.array([1.0, 1.0, 1.0, 5.0, 5.0])
    first, second = curves.mean_by_prediction(truth, predicted, 2)
    assert (first.rows, first.predicted, first.observed) == (3, 1, 2)
    assert (first.low, first.high) == pytest.approx((2 - 1.96 / 3**0.5, 2 + 1.96 / 3**0.5))
    assert (second.rows, second.predicted, second.observed) == (2, 5, 8)
    assert (second.low, second.high) == pytest.approx((8 - 1.96, 8 + 1.96))
    (alone,) = curves.mean_by_prediction(np.array([4.0]), np.array([3.0]))
    assert (alone.observed, alone.rows) == (4, 1)
    assert np.isnan([alone.low, alone.high]).all()


def bin_of(predicted: float, observed: float = 0.5, half: float = 0.1) -> curves.Bin:
    return curves.Bin(predicted, observed, observed - half, observed + half, 50)


@pytest.mark.parametrize(("beside", "called"), [(0.101, True), (0.099, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_one_group_is_wrong_beyond_its_own_interval(beside: float, sign: int, *, called: bool) -> None:
    one = bin_of(0.5 + sign * beside)
    assert curves.worst((one,)) == (one if called else None)


@pytest.mark.parametrize(("beside", "called"), [(0.1433, True), (0.1431, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_ten_groups_are_wrong_beyond_a_wider_one(beside: float, sign: int, *, called: bool) -> None:
    """The quantile is 2.807 for an error of 5 in 1,000 each, 1.960 for one of 5 in 100."""
    one = bin_of(0.5 + sign * beside)
    assert curves.worst((one, *[bin_of(0.5)] * 9)) == (one if called else None)


def test_the_furthest_group_is_the_worst_and_one_without_an_interval_is_never() -> None:
    near, far, unknown = bin_of(0.7), bin_of(0.2), bin_of(0.99, half=float("nan"))
    assert curves.worst((near, far, unknown)) == far
    assert curves.worst((unknown,)) is None


@pytest.mark.parametrize(("alike", "groups"), [(95, [95, 5]), (60, [60, 10, 10, 10, 10])])
def test_many_equal_scores_leave_the_others_a_group(alike: int, groups: list[int]) -> None:
    scores = np.r_[np.zeros(alike), np.linspace(0.5, 0.9, 100 - alike)]
    bins = curves.calibration(scores > 0, scores)
    assert [item.rows for item in bins] == groups
    assert (bins[0].predicted, bins[0].observed, bins[1].observed) == (0, 0, 1)
    upside = curves.calibration(scores > 0, -scores)
    assert sorted(item.rows for item in upside) == sorted(groups)


def test_a_cut_in_the_middle_of_equal_scores_is_before_them() -> None:
    scores = np.array([1.0, 2.0, 2.0, 3.0])
    assert [item.rows for item in curves.calibration(scores > 2, scores, 2)] == [1, 3]


def test_a_threshold_that_finds_nothing_has_no_place_on_the_curve() -> None:
    found = curves.precision_recall(np.array([False, True, False]), np.array([0.9, 0.5, 0.1]))
    assert found.x.tolist() == [1, 1]
    assert found.y.tolist() == pytest.approx([1 / 2, 1 / 3])


@pytest.mark.parametrize("predicted", [0.25, 0.75])
def test_a_prediction_at_the_end_of_an_interval_is_in_it(predicted: float) -> None:
    assert curves.worst((bin_of(predicted, half=0.25),)) is None
