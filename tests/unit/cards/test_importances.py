"""What shuffling a column costs, and that the time for it is bounded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from airflow_mlops.cards.importances import MOST_REPEATS, MOST_ROWS, importances

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"strong": RNG.normal(size=1_500), "weak": RNG.normal(size=1_500), "none": 0.5})
TARGET = 3 * ROWS["strong"] + ROWS["weak"] + RNG.normal(size=1_500)
MODEL = LinearRegression().fit(ROWS, TARGET)


def score(rows: pd.DataFrame, target: pd.Series) -> float:
    return float(r2_score(target, MODEL.predict(rows)))


def test_the_columns_are_worth_what_scikit_learn_says() -> None:
    found = importances(ROWS, TARGET, list(ROWS), score)
    assert [item.column for item in found.items] == ["strong", "weak", "none"]
    assert (found.rows, found.repeats, found.left_out) == (1_500, MOST_REPEATS, 0)
    expected = permutation_importance(MODEL, ROWS, TARGET, n_repeats=30, random_state=1)
    for item, mean in zip(found.items, expected.importances_mean, strict=True):
        assert item.lost == pytest.approx(mean, abs=0.06)
        assert item.low <= item.lost <= item.high


def ticking(step: float) -> Callable[[], float]:
    """A clock on which each look is ``step`` seconds after the one before."""
    looks = iter(np.arange(0, 100) * step)
    return lambda: float(next(looks))


@pytest.mark.parametrize(
    ("seconds", "repeats", "left_out"), [(0.1, 5, 0), (2.0, 2, 0), (7.0, 1, 1), (60.0, 1, 2)]
)
def test_a_slow_model_gets_fewer_shuffles_and_then_fewer_columns(
    seconds: float, repeats: int, left_out: int
) -> None:
    calls = []

    def slow(rows: pd.DataFrame, target: pd.Series) -> float:
        calls.append(len(rows))
        return 0.0

    found = importances(ROWS, TARGET, list(ROWS), slow, budget=15, clock=ticking(seconds))
    assert (found.repeats, found.left_out) == (repeats, left_out)
    assert len(calls) == 1 + repeats * (3 - left_out)


def test_a_large_hold_out_is_sampled_and_types_stay() -> None:
    rows = pd.DataFrame(
        {
            "when": pd.date_range("2025-01-01", periods=5_000, tz="Europe/Berlin"),
            "level": pd.Categorical(["a", "b"] * 2_500),
        }
    )
    seen = []

    def typed(part: pd.DataFrame, target: pd.Series) -> float:
        seen.append((len(part), part.dtypes.tolist()))
        return 0.0

    importances(rows, rows["level"], ["when", "level"], typed)
    assert {length for length, _ in seen} == {MOST_ROWS}
    assert all(types == rows.dtypes.tolist() for _, types in seen)
