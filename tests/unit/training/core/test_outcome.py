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


def test_two_models_of_other_orders_have_the_same_codes_and_columns() -> None:
    truth = ["a", "b", "c", "a"]
    scoring = metrics.Scoring("b", max_unknown=0.5)
    new = metrics.classification(
        truth, ["a", "b", "b", "b"], ["a", "b"], np.array([0.1, 0.9, 0.6, 0.7]), scoring
    )
    old = metrics.classification(
        truth, ["c", "b", "c", "b"], ["c", "b"], np.array([0.2, 0.8, 0.3, 0.4]), scoring
    )
    first, second = metrics.comparable(new, old)
    assert first.classes == second.classes == ("a", "b", "c")
    assert first.truth.tolist() == second.truth.tolist() == [-1, 1, -1, -1]  # both know b alone
    assert first.predicted.tolist() == [0, 1, 1, 1]
    assert second.predicted.tolist() == [2, 1, 2, 1]
    assert first.probabilities is not None
    assert second.probabilities is not None
    assert first.probabilities.tolist() == pytest.approx(
        np.array([[0.9, 0.1, 0], [0.1, 0.9, 0], [0.4, 0.6, 0], [0.3, 0.7, 0]])
    )
    assert second.probabilities[:, 0].tolist() == [0, 0, 0, 0]
    assert second.probabilities[:, 1].tolist() == [0.2, 0.8, 0.3, 0.4]
    assert second.probabilities[:, 2] == pytest.approx(np.array([0.8, 0.2, 0.7, 0.6]))


def test_models_of_the_same_classes_keep_what_they_have() -> None:
    chances = np.array([0.1, 0.9])
    outcome = metrics.classification([0, 1], [0, 1], [0, 1], chances)
    first, second = metrics.comparable(outcome, outcome)
    assert first.probabilities is second.probabilities is outcome.probabilities
    plain = metrics.classification([0, 1], [0, 1], [0, 1, 2])
    assert metrics.comparable(plain, outcome)[0].probabilities is None
    turned = metrics.classification([0], [0], [1, 0], scoring=metrics.Scoring(0))
    first, second = metrics.comparable(turned, plain.part(np.array([True, False])))
    assert first.classes == (1, 0, 2)
    assert first.truth.tolist() == second.truth.tolist() == [1]


def test_a_classifier_and_a_regressor_have_nothing_to_bring_together() -> None:
    pair = metrics.classification([0, 1], [0, 1], [0, 1]), metrics.regression([0.0, 1.0], [0.0, 1.0])
    assert metrics.comparable(*pair) == pair
    assert metrics.comparable(*pair[::-1]) == pair[::-1]


def test_other_rows_are_scored_in_the_same_way_and_with_any_labels() -> None:
    others = {"max costs:saved": lambda outcome: lambda weights: 7.0}
    outcome = metrics.classification(
        ["no", "yes"], ["no", "yes"], ["yes", "no"], scoring=metrics.Scoring("yes", others=others)
    )
    assert outcome.scoring == metrics.Scoring("yes", 1.0, others, samples=False)
    assert metrics.classification([0, 1], [0, 1], [0, 1, 2]).scoring.positive is None


def test_classes_without_rows_are_absent() -> None:
    scoring = metrics.Scoring(max_unknown=0.5)
    outcome = metrics.classification(list("abz"), list("aac"), list("abcd"), scoring=scoring)
    assert outcome.absent_classes == ("c", "d")
    assert outcome.part(np.array([False, True, True])).absent_classes == ("a", "c", "d")
    assert (outcome.unknown_labels, outcome.part(outcome.known).unknown_rows) == ("z", 0)


def test_every_row_of_a_regression_counts() -> None:
    outcome = metrics.regression([-1.0, 2.0], [1.0, 2.0])
    assert (outcome.known.tolist(), outcome.unknown_rows, outcome.unknown_labels) == ([True, True], 0, "")
    assert (outcome.size, outcome.scores, outcome.scoring.positive) == (0, None, None)
    assert outcome.absent_classes == ()


@pytest.mark.parametrize(
    ("chance", "taken"),
    [(-1e-6, True), (1 + 1e-6, True), (-1.1e-6, False), (1 + 1.1e-6, False), (0.0, True), (1.0, True)],
)
def test_probabilities_may_be_a_millionth_beyond_their_bounds(chance: float, *, taken: bool) -> None:
    three = np.array([[chance, 0.5, 0.5]])
    if taken:
        metrics.classification([0], [0], [0, 1, 2], three)
    else:
        with pytest.raises(DataRejected, match=r"not between 0 and 1 for 1 of 1 rows \(row 0\)"):
            metrics.classification([0], [0], [0, 1, 2], three)


def test_five_unknown_labels_are_named_and_the_others_counted() -> None:
    def named(labels: str, **more: object) -> str:
        scoring = metrics.Scoring(max_unknown=0.9, **more)  # type: ignore[arg-type]
        return metrics.classification(
            [*labels, "a"], ["a"] * (len(labels) + 1), ["a", "b"], None, scoring
        ).unknown_labels

    assert named("vwxyz") == "v, w, x, y, z"
    assert named("zzyxwvut") == "t, u, v, w, x and 2 more"
    assert named("vwxyz", samples=False) == ""


def test_the_message_about_unknown_labels_names_the_limit_if_there_is_one() -> None:
    limited = metrics.Scoring(max_unknown=0.25)
    with pytest.raises(
        metrics.UnknownLabels, match=r"in 2 of 4 rows, data\.max_unknown_labels allows 0\.25 of them; it"
    ):
        metrics.classification(list("abxy"), list("abab"), ["a", "b"], scoring=limited)
    with pytest.raises(metrics.UnknownLabels, match=r"trained on: x, y in 2 of 4 rows; it knows 'a' and 'b'"):
        metrics.classification(list("abxy"), list("abab"), ["a", "b"])


def test_rows_of_unknown_labels_alone_are_never_judged() -> None:
    with pytest.raises(metrics.UnknownLabels, match="in 2 of 2 rows"):
        metrics.classification(["y", "z"], ["a", "a"], ["a", "b"], scoring=metrics.Scoring(max_unknown=1.0))


@pytest.mark.parametrize(
    ("bad", "shown"), [(1, "row 0"), (5, "rows 0, 1, 2, 3, 4"), (6, "rows 0, 1, 2, 3, 4, …")]
)
def test_the_first_five_bad_rows_are_named(bad: int, shown: str) -> None:
    predicted = np.where(np.arange(8) < bad, np.inf, 1.0)
    with pytest.raises(DataRejected, match=rf"for {bad} of 8 rows \({shown}\)"):
        metrics.regression(np.ones(8), predicted)


@pytest.mark.parametrize("shape", [(1, 2, 1), (1, 3)])
def test_probabilities_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="predict_proba gives an array of shape"):
        metrics.classification(["a"], ["a"], ["a", "b"], np.full(shape, 0.5))


def test_the_columns_of_two_classes_change_places_where_the_first_is_the_positive_one() -> None:
    chances = np.array([[0.9, 0.1], [0.3, 0.7]])
    scoring = metrics.Scoring("fraud")
    outcome = metrics.classification(
        ["fraud", "legit"], ["fraud", "legit"], ["fraud", "legit"], chances, scoring
    )
    assert outcome.classes == ("legit", "fraud")
    assert outcome.truth.tolist() == outcome.predicted.tolist() == [1, 0]
    assert outcome.probabilities is not None
    assert outcome.probabilities.tolist() == [[0.1, 0.9], [0.7, 0.3]]
    last = metrics.classification(
        ["legit"], ["legit"], ["fraud", "legit"], chances[1:], metrics.Scoring("legit")
    )
    assert last.probabilities is not None
    assert last.probabilities.tolist() == [[0.3, 0.7]]


LABELS = st.one_of(st.integers(-3, 5), st.booleans())


@given(st.lists(LABELS, min_size=1, max_size=5, unique=True), st.lists(LABELS, min_size=1, max_size=20))
def test_labels_of_numbers_have_the_places_that_a_search_one_by_one_finds(
    classes: list[int], truth: list[int]
) -> None:
    places = {label: place for place, label in enumerate(np.asarray(classes).tolist())}
    expected = [places.get(label, UNKNOWN) for label in np.asarray(truth).tolist()]
    said = [classes[0]] * len(truth)
    last = classes[1] if len(classes) == 2 else None  # as the positive class it keeps its place
    if set(expected) != {UNKNOWN}:
        found = metrics.classification(truth, said, classes, scoring=metrics.Scoring(last, max_unknown=1.0))
        assert found.truth.tolist() == expected
        assert set(found.predicted.tolist()) == {0}


def test_two_classes_have_a_score_for_each_row_and_more_have_none() -> None:
    two = metrics.classification([0, 1, 1], [0, 1, 1], [0, 1], np.array([0.1, 0.9, 0.8]))
    assert two.scores is not None
    assert two.scores.tolist() == [0.1, 0.9, 0.8]
    three = metrics.classification([0, 1], [0, 1], [0, 1, 2], np.eye(3)[:2])
    assert three.scores is None
    assert metrics.classification([0, 1], [0, 1], [0, 1]).scores is None
