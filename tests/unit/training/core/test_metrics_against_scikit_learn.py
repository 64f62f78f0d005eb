"""Every metric, on made-up outcomes of all kinds, against scikit-learn's own function or scorer."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as peer
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from airflow_mlops.training import scorers
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.metric_facts import (
    CLASSIFICATION,
    METRIC_FACTS,
    REGRESSION,
    SEVERAL_LABELS,
)

QUIET = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
AVERAGED = {
    "f1": peer.f1_score,
    "precision": peer.precision_score,
    "recall": peer.recall_score,
    "jaccard": peer.jaccard_score,
}
EXPLAIN = ("r2", "explained_variance", "d2_absolute_error_score")
OF_TWO = ("likelihood_ratio", "average_precision")
SCORERS = [name for name in peer.get_scorer_names() if name not in SEVERAL_LABELS]


class Answers(ClassifierMixin, BaseEstimator):
    """Stands for a fitted classifier: its rows are numbers of rows of an outcome."""

    def __init__(self, outcome: metrics.Outcome) -> None:
        self.outcome = outcome
        self.classes_ = np.arange(outcome.size)

    def fit(self, rows: Any, y: Any) -> Answers:
        return self

    def predict(self, rows: Any) -> Any:
        return self.outcome.predicted[rows[:, 0]]

    def predict_proba(self, rows: Any) -> Any:
        assert self.outcome.probabilities is not None
        return self.outcome.probabilities[rows[:, 0]]


class Values(RegressorMixin, BaseEstimator):
    """Stands for a fitted regressor."""

    def __init__(self, outcome: metrics.Outcome) -> None:
        self.outcome = outcome

    def fit(self, rows: Any, y: Any) -> Values:
        return self

    def predict(self, rows: Any) -> Any:
        return self.outcome.predicted[rows[:, 0]]


@st.composite
def classified(draw: st.DrawFn, least: int = 2, most: int = 5) -> tuple[metrics.Outcome, np.ndarray]:
    """An outcome of a classifier, all classes among the rows, and whole weights of rows."""
    size = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(size, 40))
    truth = np.concatenate([np.arange(size), rng.integers(0, size, rows - size)])
    chances = rng.dirichlet(np.ones(size), rows).round(draw(st.sampled_from([1, 2, 9])))
    chances = (chances + 1e-3) / (chances + 1e-3).sum(axis=1, keepdims=True)
    predicted = rng.integers(0, size, rows) if draw(st.booleans()) else chances.argmax(axis=1)
    outcome = metrics.classification(truth, predicted, range(size), chances)
    weights = rng.integers(0, 4, rows).astype(float)
    weights[:size] += 1
    return outcome, weights


def prepared(outcome: metrics.Outcome, name: str) -> metrics.Outcome:
    return replace(outcome, others=scorers.preparations([name], Path()))


def figure(outcome: metrics.Outcome, name: str, weights: np.ndarray) -> float:
    return float(metrics.statistic(name, prepared(outcome, name))(weights))


def repeated(outcome: metrics.Outcome, weights: np.ndarray) -> np.ndarray:
    """Numbers of the rows, each as often as its weight says."""
    return np.repeat(np.arange(outcome.rows), weights.astype(int))[:, np.newaxis]


def test_every_scorer_of_scikit_learn_is_known() -> None:
    assert set(SCORERS) <= set(METRIC_FACTS)


@QUIET
@given(classified())
def test_averages_are_those_of_scikit_learn_over_all_classes_of_the_model(
    found: tuple[metrics.Outcome, np.ndarray],
) -> None:
    outcome, weights = found
    for name, average in product(AVERAGED, ("", "macro", "micro", "weighted")):
        how = average or ("binary" if outcome.size == 2 else "macro")
        kind: dict[str, Any] = {"average": how, "zero_division": 0, "sample_weight": weights}
        if how != "binary":
            kind["labels"] = range(outcome.size)
        expected = AVERAGED[name](outcome.truth, outcome.predicted, **kind)
        ours = figure(outcome, f"{name}_{average}" if average else name, weights)
        assert ours == pytest.approx(expected), (name, average)


@QUIET
@given(classified())
def test_scorers_of_classifiers_give_what_scikit_learn_gives(
    found: tuple[metrics.Outcome, np.ndarray],
) -> None:
    outcome, weights = found
    rows = repeated(outcome, weights)
    model, truth = Answers(outcome), outcome.truth[rows[:, 0]]
    for name in (name for name in SCORERS if METRIC_FACTS[name].task == CLASSIFICATION):
        if name in AVERAGED or (name.endswith(OF_TWO) and outcome.size > 2):
            continue  # for two classes in scikit-learn, or an average of its own: see the other tests
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = _asked(name, model, rows, truth)
        ours = figure(outcome, name, weights)
        if np.isnan(ours):  # a ratio of nothing, for which scikit-learn has a number of its own
            assert name.endswith("likelihood_ratio")
            continue
        assert ours == pytest.approx(expected), name


def _asked(name: str, model: Any, rows: np.ndarray, truth: np.ndarray) -> float:
    size = model.outcome.size
    if name == "roc_auc" and size > 2:
        name = "roc_auc_ovr"
    return float(peer.get_scorer(name)(model, rows, truth))


@QUIET
@given(
    arrays.arrays(float, st.integers(3, 30), elements=st.floats(0.125, 100, width=32)),
    st.integers(0, 2**32 - 1),
)
def test_scorers_of_regressors_give_what_scikit_learn_gives(truth: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    outcome = metrics.regression(truth, np.abs(truth + rng.normal(0, 5, len(truth))) + 0.01)
    weights = rng.integers(1, 4, len(truth)).astype(float)
    rows = repeated(outcome, weights)
    model, real = Values(outcome), outcome.truth[rows[:, 0]]
    for name in (name for name in SCORERS if METRIC_FACTS[name].task == REGRESSION):
        if np.ptp(truth) < 1e-3 and name in EXPLAIN:
            continue  # no variance to explain: undefined here, 0 or 1 in scikit-learn
        expected = float(peer.get_scorer(name)(model, rows, real))
        assert figure(outcome, name, weights) == pytest.approx(expected, rel=1e-6), name


@QUIET
@given(classified(most=2), st.booleans())
def test_the_figures_of_two_texts_are_those_of_the_named_class(
    found: tuple[metrics.Outcome, np.ndarray], first: bool
) -> None:
    plain, weights = found
    names = np.array(["fraud", "legit"])
    positive = names[0] if first else names[1]
    assert plain.probabilities is not None
    outcome = metrics.classification(
        names[plain.truth], names[plain.predicted], names, plain.probabilities, metrics.Scoring(positive)
    )
    real, said = names[plain.truth], names[plain.predicted]
    score = plain.probabilities[:, 0 if first else 1]
    assert outcome.scores == pytest.approx(score)
    kind: dict[str, Any] = {"pos_label": positive, "sample_weight": weights, "zero_division": 0}
    assert figure(outcome, "f1", weights) == pytest.approx(peer.f1_score(real, said, **kind))
    assert figure(outcome, "precision", weights) == pytest.approx(peer.precision_score(real, said, **kind))
    assert figure(outcome, "recall", weights) == pytest.approx(peer.recall_score(real, said, **kind))
    assert figure(outcome, "jaccard", weights) == pytest.approx(peer.jaccard_score(real, said, **kind))
    assert figure(outcome, "average_precision", weights) == pytest.approx(
        peer.average_precision_score(real, score, pos_label=positive, sample_weight=weights)
    )
    assert figure(outcome, "roc_auc", weights) == pytest.approx(
        peer.roc_auc_score(real == positive, score, sample_weight=weights)
    )
    assert figure(outcome, "brier", weights) == pytest.approx(
        peer.brier_score_loss(real, score, pos_label=positive, sample_weight=weights)
    )
