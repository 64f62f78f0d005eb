"""The dummy that stands beside every model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as peer
from sklearn.dummy import DummyClassifier, DummyRegressor

from airflow_mlops.training import assessment, dummy
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.outcome import Scoring

RNG = np.random.default_rng(7)
LEARNED = pd.Series(np.where(RNG.random(500) < 0.2, "fraud", "legit"))
TRUTH = np.where(RNG.random(300) < 0.25, "fraud", "legit")


def judged(score: np.ndarray, positive: str = "fraud") -> metrics.Outcome:
    said = np.where(score > 0.5, "fraud", "legit")
    chances = np.column_stack([score, 1 - score])
    return metrics.classification(TRUTH, said, ["fraud", "legit"], chances, Scoring(positive))


def test_its_figures_are_those_of_scikit_learns_dummy_on_the_same_rows() -> None:
    names = ["log_loss", "brier", "roc_auc", "average_precision", "accuracy", "recall"]
    found = dummy.judge(LEARNED, judged(RNG.random(300)), names)
    blank = np.zeros((500, 1))
    prior = DummyClassifier(strategy="prior").fit(blank, LEARNED)
    rows = np.zeros((300, 1))
    chance = prior.predict_proba(rows)[:, 0]
    assert found.metrics == pytest.approx(
        {
            "log_loss": peer.log_loss(TRUTH, prior.predict_proba(rows)),
            "brier": peer.brier_score_loss(TRUTH, chance, pos_label="fraud"),
            "roc_auc": 0.5,
            "average_precision": (TRUTH == "fraud").mean(),
            "accuracy": peer.accuracy_score(TRUTH, prior.predict(rows)),
            "recall": 0,
        }
    )


def test_a_regressor_stands_beside_the_mean_of_its_training() -> None:
    learned, truth = pd.Series(RNG.normal(5, 2, 400)), RNG.normal(5, 2, 100)
    good = metrics.regression(truth, truth + RNG.normal(0, 0.1, 100))
    found = dummy.judge(learned, good, ["rmse", "r2"])
    mean = DummyRegressor().fit(np.zeros((400, 1)), learned).predict(np.zeros((100, 1)))
    assert found.metrics["rmse"] == pytest.approx(peer.root_mean_squared_error(truth, mean))
    assert found.caution == ""
    bad = metrics.regression(truth, RNG.normal(5, 2, 100))
    assert (
        "the model does not beat a dummy that knows no feature (rmse"
        in dummy.judge(learned, bad, ["rmse"]).caution
    )


def test_a_model_that_knows_nothing_is_said_not_to_beat_it() -> None:
    noise = dummy.judge(LEARNED, judged(RNG.random(300)), ["roc_auc"]).caution
    assert "beat a dummy that knows no feature (roc_auc 0." in noise
    assert "the dummy's 0.500" in noise
    useful = np.clip(np.where(TRUTH == "fraud", 0.7, 0.2) + RNG.normal(0, 0.1, 300), 0, 1)
    assert dummy.judge(LEARNED, judged(useful), ["roc_auc"]).caution == ""


def test_a_metric_that_the_rows_do_not_define_is_left_out() -> None:
    outcome = metrics.classification([1, 1], [1, 1], [0, 1], np.array([0.9, 0.8]))
    found = dummy.judge(pd.Series([0, 1, 1]), outcome, ["roc_auc", "accuracy"])
    assert found.metrics == {"accuracy": 1.0}
    assert found.caution == ""


def test_few_rows_show_nothing() -> None:
    two = metrics.classification([0, 1], [0, 1], [0, 1], np.array([0.1, 0.9]))
    found = dummy.judge(pd.Series([0, 1, 1]), two, ["roc_auc"])
    assert found.caution == (
        "2 rows are too few to show whether the model beats a dummy that knows no feature"
    )


def test_what_stands_beside_the_figures() -> None:
    scoring = Scoring("fraud", max_unknown=0.1)
    truth = np.array(["fraud", "legit"] * 20 + ["maybe"])
    score = np.where(truth == "fraud", 0.9, 0.1)
    said = np.where(score > 0.5, "fraud", "legit")
    outcome = metrics.classification(
        truth, said, ["fraud", "legit"], np.column_stack([score, 1 - score]), scoring
    )
    found = assessment.beside(LEARNED, outcome, ["roc_auc", "f1"])
    assert (found.of_class, found.unknown_labels) == ("fraud", 1)
    assert found.caution == "1 of 41 rows do not count: the model was not trained on their label (maybe)"
    assert found.dummy["roc_auc"] == 0.5


@pytest.mark.parametrize(("better", "resampled"), [(2.0, [20_000]), (0.0, [20_000, 50_000])])
def test_all_of_many_rows_are_resampled_only_where_a_sample_leaves_a_doubt(
    better: float, resampled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 50_000)
    chance = 1 / (1 + np.exp(-better * (truth - 0.5) - rng.normal(0, 1, truth.size)))
    outcome = metrics.classification(truth, chance > 0.5, [0, 1], np.column_stack([1 - chance, chance]))
    asked: list[int] = []
    bootstrap = dummy.paired_bootstrap

    def counted(first: object, second: object, rows: int, **more: object) -> object:
        asked.append(rows)
        return bootstrap(first, second, rows, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(dummy, "paired_bootstrap", counted)
    found = dummy.judge(pd.Series(truth), outcome, ["roc_auc"])
    assert asked == resampled
    assert ("does not" in found.caution) == (better == 0)
