"""The scores of single columns, against scikit-learn, SciPy and plain loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import r2_score, roc_auc_score

from airflow_mlops.data.core import leak_scores

RNG = np.random.default_rng(5)
ROWS = 900


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return RNG.integers(0, 12, ROWS)


@pytest.fixture(scope="module")
def fold() -> np.ndarray:
    return RNG.random(ROWS) < 0.5


def shares(codes: np.ndarray, positive: np.ndarray) -> dict[int, float]:
    """The share of the positive class per code, with one pseudo-row at the overall share."""
    overall = positive.mean()
    return {int(k): (positive[codes == k].sum() + overall) / ((codes == k).sum() + 1) for k in set(codes)}


def test_ranking_is_the_mean_auc_of_two_folds_each_scored_by_the_other(codes, fold) -> None:  # type: ignore[no-untyped-def]
    positive = RNG.random(ROWS) < 1 / (1 + np.exp(codes % 5 - 2.0))
    expected = []
    for learn in (fold, ~fold):
        table = shares(codes[learn], positive[learn])
        expected.append(
            roc_auc_score(
                positive[~learn], [table.get(int(k), positive[learn].mean()) for k in codes[~learn]]
            )
        )
    assert leak_scores.ranking(codes, positive, fold) == pytest.approx(np.mean(expected), abs=1e-12)


def test_a_column_that_memorises_rows_scores_as_chance(fold) -> None:  # type: ignore[no-untyped-def]
    positive = RNG.random(ROWS) < 0.3
    assert leak_scores.ranking(np.arange(ROWS), positive, fold) == pytest.approx(0.5)
    reduction, _ = leak_scores.error_reduction(np.arange(ROWS), RNG.integers(0, 4, ROWS), fold)
    assert reduction < 0.1
    assert leak_scores.explained(np.arange(ROWS), RNG.normal(size=ROWS), fold) < 0.05


def test_ordered_ranking_is_the_auc_in_the_better_direction() -> None:
    values = RNG.normal(size=ROWS).round(1)
    positive = values + RNG.normal(size=ROWS) < 0
    expected = 1 - roc_auc_score(positive, values)
    assert expected > 0.5
    assert leak_scores.ordered_ranking(values, positive) == pytest.approx(expected, abs=1e-12)
    values[3] = np.nan
    assert leak_scores.ordered_ranking(values, positive) == 0.5


def test_error_reduction_counts_the_errors_of_the_most_frequent_class_of_each_code(codes, fold) -> None:  # type: ignore[no-untyped-def]
    classes = np.where(RNG.random(ROWS) < 0.8, codes % 3, RNG.integers(0, 4, ROWS))
    wrong = 0
    for learn in (fold, ~fold):
        overall = Counter(classes[learn].tolist()).most_common(1)[0][0]
        best = {k: Counter(classes[learn & (codes == k)].tolist()) for k in set(codes.tolist())}
        guess = [best[k].most_common(1)[0][0] if best[k] else overall for k in codes[~learn].tolist()]
        wrong += int((np.array(guess) != classes[~learn]).sum())
    without = ROWS - max(Counter(classes.tolist()).values())
    reduction, errors = leak_scores.error_reduction(codes, classes, fold)
    assert errors == wrong
    assert reduction == pytest.approx(1 - wrong / without)
    assert 0.5 < reduction < 0.9


def test_explained_is_r2_of_the_means_of_the_other_fold(codes, fold) -> None:  # type: ignore[no-untyped-def]
    target = codes**2 + RNG.normal(0, 20, ROWS)
    guess = np.empty(ROWS)
    for learn in (fold, ~fold):
        means = {k: target[learn & (codes == k)].mean() for k in set(codes.tolist())}
        guess[~learn] = [means[k] for k in codes[~learn].tolist()]
    assert leak_scores.explained(codes, target, fold) == pytest.approx(r2_score(target, guess), abs=1e-12)


def test_ordered_explained_is_the_squared_rank_correlation_which_no_outlier_decides() -> None:
    values = RNG.normal(size=ROWS).round(1)
    target = RNG.normal(size=ROWS)
    values[0] = target[0] = 1e12
    assert np.corrcoef(values, target)[0, 1] > 0.999
    expected = stats.spearmanr(values, target).statistic ** 2
    assert leak_scores.ordered_explained(values, target) == pytest.approx(expected, abs=1e-12)
    assert expected < 0.1


def test_numbers_become_levels_where_they_repeat_and_bins_where_they_do_not() -> None:
    levels = np.repeat([3.0, 1.0, 2.0], 10)
    assert leak_scores.codes_of_numbers(levels).tolist() == np.repeat([2, 0, 1], 10).tolist()
    many = RNG.permutation(np.arange(6_400.0))
    counts = np.bincount(leak_scores.codes_of_numbers(many))
    assert counts.tolist() == [100] * leak_scores.BINS
    gaps = np.where(np.arange(30) < 4, np.nan, levels)
    codes = leak_scores.codes_of_numbers(gaps)
    assert (codes[:4] == 3).all()
    assert set(codes[4:]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("codes", "target", "same"),
    [
        ([0, 1, 2, 0], [2, 0, 1, 2], True),
        ([0, 1, 0], [1, 0, 1], True),
        ([0, 1, 1, 0], [2, 0, 1, 2], False),
        ([0, 1, 2, 0], [0, 1, 1, 0], False),
        ([0, 0, 1, 1], [0, 1, 0, 1], False),
        ([0, 0], [1, 1], False),
    ],
)
def test_one_to_one(codes: list[int], target: list[int], same: bool) -> None:
    assert leak_scores.one_to_one(np.array(codes), np.array(target)) is same


def test_what_cannot_be_scored_scores_nothing() -> None:
    fold = np.arange(40) % 2 == 0
    codes, numbers = np.arange(40) // 10, np.arange(40.0)
    ones = np.ones(40)
    assert leak_scores.ranking(codes, ones > 0, fold) == 0.5
    assert leak_scores.ranking(codes, fold, fold) == 0.5  # each fold has one class only
    assert leak_scores.ordered_ranking(numbers, ones > 0) == 0.5
    assert leak_scores.ordered_ranking(numbers, ones < 0) == 0.5
    assert leak_scores.error_reduction(codes, np.zeros(40, dtype=int), fold) == (0.0, 0)
    assert leak_scores.explained(codes, ones, fold) == 0.0
    assert leak_scores.explained(codes, numbers, ones > 0) == 0.0  # nothing to learn from in one fold
    assert leak_scores.ordered_explained(ones, numbers) == 0.0
    assert leak_scores.ordered_explained(numbers, ones) == 0.0
    gaps = np.where(fold, np.nan, numbers)
    assert leak_scores.ordered_explained(gaps, numbers) == 0.0


def test_a_fold_without_one_of_the_classes_does_not_count() -> None:
    fold = np.arange(40) < 20
    positive = np.arange(40) % 4 == 0
    positive[:20] = False
    assert leak_scores.ranking(np.arange(40) % 4, positive, fold) == 0.5


def test_a_code_that_the_other_fold_has_not_gets_the_mean_or_the_most_frequent_class() -> None:
    fold = np.array([True, True, True, True, False, False, False, False])
    codes = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    target = np.array([1.0, 2.0, 3.0, 6.0, 3.0, 3.0, 3.0, 3.0])
    guess = np.repeat([3.0, 3.0], 4)
    assert leak_scores.explained(codes, target, fold) == pytest.approx(r2_score(target, guess))
    classes = np.array([1, 1, 1, 0, 1, 0, 1, 0])
    assert leak_scores.error_reduction(codes, classes, fold)[1] == 2 + 3


def test_five_rows_of_each_value_make_levels_and_fewer_bins() -> None:
    values = np.repeat([4.0, 1.0, 3.0, 2.0], 5)
    assert leak_scores.codes_of_numbers(values).tolist() == np.repeat([3, 0, 2, 1], 5).tolist()
    # Of 19 rows the quantiles lie between values too: there are more bins than values.
    bins = leak_scores.codes_of_numbers(values[1:])
    assert bins.max() > 3
    assert (np.argsort(bins, kind="stable") == np.argsort(values[1:], kind="stable")).all()


def test_there_are_64_bins_of_equal_numbers_of_rows() -> None:
    assert leak_scores.BINS == 64
    assert np.bincount(leak_scores.codes_of_numbers(RNG.permutation(np.arange(640.0)))).tolist() == [10] * 64


def test_gaps_are_a_code_after_all_others_and_so_are_infinite_values() -> None:
    nothing = np.full(3, np.nan)
    assert leak_scores.codes_of_numbers(nothing).tolist() == [1, 1, 1]
    values = np.r_[np.repeat([1.0, 2.0], 5), np.inf, -np.inf, np.nan]
    assert leak_scores.codes_of_numbers(values).tolist() == [0] * 5 + [1] * 5 + [2] * 3


def test_a_code_has_one_row_more_of_the_overall_share() -> None:
    """Three codes with 3 of 3, 1 of 4 and 0 of 1 rows of the class: 4 of 8 overall."""
    shares = leak_scores._shares(np.array([3, 1, 0, 0]), np.array([0, 3, 1, 0]))
    assert shares.tolist() == pytest.approx([3.5 / 4, 1.5 / 5, 0.5 / 2, 0.5])


def test_without_rows_to_learn_from_everything_is_a_guess() -> None:
    fold = np.ones(40, dtype=bool)
    codes, positive = np.arange(40) % 4, np.arange(40) % 4 == 0
    assert leak_scores.ranking(codes, positive, fold) == 0.5
    classes = np.arange(40) % 5
    # Nothing is known of the one fold: each of its 40 rows gets the class 0, which 8 have.
    assert leak_scores.error_reduction(codes, classes, fold) == (0.0, 32)


def test_the_most_frequent_class_of_a_code_is_taken_even_where_it_is_not_the_first() -> None:
    fold = np.repeat([True, False], 10)
    codes = np.tile(np.repeat([0, 3], 5), 2)
    classes = np.tile([2, 2, 2, 0, 1, 1, 0, 1, 1, 2], 2)
    # Code 0 tells class 2 (2 of 5 wrong), code 3 class 1 (2 of 5 wrong); of 20 rows 8 are of class 2.
    reduction, errors = leak_scores.error_reduction(codes, classes, fold)
    assert errors == 8
    assert reduction == pytest.approx(1 - 8 / 12)


def test_means_by_code_explain_what_lies_between_codes() -> None:
    """Means 0 and 4, one beside them in either direction: the variance is 4 + 1."""
    fold = np.tile([True, True, False, False], 20)
    codes = np.repeat([0, 1], 40)
    target = np.where(codes == 0, 0.0, 4.0) + np.tile([1.0, -1.0], 40)
    assert leak_scores.explained(codes, target, fold) == pytest.approx(0.8)
    assert leak_scores.explained(2 * codes, 10 * target + 7, fold) == pytest.approx(0.8)


def test_one_row_of_a_code_is_its_mean() -> None:
    """In either fold one row at 9 beside three at 0: nothing is left, and of squares about 2.25 all."""
    fold = np.repeat([True, False], 4)
    codes, target = np.tile([0, 0, 0, 1], 2), np.tile([0.0, 0.0, 0.0, 9.0], 2)
    assert leak_scores.explained(codes, target, fold) == 1
