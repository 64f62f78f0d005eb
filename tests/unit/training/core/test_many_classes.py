"""Rankings over many classes: the figure is exact, the derivative is what a changed weight does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from airflow_mlops.training.core import comparison, many_classes, metrics

RNG = np.random.default_rng(2)
PAIRS = {
    "area": (many_classes.area, comparison.ranking_auc),
    "average_precision": (many_classes.average_precision, comparison.average_precision),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("digits", [1, 9])
def test_a_derivative_is_what_a_changed_weight_does(name: str, digits: int) -> None:
    derived, exact = PAIRS[name]
    positive, scores = RNG.random(40) < 0.3, RNG.random(40).round(digits)
    figure, slopes = derived(positive, scores)
    statistic = exact(positive, scores)
    assert figure == pytest.approx(statistic(np.ones(40)))
    for row in range(40):
        up, down = np.ones(40), np.ones(40)
        up[row], down[row] = 1 + 1e-5, 1 - 1e-5
        assert slopes[row] == pytest.approx((statistic(up) - statistic(down)) / 2e-5, abs=1e-6)
    assert slopes.sum() == pytest.approx(0)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_many_classes_have_scikit_learns_figure_and_nearly_the_spread_of_exact_draws(name: str) -> None:
    size, rows = 30, 900
    truth = np.arange(rows) % size
    logits = RNG.normal(size=(rows, size)) + 2 * np.eye(size)[truth]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    outcome = metrics.classification(truth, chances.argmax(axis=1), range(size), chances)
    hot = np.eye(size)[truth]
    score = {"roc_auc": peer.roc_auc_score, "average_precision": peer.average_precision_score}[name]
    statistic = metrics.statistic(name, outcome)
    assert statistic(np.ones(rows)) == pytest.approx(score(hot, chances, average="macro"))
    exact_of = PAIRS["area" if name == "roc_auc" else name][1]
    draws = [np.bincount(RNG.integers(0, rows, rows), minlength=rows).astype(float) for _ in range(60)]
    exact = [np.mean([exact_of(hot[:, k], chances[:, k])(draw) for k in range(size)]) for draw in draws]
    near = [statistic(draw) for draw in draws]
    assert np.std(near) == pytest.approx(np.std(exact), rel=0.15)
    assert np.corrcoef(near, exact)[0, 1] > 0.95


@pytest.mark.parametrize("name", PAIRS)
def test_three_times_the_weights_give_the_same_figure(name: str) -> None:
    truth, chances = np.arange(40) % 4, RNG.dirichlet(np.ones(4), 40)
    statistic = many_classes.mean_over_classes(truth, chances, PAIRS[name][0])
    weights = RNG.integers(0, 3, 40).astype(float)
    assert statistic(3 * weights) == pytest.approx(statistic(weights))
    assert statistic(weights) != pytest.approx(statistic(np.ones(40)))
