from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, confusion_matrix, r2_score, roc_auc_score

from airflow_mlops.training.core import comparison as compare


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(4, 60), levels=st.integers(1, 8))
def test_ranking_statistics_equal_scikit_learn_with_weights_and_ties(
    seed: int, rows: int, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = np.array([0, 1, *rng.integers(0, 2, rows - 2)])
    scores = rng.integers(0, levels, rows) / levels
    weights = rng.integers(0, 4, rows).astype(float)
    weights[:2] = 1  # both classes keep some weight
    ours = compare.ranking_auc(truth, scores)(weights)
    assert ours == pytest.approx(roc_auc_score(truth, scores, sample_weight=weights))
    ours = compare.average_precision(truth, scores)(weights)
    assert ours == pytest.approx(average_precision_score(truth, scores, sample_weight=weights))


def test_r_squared_equals_scikit_learn_far_from_zero() -> None:
    rng = np.random.default_rng(3)
    truth = 1e6 + rng.normal(size=80)
    predicted = truth + rng.normal(0, 0.5, 80)
    weights = rng.integers(0, 4, 80).astype(float)
    expected = r2_score(truth, predicted, sample_weight=weights)
    assert compare.r_squared(truth, predicted)(weights) == pytest.approx(expected, rel=1e-6)


def test_a_resample_is_worth_the_same_as_repeating_the_rows() -> None:
    rng = np.random.default_rng(1)
    truth, scores = rng.integers(0, 2, 50), rng.random(50)
    rows = rng.integers(0, 50, 50)
    counted = compare.ranking_auc(truth, scores)(np.bincount(rows, minlength=50).astype(float))
    assert counted == pytest.approx(compare.ranking_auc(truth[rows], scores[rows])(np.ones(50)))


def test_each_statistic_on_rows_that_can_be_counted_by_hand() -> None:
    weights = np.array([1.0, 2.0, 3.0])
    assert compare.mean(np.array([1, 0, 1]))(weights) == pytest.approx(4 / 6)
    assert compare.root_mean(np.array([1.0, 4.0, 9.0]))(weights) == pytest.approx((36 / 6) ** 0.5)
    assert compare.negated(compare.mean(np.array([1, 0, 1])))(weights) == pytest.approx(-4 / 6)
    only_negatives = np.array([0, 0, 0])
    assert np.isnan(compare.ranking_auc(only_negatives, weights)(weights))
    assert np.isnan(compare.average_precision(only_negatives, weights)(weights))


def test_a_confusion_counts_hits_predictions_and_occurrences_by_class() -> None:
    truth, predicted = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    seen = []

    def score(hits: np.ndarray, said: np.ndarray, real: np.ndarray) -> float:
        seen.append((hits.tolist(), said.tolist(), real.tolist()))
        return 0.5

    assert compare.confusion(truth, predicted, score)(np.array([1.0, 2.0, 4.0, 8.0])) == 0.5
    assert seen == [([1, 4, 0], [1, 14, 0], [3, 4, 8])]
    unseen = compare.confusion(np.array([0, 0]), np.array([0, 2]), score)
    unseen(np.array([1.0, 1.0]))
    assert seen[-1] == ([1, 0, 0], [1, 0, 1], [2, 0, 0])


def test_the_share_of_variance_needs_some() -> None:
    weights = np.ones(3)
    assert np.isnan(compare.r_squared(np.array([2.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0]))(weights))
    truth, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    found = compare.r_squared(truth, predicted)(np.array([1.0, 2.0, 1.0]))
    # Mean 2.25; errors 0.25 + 0 + 1; around the mean 1.5625 + 2 * 0.0625 + 3.0625.
    assert found == pytest.approx(1 - 1.25 / 4.75)


def test_the_share_of_variance_does_not_depend_on_the_unit() -> None:
    truth, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    weights = np.array([1.0, 2.0, 1.0])
    thousandth = compare.r_squared(truth / 1_000, predicted / 1_000)(weights)
    assert thousandth == pytest.approx(1 - 1.25 / 4.75)


def test_all_draws_of_a_row_statistic_cost_one_call() -> None:
    shapes = []

    def total(weights: np.ndarray) -> np.ndarray:
        shapes.append(weights.shape)
        return weights.sum(axis=1)

    found = compare.of_many(compare.RowStatistic(total), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert found.tolist() == [3, 7]
    assert shapes == [(2, 2)]


def test_a_plain_statistic_is_asked_draw_by_draw() -> None:
    found = compare.of_many(lambda weights: float(weights[0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert found.tolist() == [1, 3]


@pytest.mark.parametrize(("classes", "at_once"), [(3, True), (50, True), (51, False)])
def test_a_confusion_of_many_draws_is_that_of_each_draw(classes: int, *, at_once: bool) -> None:
    """Up to fifty classes there is a matrix of rows and classes, beyond it would be too large."""
    rng = np.random.default_rng(4)
    truth, predicted = np.arange(120) % classes, rng.integers(0, classes, 120)
    draws = rng.integers(0, 3, (5, 120)).astype(float)
    seen: list[np.ndarray] = []

    def score(*parts: np.ndarray) -> float:
        seen.append(np.array(parts))
        return float(parts[1].max())

    statistic = compare.confusion(truth, predicted, score)
    assert isinstance(statistic, compare.RowStatistic) is at_once
    values = compare.of_many(statistic, draws)
    for draw, value, (hits, said, real) in zip(draws, values, seen, strict=True):
        rows = np.repeat(np.arange(120), draw.astype(int))
        table = confusion_matrix(truth[rows], predicted[rows], labels=range(classes))
        assert hits.tolist() == table.diagonal().tolist()
        assert said.tolist() == table.sum(axis=0).tolist()
        assert real.tolist() == table.sum(axis=1).tolist()
        assert value == said.max()


def test_scores_without_ties_are_not_added_up() -> None:
    ranked = np.array([[1.0, 2.0, 3.0]])
    assert compare._grouped(ranked, np.array([0, 1, 2])) is ranked
    assert compare._grouped(ranked, np.array([0, 2])).tolist() == [[3, 3]]
