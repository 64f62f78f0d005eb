from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.training.core import comparison, metrics
from airflow_mlops.training.core.metric_facts import METRIC_FACTS

RNG = np.random.default_rng(0)


def test_two_classes_give_scikit_learns_figures() -> None:
    truth = RNG.integers(0, 2, 300)
    scores = np.clip(0.3 * truth + RNG.random(300) * 0.7, 0, 1)
    labels = (scores > 0.5).astype(int)
    found = metrics.compute(
        list(METRIC_FACTS)[:9],
        metrics.classification(truth, labels, [0, 1], scores),
    )
    expected = {
        "roc_auc": peer.roc_auc_score(truth, scores),
        "average_precision": peer.average_precision_score(truth, scores),
        "log_loss": peer.log_loss(truth, scores),
        "brier": peer.brier_score_loss(truth, scores),
        "accuracy": peer.accuracy_score(truth, labels),
        "balanced_accuracy": peer.balanced_accuracy_score(truth, labels),
        "f1": peer.f1_score(truth, labels),
        "precision": peer.precision_score(truth, labels),
        "recall": peer.recall_score(truth, labels),
    }
    assert found == pytest.approx(expected)


def test_more_classes_are_averaged_over_the_classes() -> None:
    classes = ["a", "b", "c"]
    truth = RNG.choice(classes, 200)
    probabilities = RNG.dirichlet([1, 1, 1], 200)
    labels = np.array(classes)[probabilities.argmax(axis=1)]
    found = metrics.compute(
        ["roc_auc", "log_loss", "f1", "precision", "balanced_accuracy"],
        metrics.classification(truth, labels, classes, probabilities),
    )
    assert found == pytest.approx(
        {
            "roc_auc": peer.roc_auc_score(truth, probabilities, multi_class="ovr"),
            "log_loss": peer.log_loss(truth, probabilities),
            "f1": peer.f1_score(truth, labels, average="macro"),
            "precision": peer.precision_score(truth, labels, average="macro"),
            "balanced_accuracy": peer.balanced_accuracy_score(truth, labels),
        }
    )


def test_regression_gives_scikit_learns_figures() -> None:
    truth = RNG.normal(10, 3, 200)
    predicted = truth + RNG.normal(0, 1, 200)
    found = metrics.compute(["rmse", "mae", "mape", "r2"], metrics.regression(truth, predicted))
    assert found == pytest.approx(
        {
            "rmse": peer.root_mean_squared_error(truth, predicted),
            "mae": peer.mean_absolute_error(truth, predicted),
            "mape": peer.mean_absolute_percentage_error(truth, predicted),
            "r2": peer.r2_score(truth, predicted),
        }
    )


def test_a_misspelt_metric_is_named_with_its_neighbour() -> None:
    with pytest.raises(ConfigError, match=r"must be a metric, got 'roc_auk' \(did you mean roc_auc\?\)"):
        metrics.facts("roc_auk")


def test_a_metric_of_the_other_task_lists_the_right_ones() -> None:
    with pytest.raises(ConfigError, match=r"rmse is for regression.*roc_auc"):
        metrics.facts("rmse", metrics.CLASSIFICATION)


def test_a_probability_metric_needs_probabilities() -> None:
    outcome = metrics.classification([0, 1], [0, 1], [0, 1])
    with pytest.raises(ConfigError, match="needs predict_proba"):
        metrics.compute(["roc_auc"], outcome)


def test_rows_of_one_class_have_no_auc() -> None:
    outcome = metrics.classification([1, 1], [0, 1], [0, 1], np.array([0.2, 0.8]))
    with pytest.raises(DataRejected, match="at least two classes"):
        metrics.compute(["roc_auc"], outcome)


def test_a_label_that_the_model_never_saw_is_named() -> None:
    with pytest.raises(DataRejected, match="purple"):
        metrics.classification(["red", "purple"], ["red", "red"], ["red", "green"])


@pytest.mark.parametrize("name", [name for name, row in METRIC_FACTS.items() if not row.by])
def test_every_row_of_the_table_has_its_function_and_stays_in_its_range(name: str) -> None:
    row = METRIC_FACTS[name]
    if row.task == metrics.CLASSIFICATION:
        scores = np.clip(RNG.random(50), 0.01, 0.99)
        outcome = metrics.classification([0, 1] * 25, (scores > 0.5).astype(int), [0, 1], scores)
    else:
        outcome = metrics.regression(RNG.normal(5, 1, 50), RNG.normal(5, 1, 50))
    assert row.low <= metrics.compute([name], outcome)[name] <= row.high


LABELS = ["a", "b", "c", "d"]


def test_classes_without_rows_are_named_with_the_metrics_that_they_lower() -> None:
    outcome = metrics.classification(["a", "b"], ["a", "b"], LABELS)
    assert metrics.unseen_classes(["f1", "accuracy", "recall_macro"], outcome) == (
        "no row has one of the classes 'c' and 'd': no figure says anything about them, and they count 0 in "
        "f1, recall_macro"
    )
    one = metrics.classification(["a", "b", "c"], ["a", "b", "c"], LABELS)
    assert metrics.unseen_classes(["accuracy"], one) == (
        "no row has the class 'd': no figure says anything about it"
    )
    assert metrics.unseen_classes(["f1"], metrics.classification([0, 0], [0, 0], [0, 1])) == ""
    assert metrics.unseen_classes(["mae"], metrics.regression([1.0], [1.0])) == ""


@pytest.mark.parametrize("name", ["precision", "recall", "f1", "jaccard"])
def test_without_a_row_of_the_positive_class_its_figure_is_not_defined(name: str) -> None:
    outcome = metrics.classification(
        ["no", "no"], ["no", "yes"], ["no", "yes"], scoring=metrics.Scoring("yes")
    )
    with pytest.raises(
        metrics.UndefinedMetric, match=f"{name} is about the class 'yes', which none of the 2"
    ):
        metrics.compute([name], outcome)
    assert metrics.compute(["accuracy"], outcome) == {"accuracy": 0.5}


def test_rows_of_one_class_have_a_log_loss_and_a_brier_score() -> None:
    outcome = metrics.classification([1, 1], [0, 1], [0, 1], np.array([0.2, 0.8]))
    found = metrics.compute(["log_loss", "brier"], outcome)
    assert found == pytest.approx({"log_loss": -np.log([0.2, 0.8]).mean(), "brier": (0.64 + 0.04) / 2})


def test_a_figure_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(metrics.UndefinedMetric, match="metric r2 is nan on these 3 rows"):
        metrics.compute(["mae", "r2"], metrics.regression([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]))


def test_a_certain_and_right_prediction_costs_next_to_nothing_and_a_wrong_one_much() -> None:
    right = metrics.classification([0, 1], [0, 1], [0, 1], np.array([0.0, 1.0]))
    wrong = metrics.classification([0, 1], [1, 0], [0, 1], np.array([1.0, 0.0]))
    cost = {
        key: metrics.compute(["log_loss"], value)["log_loss"] for key, value in (("r", right), ("w", wrong))
    }
    assert cost["r"] == pytest.approx(peer.log_loss([0, 1], [0.0, 1.0]), rel=1e-6, abs=0)
    assert cost["w"] == pytest.approx(peer.log_loss([0, 1], [1.0, 0.0]))


def test_the_brier_score_of_more_classes_is_the_sum_over_them() -> None:
    """Brier (1950), by hand: (0.3² + 0.2² + 0.1²) and (0.5² + 0.9² + 0.4²), in the middle."""
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.1, 0.4]])
    outcome = metrics.classification(["a", "b"], ["a", "a"], ["a", "b", "c"], probabilities)
    assert metrics.compute(["brier"], outcome)["brier"] == pytest.approx((0.14 + 1.22) / 2)


@pytest.mark.parametrize(("size", "exact"), [(20, True), (21, False)])
@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_rankings_of_resampled_rows_are_exact_up_to_twenty_classes(
    name: str, size: int, *, exact: bool
) -> None:
    truth = np.arange(10 * size) % size
    chances = RNG.dirichlet(np.ones(size), len(truth)) + 0.05 * np.eye(size)[truth]
    chances /= chances.sum(axis=1, keepdims=True)
    score = {"roc_auc": peer.roc_auc_score, "average_precision": peer.average_precision_score}[name]
    statistic = metrics.statistic(name, metrics.classification(truth, truth, range(size), chances))
    ones, drawn = np.ones(len(truth)), RNG.integers(1, 4, len(truth)).astype(float)
    hot = np.eye(size)[truth]
    assert statistic(ones) == pytest.approx(score(hot, chances))
    expected = score(hot, chances, sample_weight=drawn)
    assert (statistic(drawn) == pytest.approx(expected, rel=1e-9)) is exact
    assert statistic(drawn) == pytest.approx(expected, rel=0.1)


def test_many_draws_cost_one_call_where_every_label_is_known() -> None:
    scores = np.array([0.1, 0.9, 0.4, 0.8])
    known = metrics.classification([0, 1, 1, 0], [0, 1, 0, 1], [0, 1], scores)
    assert isinstance(metrics.statistic("roc_auc", known), comparison.RowStatistic)
    scoring = metrics.Scoring(max_unknown=0.5)
    other = metrics.classification([0, 1, 7, 0], [0, 1, 0, 1], [0, 1], scores, scoring)
    # The third row does not count: of the pairs (0.1, 0.9) and (0.8, 0.9) both are in order.
    assert metrics.statistic("roc_auc", other)(np.array([1.0, 2.0, 5.0, 1.0])) == 1


def test_a_metric_of_a_users_own_decides_itself_which_rows_it_needs() -> None:
    outcome = metrics.classification(
        [0, 0], [0, 1], [0, 1], scoring=metrics.Scoring(others={"max costs:saved": lambda _: lambda _: 7.0})
    )
    assert metrics.compute(["max costs:saved"], outcome) == {"max costs:saved": 7}
    with pytest.raises(ConfigError, match="max costs:lost is computed by own, which was not asked"):
        metrics.compute(["max costs:lost"], outcome)


def test_a_ranking_says_how_many_classes_it_found() -> None:
    outcome = metrics.classification(["a", "b"], ["a", "b"], ["a", "b"], np.array([0.2, 0.8]))
    with pytest.raises(metrics.UndefinedMetric, match=r"among the 0 rows, found none; hold out more rows"):
        metrics.compute(["roc_auc"], outcome.part(np.zeros(2, dtype=bool)))
    with pytest.raises(metrics.UndefinedMetric, match=r"among the 1 rows, found one: all are 'b'; hold out"):
        metrics.compute(["roc_auc"], outcome.part(np.array([False, True])))


LOWERED = [
    "f1",
    "precision",
    "recall",
    "jaccard",
    "f1_macro",
    "precision_macro",
    "recall_macro",
    "jaccard_macro",
]


@pytest.mark.parametrize("name", [name for name, row in METRIC_FACTS.items() if not row.by])
def test_a_perfect_answer_has_less_than_one_only_in_the_averages_that_lack_a_class(name: str) -> None:
    """Three of four classes have rows, and each row is right."""
    if METRIC_FACTS[name].task != metrics.CLASSIFICATION:
        return
    chances = np.eye(4)[[0, 1, 2, 0]]
    outcome = metrics.classification(list("abca"), list("abca"), LABELS, chances)
    assert metrics.lowered_averages([name], outcome) == ((name,) if name in LOWERED else ())
    best = 0 if "log_loss" in name or "brier" in name else 1
    assert metrics.compute([name], outcome)[name] == pytest.approx(0.75 if name in LOWERED else best)
    assert metrics.lowered_averages([name], metrics.classification(LABELS, LABELS, LABELS)) == ()
    assert metrics.lowered_averages([name], metrics.classification([0, 0], [0, 0], [0, 1])) == ()


def test_a_true_value_of_zero_has_the_percentage_error_of_scikit_learn() -> None:
    truth, predicted = [0.0, 2.0, -4.0], [1e-9, 3.0, -5.0]
    found = metrics.compute(
        ["mape", "neg_mean_absolute_percentage_error"], metrics.regression(truth, predicted)
    )
    expected = peer.mean_absolute_percentage_error(truth, predicted)
    assert found == pytest.approx({"mape": expected, "neg_mean_absolute_percentage_error": -expected})
