"""What is suspected and what is not, and how often an honest column is: by simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from airflow_mlops.data.core.leak_scores import codes_of_numbers
from airflow_mlops.data.core.leak_verdicts import Column, Gaps, Target, Verdict, judge, least_area, one_sided

RNG = np.random.default_rng(11)


def classes(codes: np.ndarray) -> Target:
    return Target(codes, None, np.ones(len(codes)), RNG.random(len(codes)) < 0.5)


def numbers(values: np.ndarray) -> Target:
    codes = np.unique(values, return_inverse=True)[1]
    return Target(codes, values, np.ones(len(values)), RNG.random(len(values)) < 0.5)


def column(values: np.ndarray) -> Column:
    return Column(codes_of_numbers(values), values, np.isnan(values))


def labels(rows: int, share: float = 0.5) -> np.ndarray:
    return (RNG.permutation(rows) < share * rows).astype(np.int64)


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "equal": lambda label: label.astype(float),
    "other codes": lambda label: np.choose(label, [7.0, 3.0]),
    "a gap for one class": lambda label: np.choose(label, [np.nan, 3.0]),
}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_a_column_that_is_one_to_one_with_the_target_is_a_copy(
    make: Callable[[np.ndarray], np.ndarray],
) -> None:
    label = labels(200, 0.2)
    assert judge(column(make(label)), classes(label)).kind == "copy"


def test_a_copy_needs_rows_that_repeat() -> None:
    label = labels(40)
    assert judge(column(label.astype(float)), classes(label)).kind == ""
    many = np.arange(300)
    assert judge(Column(many, None, many < 0), classes(many)).kind == ""


def test_a_column_that_separates_two_classes_is_suspected_in_any_order() -> None:
    label = labels(600, 0.2)
    late = np.where(label == 1, RNG.uniform(5, 9, 600), RNG.uniform(0, 5, 600))
    assert judge(column(late), classes(label)).kind == "predicts"
    inside = np.where(label == 1, RNG.uniform(-1, 1, 600), RNG.uniform(2, 3, 600) * RNG.choice([-1, 1], 600))
    verdict = judge(column(inside), classes(label))
    assert verdict.kind == "predicts"
    assert verdict.score > 0.99


def test_many_levels_that_each_have_one_class_are_suspected() -> None:
    label = RNG.integers(0, 6, 2_000)
    levels = label * 10 + RNG.integers(0, 10, 2_000)
    assert judge(Column(levels, None, levels < 0), classes(label)).kind == "predicts"


def test_numbers_that_tell_a_number_are_suspected_whatever_the_scale() -> None:
    price = RNG.lognormal(3, 2, 800)
    assert judge(column(np.log(price)), numbers(price)).kind == "copy"
    assert judge(column(price * RNG.normal(1, 0.03, 800)), numbers(price)).kind == "predicts"
    assert judge(column(price * RNG.lognormal(0, 0.8, 800)), numbers(price)).kind == ""


def test_gaps_that_tell_the_class_are_suspected_on_the_side_that_is_pure() -> None:
    label = labels(1_000, 0.4)
    boat = np.where(RNG.random(1_000) < np.choose(label, [0.01, 0.95]), 1.0, np.nan)
    found = judge(column(boat), classes(label))
    assert found.kind == "gaps"
    body = np.where((label == 0) & (RNG.random(1_000) < 0.2), RNG.random(1_000), np.nan)
    found = judge(column(body), classes(label))
    assert found.gaps is not None
    assert (found.gaps.present, found.gaps.of_class, found.gaps.share) == (True, 0, 1.0)
    assert found.score < 0.7


def test_gaps_that_only_go_with_the_class_are_not_suspected() -> None:
    """One in four who complained leaves, and one in forty of the others."""
    complained = RNG.random(4_000) < 0.1
    label = (RNG.random(4_000) < np.where(complained, 0.25, 0.025)).astype(np.int64)
    assert one_sided(~complained, label, np.ones(4_000)) is None


def test_gaps_weigh_rows_by_how_many_they_stand_for() -> None:
    """Of 100,000 rows all 500 of the rare class were taken and 500 of the others."""
    label = np.repeat([0, 1], 500)
    missing = np.r_[np.arange(500) >= 5, np.zeros(500, bool)]  # 1 % and 100 % have a value
    weights = np.where(label == 0, 199.0, 1.0)
    assert one_sided(missing, label, np.ones(1_000)) == Gaps(True, 1, 500 / 505, 505)
    weighted = one_sided(missing, label, weights)
    assert weighted == Gaps(False, 0, 1.0, 495)


def test_one_class_alone_says_nothing() -> None:
    zeros = np.zeros(300, dtype=np.int64)
    assert judge(column(RNG.normal(size=300)), classes(zeros)) == Verdict(0.0)
    none = np.empty(0, dtype=np.int64)
    assert judge(Column(none, None, none < 0), classes(none)) == Verdict(0.0)
    assert judge(column(RNG.normal(size=300)), numbers(np.zeros(300))) == Verdict(0.0)


def edge_of_two_classes(rows: int) -> tuple[Column, Target]:
    label = labels(rows, 0.3)
    return column(RNG.normal(label * stats.norm.ppf(0.98) * np.sqrt(2))), classes(label)


def edge_of_many_classes(rows: int) -> tuple[Column, Target]:
    label = RNG.integers(0, 4, rows)
    told = np.where(RNG.random(rows) < 1 - 0.05 * 0.75, label, (label + RNG.integers(1, 4, rows)) % 4)
    return Column(told, None, told < 0), classes(label)


def edge_of_numbers(rows: int) -> tuple[Column, Target]:
    values = RNG.normal(size=rows)
    return column(values), numbers(values + RNG.normal(0, np.sqrt(1 / 0.98 - 1), rows))


def edge_of_gaps(rows: int) -> tuple[Column, Target]:
    missing = RNG.random(rows) < 0.4
    label = (RNG.random(rows) < np.where(missing, 0.2, 0.2 / 0.8 / 10 / (1 + 0.2 / 0.8 / 10))).astype(
        np.int64
    )
    return Column(np.zeros(rows, np.int64), None, missing), classes(label)


EDGES = [edge_of_two_classes, edge_of_many_classes, edge_of_numbers, edge_of_gaps]


@pytest.mark.parametrize("make", EDGES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("rows", [200, 1_000])
def test_a_column_at_the_edge_of_what_is_honest_is_seldom_suspected(
    make: Callable[[int], tuple[Column, Target]], rows: int
) -> None:
    """At most about 1 in 100; three standard errors above are allowed."""
    repeats = 300
    alarms = sum(bool(judge(*make(rows)).kind) for _ in range(repeats))
    assert alarms / repeats <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / repeats)


def test_fewer_rows_of_the_rarer_class_must_be_ranked_better() -> None:
    limits = [least_area(rows) for rows in (30, 60, 100, 300, 600, 10_000)]
    assert limits[0] > 1
    assert limits[1] == 1
    assert limits[1:] == sorted(limits[1:], reverse=True)
    assert limits[-2:] == [0.99, 0.99]


@pytest.mark.parametrize(
    ("rows", "limit"),
    [
        (0, 2),
        (49, 2),
        (50, 1),
        (85, 1),
        (100, 0.99 + 5 / 600),
        (200, 0.99 + 2 / 600),
        (600, 0.99),
        (9_000, 0.99),
    ],
)
def test_the_limit_falls_with_the_rows_of_the_rarer_class(rows: int, limit: float) -> None:
    assert least_area(rows) == pytest.approx(limit)


def test_a_target_is_scored_by_its_kind() -> None:
    assert (numbers(np.arange(3.0)).classes, numbers(np.arange(3.0)).measure) == (0, "r2")
    two, many = classes(np.array([0, 1])), classes(np.array([2, 0, 1]))
    assert (two.classes, two.measure, many.classes, many.measure) == (2, "roc_auc", 3, "error_reduction")
    assert classes(np.empty(0, dtype=np.int64)).classes == 0


def in_folds(codes: np.ndarray) -> Target:
    """The classes of rows that come in pairs, one row of each pair in either fold."""
    return Target(codes, None, np.ones(len(codes)), np.arange(len(codes)) % 2 == 0)


@pytest.mark.parametrize(("rarer", "kind"), [(49, ""), (50, "predicts")])
def test_a_perfect_ranking_is_suspected_from_fifty_rows_of_the_rarer_class_on(rarer: int, kind: str) -> None:
    label = (np.arange(300) < rarer).astype(np.int64)
    for codes in (label, 1 - label):
        found = judge(column(np.arange(300.0)), in_folds(codes))
        assert (found.kind, found.score) == (kind, 1)


@pytest.mark.parametrize(
    ("of_each", "wrong", "kind"),
    [
        (200, 8, "predicts"),  # 8 of 400 errors are left: 98 % are gone
        (200, 9, ""),
        (100, 2, "predicts"),
        (100, 3, ""),  # of 10 expected errors 3 or fewer are left by luck in 1.03 %
        (47, 0, "predicts"),  # of 4.7 expected errors none is left by luck in 0.91 %
        (46, 0, ""),  # of 4.6 in 1.005 %
    ],
)
def test_a_column_of_many_classes_is_suspected_beyond_its_limit_and_beyond_luck(
    of_each: int, wrong: int, kind: str
) -> None:
    label = np.repeat([0, 1, 2], of_each)
    levels = 2 * label + np.arange(len(label)) // 2 % 2  # two levels of each class: no copy
    levels[:wrong] = 2
    found = judge(Column(levels, None, levels < 0), in_folds(label))
    assert found.kind == kind
    assert found.score == pytest.approx(1 - wrong / (2 * of_each))


@pytest.mark.parametrize(
    ("rows", "rarer", "kind"), [(50, 10, "copy"), (49, 10, ""), (100, 10, "copy"), (100, 9, "")]
)
def test_a_copy_needs_fifty_rows_and_ten_beside_the_most_frequent_class(
    rows: int, rarer: int, kind: str
) -> None:
    label = (np.arange(rows) < rarer).astype(np.int64)
    assert judge(Column(1 - label, None, label < 0), in_folds(label)).kind == kind


@pytest.mark.parametrize(("other", "kind"), [(3, "copy"), (4, "predicts")])
def test_a_copy_has_no_more_codes_than_classes_and_gaps(other: int, kind: str) -> None:
    label = np.repeat([0, 1], 60)
    assert judge(Column(other * label, None, label < 0), in_folds(label)).kind == kind


@pytest.mark.parametrize(("levels", "kind"), [(40, "copy"), (41, "")])
def test_a_copy_of_a_number_needs_twenty_rows_that_repeat(levels: int, kind: str) -> None:
    codes = np.arange(60) % levels
    shuffled = RNG.permutation(levels)
    target = Target(codes, np.sin(7.0 * codes), np.ones(60), RNG.random(60) < 0.5)
    assert judge(Column(shuffled[codes], None, codes < 0), target).kind == kind


@pytest.mark.parametrize(("rows", "kind"), [(50, "copy"), (49, "")])
def test_numbers_are_looked_at_from_fifty_rows_on(rows: int, kind: str) -> None:
    values = np.arange(float(rows))
    assert judge(column(values), numbers(values**3)).kind == kind


@pytest.mark.parametrize(("rows", "kind"), [(3_000, "copy"), (2_750, "predicts")])
def test_the_order_of_a_copy_is_exact_to_a_billionth(rows: int, kind: str) -> None:
    """Two neighbours that change places lower the squared rank correlation by 24 over the rows cubed."""
    values = np.arange(float(rows))
    swapped = values.copy()
    swapped[[7, 8]] = swapped[[8, 7]]
    found = judge(column(swapped), numbers(values))
    assert found.kind == kind
    assert 1 - found.score == pytest.approx(24 / rows**3, rel=1e-3)


@pytest.mark.parametrize("rows", [56, 800])
@pytest.mark.parametrize(("share", "kind"), [(0.9905, "predicts"), (0.9895, "")])
def test_a_number_is_told_from_99_percent_of_its_variance_on(rows: int, share: float, kind: str) -> None:
    """Two levels and one value beside each in either direction, so that the share is known."""
    codes = np.arange(rows) // 4 % 2
    beside = np.sqrt((1 - share) / share)
    values = np.where(codes == 0, -1.0, 1.0) + beside * np.tile([1.0, 1.0, -1.0, -1.0], rows // 4)
    target = Target(np.arange(rows) // 2 % 4, values, np.ones(rows), np.arange(rows) % 2 == 0)
    found = judge(Column(codes, None, codes < 0), target)
    assert found.score == pytest.approx(share)
    assert found.kind == kind
    other = judge(Column(codes, codes.astype(float), codes < 0), target)
    assert other.score == pytest.approx(share)  # the rank correlation of two values is smaller


def side(right: int, wrong: int, of_class: int, others: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether a row has a gap, and its class: 1 for those that have a value, 0 for most without."""
    missing = np.repeat([False, False, True, True], [right, wrong, of_class, others])
    return missing, np.repeat([1, 0, 1, 0], [right, wrong, of_class, others])


def expected_side(right: int, wrong: int, of_class: int, others: int) -> bool:
    """Thirtyfold odds with half a row more in each cell, tenfold beyond chance by SciPy's binomial test."""
    against = (others + 0.5) / (of_class + 0.5)
    chance = against / 10 / (1 + against / 10)
    rows = right + wrong
    test = stats.binomtest(wrong, rows, chance, alternative="less")
    odds = against * (right + 0.5) / (wrong + 0.5)
    return bool(rows >= 30 and right / rows >= 0.97 and odds >= 30 and test.pvalue <= 0.01)


@pytest.mark.parametrize(
    ("cells", "pure"),
    [
        ((30, 0, 20, 80), True),
        ((29, 0, 20, 80), False),  # too few rows on the pure side
        ((97, 3, 20, 80), True),
        ((96, 3, 20, 80), False),  # less than 97 %
        ((130, 4, 28, 29), True),  # 30.02
        ((141, 4, 21, 20), False),  # 29.98
        ((970, 30, 100, 95), True),
        ((970, 30, 100, 94), False),  # 30.0 and 29.9
        ((40, 0, 54, 66), False),  # by luck, at ten times the odds
        ((40, 0, 53, 67), True),
    ],
)
def test_a_side_is_pure_by_rows_by_share_by_odds_and_beyond_luck(
    cells: tuple[int, int, int, int], *, pure: bool
) -> None:
    found = one_sided(*side(*cells), np.ones(sum(cells)))
    right, wrong, *_ = cells
    assert (found == Gaps(True, 1, right / (right + wrong), right + wrong)) is pure
    assert (found is None) is not pure
    assert expected_side(*cells) is pure


def test_the_limit_of_numbers_is_beyond_luck_from_fifty_rows_on() -> None:
    """R² 0.98 of two normal variables is measured as 0.99 in less than 1 of 100 samples of 50 rows."""
    rng, repeats = np.random.default_rng(3), 4_000
    first = rng.normal(size=(repeats, 50))
    second = first + rng.normal(0, np.sqrt(1 / 0.98 - 1), (repeats, 50))
    centred = [values - values.mean(axis=1, keepdims=True) for values in (first, second)]
    squares = [(values**2).sum(axis=1) for values in centred]
    found = (centred[0] * centred[1]).sum(axis=1) ** 2 / (squares[0] * squares[1])
    share = (found >= 0.99).mean()
    assert share <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / repeats)
    assert stats.norm.sf(np.log(2) / (2 / np.sqrt(50))) < 0.01 < stats.norm.sf(np.log(2) / (2 / np.sqrt(40)))


def test_exactly_99_percent_of_the_variance_are_enough() -> None:
    """Of 22 rows of each level and fold, at 3 or -3, two lie one beside it: 8 of 800 squares are left."""
    beside = np.tile(np.r_[1.0, -1.0, np.zeros(20)], 4)
    codes = np.repeat([0, 1, 0, 1], 22)
    values = np.where(codes == 0, -3.0, 3.0) + beside
    target = Target(np.arange(88) // 4, values, np.ones(88), np.arange(88) < 44)
    assert judge(Column(codes, None, codes < 0), target) == Verdict(0.99, "predicts")


@pytest.mark.parametrize(("last", "kind"), [(6, "copy"), (7, "predicts")])
def test_a_copy_of_a_number_has_one_code_more_than_values_for_gaps(last: int, kind: str) -> None:
    codes = np.arange(100) // 4 % 5
    target = Target(codes, 10.0 * codes**2, np.ones(100), np.arange(100) % 2 == 0)
    assert judge(Column(np.where(codes == 4, last, codes), None, codes < 0), target).kind == kind


def test_classes_without_rows_are_no_rows_that_repeat() -> None:
    label = 45 * (np.arange(60) % 2)
    assert judge(Column(label // 45, None, label < 0), in_folds(label)).kind == "copy"


def test_a_number_that_is_told_worse_than_by_its_mean_scores_nothing() -> None:
    values = np.tile([0.0, 1.0], 50)
    target = Target(np.arange(100) % 2, values, np.ones(100), np.arange(100) % 2 == 0)
    assert judge(Column(np.zeros(100, dtype=np.int64), None, values < 0), target) == Verdict(0.0)
