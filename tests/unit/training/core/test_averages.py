"""Averages over the classes of the model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from airflow_mlops.training.core import averages, metrics

RNG = np.random.default_rng(0)
LABELS = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("truth", "predicted", "by_hand"),
    [
        # c occurs and is never predicted: its precision is 0 of 0 predictions, which counts as 0.
        ("abbc", "abbb", {"precision": 5 / 12, "recall": 0.5, "f1": 0.45, "balanced_accuracy": 2 / 3}),
        # c is predicted and never occurs: it counts 0, and has no accuracy of its own.
        ("abb", "abc", {"precision": 0.5, "recall": 0.375, "f1": 5 / 12, "balanced_accuracy": 0.75}),
        # c neither occurs nor is predicted: it counts 0 as well, so that a prediction more changes little.
        ("abd", "abd", {"precision": 0.75, "recall": 0.75, "f1": 0.75, "balanced_accuracy": 1}),
    ],
)
def test_a_class_without_rows_or_predictions_is_a_class_of_the_model(
    truth: str, predicted: str, by_hand: dict[str, float]
) -> None:
    found = metrics.compute(by_hand, metrics.classification(list(truth), list(predicted), LABELS))
    assert found == pytest.approx(by_hand)
    kind = {"average": "macro", "labels": LABELS, "zero_division": 0}
    expected = {
        "precision": peer.precision_score(list(truth), list(predicted), **kind),
        "recall": peer.recall_score(list(truth), list(predicted), **kind),
        "f1": peer.f1_score(list(truth), list(predicted), **kind),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_one_answer_more_of_a_class_without_rows_changes_a_figure_by_a_row() -> None:
    truth = RNG.integers(0, 2, 600)
    one = np.where(RNG.random(600) < 0.2, 1 - truth, truth)
    two = one.copy()
    two[7] = 2
    names = ["f1", "precision", "recall", "f1_macro", "jaccard", "balanced_accuracy", "matthews_corrcoef"]
    first, second = (
        metrics.compute(names, metrics.classification(truth, said, [0, 1, 2])) for said in (one, two)
    )
    assert first == pytest.approx(second, abs=0.005)


SCORES = {
    "f1": (averages.f1, peer.f1_score),
    "precision": (averages.precision, peer.precision_score),
    "recall": (averages.recall, peer.recall_score),
    "jaccard": (averages.jaccard, peer.jaccard_score),
}
AVERAGES = {"macro": averages.macro, "weighted": averages.weighted}


def made_up(size: int) -> tuple[metrics.Outcome, np.ndarray]:
    """An outcome of 40 rows with whole weights, of which every class keeps some."""
    truth = np.arange(40) % size
    said = np.where(RNG.random(40) < 0.6, truth, RNG.integers(0, size, 40))
    return metrics.classification(truth, said, range(size)), RNG.integers(1, 4, 40).astype(float)


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("name", SCORES)
def test_each_average_is_that_of_scikit_learn_with_weights(name: str, size: int) -> None:
    outcome, weights = made_up(size)
    ours, theirs = SCORES[name]
    kind = {"sample_weight": weights, "zero_division": 0}
    for average, build in AVERAGES.items():
        expected = theirs(outcome.truth, outcome.predicted, average=average, **kind)
        assert build(ours)(outcome)(weights) == pytest.approx(expected), average
    expected = theirs(outcome.truth, outcome.predicted, average="binary" if size == 2 else "macro", **kind)
    assert averages.of_class(ours)(outcome)(weights) == pytest.approx(expected)


@pytest.mark.parametrize("size", [2, 4])
def test_figures_of_all_rows_are_those_of_scikit_learn_with_weights(size: int) -> None:
    outcome, weights = made_up(size)
    pair = (outcome.truth, outcome.predicted)
    assert averages.jaccard_of_all(outcome)(weights) == pytest.approx(
        peer.jaccard_score(*pair, average="micro", sample_weight=weights)
    )
    assert averages.matthews_correlation(outcome)(weights) == pytest.approx(
        peer.matthews_corrcoef(*pair, sample_weight=weights)
    )
    assert averages.over_rows(averages.recall)(outcome)(weights) == pytest.approx(
        peer.balanced_accuracy_score(*pair, sample_weight=weights)
    )


@pytest.mark.parametrize(("truth", "predicted"), [([0, 1, 1], [1, 1, 1]), ([1, 1, 1], [0, 1, 1])])
def test_a_constant_answer_or_truth_is_correlated_with_nothing(
    truth: list[int], predicted: list[int]
) -> None:
    outcome = metrics.classification(truth, predicted, [0, 1])
    assert averages.matthews_correlation(outcome)(np.ones(3)) == 0


def test_a_draw_without_the_positive_class_has_no_figure_of_it() -> None:
    outcome = metrics.classification([0, 0, 1, 1], [0, 1, 1, 0], [0, 1])
    recall = averages.of_class(averages.recall)(outcome)
    assert recall(np.array([1.0, 1.0, 1.0, 2.0])) == pytest.approx(1 / 3)
    assert recall(np.array([2.0, 1.0, 1.0, 0.0])) == 1
    assert recall(np.array([0.0, 0.0, 1.0, 1.0])) == 0.5  # the other class may be away
    assert np.isnan(recall(np.array([1.0, 1.0, 0.0, 0.0])))
