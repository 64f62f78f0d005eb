"""Where a model is clearly worse than the champion, and where nothing could be compared, in words."""

from __future__ import annotations

import dataclasses

from airflow_mlops.core.records import Comparison, SliceComparison
from airflow_mlops.training.core import slice_limits

WORSE = Comparison(
    metric="f1", challenger=0.5, champion=0.62, difference=-0.12, low=-0.2, high=-0.04, limit=">= -0.02",
    passed=False, outcome="worse",
)  # fmt: skip
OPEN = dataclasses.replace(WORSE, outcome="inconclusive", high=0.03)


def test_only_a_clear_loss_is_a_reason_and_it_says_of_how_many_comparisons() -> None:
    slices = (
        SliceComparison("plan", "basic", 1_412, (WORSE, OPEN)),
        SliceComparison("plan", "pro", 300, (OPEN,)),
    )
    assert slice_limits.worse(slices) == (
        "worse for plan=basic (1,412 rows): f1 0.5 against 0.62 of the champion, difference -0.12, 95 % "
        "interval -0.2 to -0.04 for all 3 comparisons of slices together, not even the upper bound is "
        ">= -0.02",
    )
    assert slice_limits.worse(slices[1:]) == ()
    two = slice_limits.worse((SliceComparison("plan", "basic", 200, (WORSE, OPEN)),))
    assert "interval -0.2 to -0.04 for all 2 comparisons of slices together, not even" in two[0]
    (alone,) = slice_limits.worse((SliceComparison("plan", "basic", 200, (WORSE,)),))
    assert "interval -0.2 to -0.04, not even" in alone


def test_a_column_without_any_comparison_is_named_with_its_largest_value() -> None:
    small, large = (
        SliceComparison("plan", name, rows, skipped="too few") for name, rows in (("a", 9), ("b", 20))
    )
    fine = SliceComparison("region", "north", 300, (OPEN,))
    assert slice_limits.silent((large, small, fine)) == (
        "no value of plan can be compared with the champion (b: too few); hold out more rows, or lower "
        "evaluate.min_slice_rows",
    )
    assert slice_limits.silent((small, dataclasses.replace(fine, column="plan"))) == ()
