"""What becomes an outcome, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.outcome import UNKNOWN


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([0.5, np.nan, 0.1], r"not between 0 and 1 for 1 of 3 rows \(row 1\) \(the first: nan, nan\)"),
        ([1.5, -0.1, 0.1], r"for 2 of 3 rows \(rows 0, 1\) \(the first: -0\.5, 1\.5\)"),
    ],
)
def test_probabilities_that_are_none_are_refused_with_their_rows(given: list[float], told: str) -> None:
    with pytest.raises(DataRejected, match=told):
        metrics.classification([0, 1, 1], [0, 1, 1], [0, 1], np.array(given))


def test_a_model_that_has_diverged_is_refused_with_the_rows() -> None:
    with pytest.raises(DataRejected, match=r"no finite number for 7 of 8 rows \(rows 1, 2, 3, 4, 5, …\)"):
        metrics.regression(np.ones(8), [1.0, *[np.inf] * 7])
    with pytest.raises(DataRejected, match=r"target is not a finite number in 1 of 2 rows \(row 1\)"):
        metrics.regression([1.0, np.nan], [1.0, 1.0])


def test_labels_that_the_model_does_not_know_are_left_out_up_to_the_share() -> None:
    truth, predicted = ["a", "b", "b", "z"], ["a", "b", "a", "b"]
    chances = np.array([0.1, 0.9, 0.4, 0.8])
    few = metrics.Scoring("b", max_unknown=0.25)
    outcome = metrics.classification(truth, predicted, ["a", "b"], chances, few)
    assert (outcome.rows, outcome.unknown_rows, outcome.unknown_labels) == (4, 1, "z")
    kept = metrics.classification(truth[:3], predicted[:3], ["a", "b"], chances[:3], few)
    names = ["roc_auc", "f1", "log_loss", "accuracy", "brier"]
    assert metrics.compute(names, outcome) == pytest.approx(metrics.compute(names, kept))
    weights = np.array([1.0, 2.0, 1.0, 5.0])
    assert metrics.statistic("accuracy", outcome)(weights) == pytest.approx(0.75)
    with pytest.raises(metrics.UnknownLabels, match=r"trained on: z in 1 of 4 rows.*knows 'a' and 'b'"):
        metrics.classification(truth, predicted, ["a", "b"], chances, metrics.Scoring("b", max_unknown=0.2))
    with pytest.raises(metrics.UnknownLabels, match="trained on in 1 of 4 rows"):
        metrics.classification(truth, predicted, ["a", "b"], scoring=metrics.Scoring("b", samples=False))
    with pytest.raises(metrics.UnknownLabels):  # nothing would be left to judge
        metrics.classification(["z"], ["a"], ["a", "b"], scoring=metrics.Scoring("b", max_unknown=0.9))


def test_two_models_are_compared_on_rows_and_classes_of_both() -> None:
    truth = list("abcaabbc")
    scoring = metrics.Scoring(max_unknown=0.5)
    new = metrics.classification(
        truth, list("abcaabbb"), list("abc"), np.eye(3)[[0, 1, 2, 0, 0, 1, 1, 1]], scoring
    )
    old = metrics.classification(
        truth, list("abaaabbb"), list("ba"), np.eye(2)[[1, 0, 1, 1, 1, 0, 0, 0]], scoring
    )
    first, second = metrics.comparable(new, old)
    assert first.classes == second.classes == ("a", "b", "c")
    assert first.unknown_rows == second.unknown_rows == 2
    names = ["f1", "accuracy", "recall", "log_loss", "roc_auc", "brier"]
    assert metrics.compute(names, first) == pytest.approx(metrics.compute(names, second))
    assert metrics.compute(["f1"], first) == pytest.approx({"f1": 2 / 3})  # c counts 0 for both
    numbers = metrics.regression([1.0], [1.0]), metrics.regression([1.0], [2.0])
    assert metrics.comparable(*numbers) == numbers


@pytest.mark.parametrize("probabilities", [None, np.array([0.1, 0.6, 0.7, 0.4])])
def test_a_part_of_the_rows_has_their_truth_predictions_and_probabilities(
    probabilities: np.ndarray | None,
) -> None:
    outcome = metrics.classification([0, 1, 1, 0], [0, 1, 0, 1], [0, 1], probabilities)
    part = outcome.part(np.array([False, True, False, True]))
    assert (part.task, part.rows) == ("classification", 2)
    assert (part.truth.tolist(), part.predicted.tolist()) == ([1, 0], [1, 1])
    scores = None if part.scores is None else part.scores.tolist()
    assert scores == (None if probabilities is None else [0.6, 0.4])
    assert metrics.compute(["accuracy"], part) == {"accuracy": 0.5}


def test_a_model_that_answers_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="model predicts 'c', which is none of its classes_"):
        metrics.classification(["a"], ["c"], ["a", "b"])
    with pytest.raises(ConfigError, match=r"an array of shape \(1, 3\), but the model has 2 classes"):
        metrics.classification(["a"], ["a"], ["a", "b"], np.array([[0.2, 0.3, 0.5]]))
    with pytest.raises(metrics.UndefinedMetric, match="there is no row to judge"):
        metrics.classification([], [], ["a", "b"])


def test_five_thousand_classes_cost_what_the_rows_cost() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5_000, 400)
    chances = np.full((400, 5_000), 0.5 / 4_999)
    chances[np.arange(400), truth] = 0.5
    outcome = metrics.classification(truth, truth, range(5_000), chances)
    found = metrics.compute(["accuracy", "log_loss", "brier", "f1_weighted", "balanced_accuracy"], outcome)
    assert found["accuracy"] == found["f1_weighted"] == found["balanced_accuracy"] == 1
    assert found["log_loss"] == pytest.approx(np.log(2))
    assert found["brier"] == pytest.approx(0.25 + 4_999 * (0.5 / 4_999) ** 2)
    told = metrics.unseen_classes(["f1"], outcome)
    assert len(told) < 200
    with pytest.raises(metrics.UnknownLabels) as caught:
        metrics.classification([-7], [1], range(5_000))
    assert len(str(caught.value)) < 300


LABELS = st.one_of(st.integers(-3, 5), st.booleans())


@given(st.lists(LABELS, min_size=1, max_size=5, unique=True), st.lists(LABELS, min_size=1, max_size=20))
def test_labels_of_numbers_have_the_places_that_a_search_one_by_one_finds(
    classes: list[int], truth: list[int]
) -> None:
    places = {label: place for place, label in enumerate(np.asarray(classes).tolist())}
    expected = [places.get(label, UNKNOWN) for label in np.asarray(truth).tolist()]
    said = [classes[0]] * len(truth)
    lenient = metrics.Scoring(max_unknown=1.0) if set(expected) != {UNKNOWN} else None
    if lenient is not None:
        found = metrics.classification(truth, said, classes, scoring=lenient)
        assert found.truth.tolist() == expected
        assert set(found.predicted.tolist()) == {0}
