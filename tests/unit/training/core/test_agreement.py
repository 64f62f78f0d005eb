"""Agreement of two models, against scikit-learn, and what is said about it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from airflow_mlops.core.records import Agreement
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
    one, other = RNG.integers(0, 4, 300) // 2 + RNG.integers(0, 2, 300), RNG.integers(0, 3, 300)
    assert agree._kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))
    assert agree._kappa(np.zeros(9), np.zeros(9)) == 1.0


def test_what_is_reported_is_the_share_the_correlation_and_the_difference() -> None:
    one, other = RNG.random(500), RNG.random(500)
    found = agree.agreement(one > 0.5, other > 0.5, (one, other), numbers=False)
    assert found.equal == pytest.approx(((one > 0.5) == (other > 0.5)).mean())
    assert found.correlation == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert found.difference == pytest.approx(np.abs(one - other).mean())
    for pair in ((one, np.zeros(500)), (np.zeros(500), one)):
        assert agree.agreement(*pair, numbers=True).correlation is None
    steps = agree.agreement(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0]), numbers=True)
    assert steps.equal is None
    assert steps.correlation == pytest.approx(0.577, abs=1e-3)


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


def table(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of two models: 1 by both, by one of them, by neither, each in so many rows."""
    one = np.repeat([1, 1, 0, 0], [both, first, second, neither])
    return one, np.repeat([1, 0, 1, 0], [both, first, second, neither])


@pytest.mark.parametrize(
    ("pair", "strange"),
    [
        (table(0, 6, 5, 89), True),
        (table(0, 5, 5, 90), False),
        (table(29, 21, 20, 30), True),  # kappa 0.18
        (table(31, 19, 20, 30), False),  # kappa 0.22
        (table(5, 0, 10, 5), False),  # half are equal, 3 of 8 are so by chance: kappa 0.2
    ],
    ids=["89 % equal", "90 % equal", "kappa below", "kappa above", "kappa at its limit"],
)
def test_labels_are_like_strangers_below_both_limits(
    pair: tuple[np.ndarray, np.ndarray], *, strange: bool
) -> None:
    assert ("hardly agrees" in said(*pair, pair[1], numbers=False)) is strange


@pytest.mark.parametrize(("correlation", "strange"), [(0.28, True), (0.32, False)])
def test_numbers_are_like_strangers_below_their_limit(correlation: float, *, strange: bool) -> None:
    basis, _ = np.linalg.qr(np.column_stack([np.ones(400), RNG.normal(size=(400, 2))]))
    one, other = basis[:, 1], basis[:, 2]
    mixed = correlation * one + np.sqrt(1 - correlation**2) * other
    assert ("hardly agrees" in said(one, mixed, mixed, numbers=True)) is strange


@pytest.mark.parametrize(("wrong", "told"), [(9, False), (12, True)])
def test_five_points_of_labels_may_be_lost(wrong: int, *, told: bool) -> None:
    registered = TRUTH[:200].copy()
    registered[:wrong] = 1 - registered[:wrong]
    found = said(TRUTH[:200], registered, TRUTH[:200], numbers=False)
    assert ("is right about 94.0 % of the hold-out" in found) is told
    assert ("which has not, about 100.0 %" in found) is told


def test_the_share_that_was_lost_is_that_of_the_rows() -> None:
    """Ten of a hundred rows are right before; five after that are five points, which may be lost."""
    truth = np.zeros(100, dtype=int)
    right = {count: (np.arange(100) >= count).astype(int) for count in (4, 5, 10)}
    assert agree._lost_labels(right[10], right[5], truth) == ""
    assert agree._lost_labels(right[10], right[4], truth) == (
        "the registered model is right about 4.0 % of the hold-out, which it has learned, the judged one, "
        "which has not, about 10.0 %"
    )


@pytest.mark.parametrize(("factor", "reported"), [(1.0, False), (1.1, False), (1.2, True)])
def test_a_tenth_of_the_error_may_be_lost(factor: float, *, reported: bool) -> None:
    ones = np.array([1.0, -1.0])
    found = agree._lost_numbers(ones, factor * ones, np.zeros(2))
    assert found == (
        "the registered model's mean absolute error on the hold-out, which it has learned, is 1.2, that of "
        "the judged one, which has not, 1"
        if reported
        else ""
    )


@pytest.mark.parametrize(("correlation", "strange"), [(0.29, True), (0.3, False), (None, False)])
def test_a_correlation_at_its_limit_is_not_striking(correlation: float | None, *, strange: bool) -> None:
    figures = np.arange(3.0)
    found = Agreement(3, None, correlation, 0.0)
    assert bool(agree.caution(found, figures, figures, figures, numbers=True)) is strange


def test_the_agreement_is_named_before_what_was_lost() -> None:
    found = said(TRUTH, 1 - TRUTH, TRUTH, numbers=False)
    assert found.startswith(
        "the registered model hardly agrees with the judged one (0.0 % equal labels); the "
    )
    assert found.endswith("about 100.0 %: compare the two before it is deployed")
