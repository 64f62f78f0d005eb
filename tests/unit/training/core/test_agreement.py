"""Agreement of two models, against scikit-learn, and what is said about it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from airflow_mlops.training.core import agreement as agree

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 2_000)


def noisy(share: float) -> np.ndarray:
    """The truth with a share of the labels turned."""
    return np.where(RNG.random(len(TRUTH)) < share, 1 - TRUTH, TRUTH)


def said(judged: np.ndarray, registered: np.ndarray, truth: np.ndarray, *, numbers: bool) -> str:
    found = agree.agreement(judged, registered, numbers=numbers)
    return agree.caution(found, judged, registered, truth, numbers=numbers)


def test_kappa_is_that_of_scikit_learn() -> None:
    one, other = noisy(0.2), noisy(0.3)
    assert agree._kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))


def test_what_is_reported_is_the_share_the_correlation_and_the_difference() -> None:
    one, other = RNG.random(500), RNG.random(500)
    found = agree.agreement(one > 0.5, other > 0.5, (one, other), numbers=False)
    assert found.equal == pytest.approx(((one > 0.5) == (other > 0.5)).mean())
    assert found.correlation == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert found.difference == pytest.approx(np.abs(one - other).mean())
    assert agree.agreement(one, np.zeros(500), numbers=True).correlation is None


def test_a_model_that_learned_the_rows_by_heart_is_not_striking() -> None:
    """A forest knows the rows that it has learned: it agrees with its twin as far as that one is right."""
    assert said(noisy(0.3), TRUTH, TRUTH, numbers=False) == ""
    figures = RNG.normal(size=2_000)
    assert said(figures + RNG.normal(size=2_000), figures, figures, numbers=True) == ""


def test_a_rare_class_is_not_striking() -> None:
    rare = (RNG.random(2_000) < 0.02).astype(int)
    assert said(np.zeros(2_000, dtype=int), rare, rare, numbers=False) == ""


def test_models_like_strangers_are_striking() -> None:
    """What a fit with labels in another order, or one that diverged, would give."""
    mixed = RNG.permutation(TRUTH)
    assert "hardly agrees with the judged one (5" in said(noisy(0.1), mixed, TRUTH, numbers=False)
    figures = RNG.normal(size=2_000)
    assert "hardly agrees" in said(figures, RNG.permutation(figures), figures, numbers=True)


def test_a_model_that_got_worse_on_rows_that_it_has_learned_is_striking() -> None:
    assert "is right about" in said(noisy(0.1), noisy(0.2), TRUTH, numbers=False)
    figures = RNG.normal(size=2_000)
    worse = said(figures + 0.1, figures + 0.2, figures, numbers=True)
    assert (
        "mean absolute error on the hold-out, which it has learned, is 0.2, that of the judged one" in worse
    )


def test_labels_of_two_types_are_compared_by_value() -> None:
    labels = np.array(["yes", "no"] * 10, dtype=object)
    assert said(labels, labels.copy(), labels.astype("U3"), numbers=False) == ""
    assert said(TRUTH == 1, TRUTH == 1, TRUTH, numbers=False) == ""
