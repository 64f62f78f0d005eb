from __future__ import annotations

import pytest

from airflow_mlops.core.records import Check, SliceCheck
from airflow_mlops.training.core import gates
from airflow_mlops.training.core.bootstrap import Interval


@pytest.mark.parametrize(
    ("limit", "value", "passed"),
    [
        (">= 0.8", 0.8, True),
        ("> 0.8", 0.8, False),
        ("<=0.5", 0.51, False),
        (" < 1e-3 ", 0.0005, True),
        (">= -2", -1.0, True),
    ],
)
def test_a_limit_holds_as_it_reads(limit: str, value: float, passed: bool) -> None:
    assert gates.check("m", value, limit).passed is passed


def test_the_comparison_is_judged_by_its_lower_bound_and_shows_losses_with_their_own_sign() -> None:
    interval = Interval(challenger=-0.40, champion=-0.45, difference=0.05, low=-0.01, high=0.11)
    found = gates.compare("log_loss", interval, ">= 0", larger_is_better=False)
    assert (found.challenger, found.champion, found.passed) == (0.40, 0.45, False)
    assert found.outcome == "inconclusive"
    assert gates.compare("log_loss", interval, ">= -0.02", larger_is_better=False).passed


def test_only_what_failed_is_a_reason() -> None:
    checks = (gates.check("roc_auc", 0.58, ">= 0.6"), gates.check("f1", 0.9, ">= 0.6"))
    assert gates.floor_reasons(checks) == ("roc_auc 0.58 is not >= 0.6",)


def test_a_metric_keeps_its_sign_when_larger_is_better() -> None:
    interval = Interval(challenger=0.8, champion=0.7, difference=0.1, low=0.0, high=0.2)
    found = gates.compare("roc_auc", interval, ">= 0")
    assert (found.challenger, found.champion, found.difference) == (0.8, 0.7, 0.1)
    assert (found.metric, found.low, found.high, found.limit) == ("roc_auc", 0.0, 0.2, ">= 0")
    assert found.passed
    assert not gates.compare("roc_auc", interval, "> 0").passed


@pytest.mark.parametrize(
    ("low", "high", "limit", "outcome", "passed"),
    [
        (-0.004, 0.01, ">= -0.005", "not_worse", True),
        (-0.005, 0.01, ">= -0.005", "not_worse", True),
        (-0.005, 0.01, "> -0.005", "inconclusive", False),
        (-0.03, -0.006, ">= -0.005", "worse", False),
        (-0.03, -0.005, ">= -0.005", "inconclusive", False),
        (0.0, 0.0, ">= 0", "not_worse", True),
        (-0.03, -0.001, "", "worse", False),
        (-0.03, 0.001, "", "inconclusive", True),
        (0.0, 0.001, "", "not_worse", True),
        (float("nan"), float("nan"), ">= 0", "inconclusive", False),
        (float("nan"), float("nan"), "", "inconclusive", True),
    ],
)
def test_an_interval_and_a_limit_have_three_outcomes(
    low: float, high: float, limit: str, outcome: str, passed: bool
) -> None:
    found = gates.compare("roc_auc", Interval(0.7, 0.7, 0.0, low, high), limit, rows=90, unit="entities")
    assert (found.outcome, found.passed) == (outcome, passed)
    assert (found.detectable, found.rows, found.unit) == (None, 90, "entities")


def test_few_units_prove_nothing_however_clear_their_interval_looks() -> None:
    few = Interval(0.5, 0.9, -0.4, -0.5, -0.3, detectable=0.1, units=29)
    assert gates.compare("roc_auc", few, ">= 0").outcome == "inconclusive"
    enough = Interval(0.5, 0.9, -0.4, -0.5, -0.3, detectable=0.1, units=30)
    found = gates.compare("roc_auc", enough, ">= 0")
    assert (found.outcome, found.units, found.detectable) == ("worse", 30, 0.1)


def test_slices_name_what_failed_and_the_columns_that_nothing_can_be_said_about() -> None:
    fine, low = Check("recall", 0.9, ">= 0.6", True), Check("recall", 0.51234, ">= 0.6", False)
    slices = (
        SliceCheck("plan", "basic", 1200, (fine, low)),
        SliceCheck("plan", "plus", 3, skipped="3 rows"),
        SliceCheck("region", "north", 4, skipped="4 rows"),
        SliceCheck("region", "south", 5, skipped="5 rows"),
        SliceCheck("age", "old", 900, (fine,)),
    )
    assert gates.slice_reasons(slices) == (
        "plan=basic (1,200 rows): recall 0.5123 is not >= 0.6",
        "inconclusive: no value of region can be judged (south: 5 rows); "
        "hold out more rows, or lower evaluate.min_slice_rows",
    )
    assert gates.slice_reasons(()) == ()


def test_a_comparison_without_a_limit_counts_no_rows_unless_they_are_given() -> None:
    found = gates.compare("roc_auc", Interval(0.8, 0.7, 0.1, 0.05, 0.2), "")
    assert (found.limit, found.rows, found.unit) == ("", 0, "rows")
