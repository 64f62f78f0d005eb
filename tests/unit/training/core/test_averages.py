"""Averages over the classes of the model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from airflow_mlops.training.core import metrics

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
