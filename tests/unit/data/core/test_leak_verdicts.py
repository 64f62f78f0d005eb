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
