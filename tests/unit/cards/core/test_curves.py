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
    assert len(found.x) <= curves.MOST_POINTS + 2
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
