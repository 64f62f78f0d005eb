"""Boosting ends where rows set aside are predicted best, and no entity is on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.training.preprocessing import learning
from airflow_mlops.training.preprocessing.early_stopping import best_rounds, with_rounds
from tests.unit.training.preprocessing.test_learning import fitted, learner


def noisy(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Little to learn, so that many rounds only learn noise."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 5)), columns=list("abcde"))
    frame["entity"] = rng.integers(0, 60, rows)
    frame["day"] = pd.date_range("2024-01-01", periods=rows, tz="UTC")
    frame["y"] = (frame["a"] + rng.normal(0, 2, rows) > 0).astype(int)
    return frame


def test_the_best_round_is_that_of_the_smallest_loss() -> None:
    frame = noisy()
    rows, target = frame[list("abcde")], frame["y"]
    estimator = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.2)
    learn, watch = (rows[:300], target[:300]), (rows[300:], target[300:])
    found = best_rounds(estimator, 15, learn, watch)
    assert 1 <= found < 200
    longest = with_rounds(estimator, found + 14).fit(*learn)
    losses = [-_likelihood(chances, watch[1]) for chances in longest.staged_predict_proba(watch[0])]
    assert int(np.argmin(losses)) + 1 == found
    assert estimator.max_iter == 200
    assert not hasattr(estimator, "n_iter_")


def _likelihood(chances: np.ndarray[Any, Any], target: pd.Series) -> float:
    return float(np.log(chances[np.arange(len(target)), target]).mean())


def test_the_estimator_learns_all_rows_with_the_rounds_found() -> None:
    frame = noisy()
    estimator = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.2)
    found = fitted(estimator, frame.drop(columns=["entity", "day"]), "y", early_stopping=True)
    assert found.rounds
    assert found.rounds < 100
    assert found.params["early_stopping.rounds"] == found.rounds
    again = HistGradientBoostingClassifier(
        max_iter=found.rounds, learning_rate=0.2, early_stopping=False
    ).fit(frame[list("abcde")], frame["y"])
    assert np.array_equal(
        found.estimator.predict_proba(frame[list("abcde")]), again.predict_proba(frame[list("abcde")])
    )


@pytest.mark.parametrize("keys", [("entity",), ("entity", "day")], ids=["entity", "time"])
def test_what_is_watched_is_held_out_by_entity_or_time(
    keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, seen = noisy().assign(town=lambda rows: "t" + (rows.index % 50).astype(str)), {}

    def spy(estimator: Any, patience: int, learn: Any, watch: Any, weights: Any = None) -> int:
        seen.update(learn=learn, watch=watch, patience=patience)
        return 7

    monkeypatch.setattr(learning, "best_rounds", spy)
    drop = [] if "day" in keys else ["day"]
    found = fitted(
        HistGradientBoostingClassifier(), frame.drop(columns=drop), "y", keys=keys, early_stopping=4
    )
    assert (found.rounds, seen["patience"]) == (7, 4)
    assert found.estimator[-1].max_iter == 7
    places = {value: place for place, value in enumerate(frame["a"])}
    learned, watched = (
        frame.iloc[[places[cell] for cell in seen[side][0][:, 0]]] for side in ("learn", "watch")
    )
    assert 0.05 < len(watched) / len(frame) < 0.35  # half of the entities on both sides are watched
    if "day" in keys:
        assert learned["day"].max() < watched["day"].min()
    else:
        assert not set(learned["entity"]) & set(watched["entity"])


def test_an_estimator_without_rounds_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"early_stopping needs XGBoost, .*got LogisticRegression"):
        fitted(LogisticRegression(), noisy().drop(columns=["entity", "day"]), "y", early_stopping=True)


def test_rounds_of_an_earlier_fit_are_repeated() -> None:
    frame = noisy().drop(columns=["entity", "day"])
    again = replace(learner(frame, "y", early_stopping=True), rounds=3)
    assert again.fit(HistGradientBoostingRegressor()).estimator.n_iter_ == 3
