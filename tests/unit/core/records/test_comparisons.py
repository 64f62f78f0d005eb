"""Figures of comparisons and slices, and the words for their outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_mlops.core.records.comparisons import (
    INCONCLUSIVE,
    NOT_WORSE,
    WORSE,
    Check,
    Comparison,
    SliceCheck,
    SliceComparison,
)
from tests.support.defaults import said_by_default


def test_an_interval_has_signs() -> None:
    assert (
        Comparison("f1", 0.5, 0.4, 0.1, -0.02, 0.22, ">= 0", False).interval
        == "+0.1, 95 % interval -0.02 to +0.22"
    )


def test_the_outcomes_are_the_words_in_records_of_before() -> None:
    assert (NOT_WORSE, WORSE, INCONCLUSIVE) == ("not_worse", "worse", "inconclusive")


@pytest.mark.parametrize(
    ("kind", "said"), [(Check, {}), (Comparison, {"unit": "rows"}), (SliceCheck, {}), (SliceComparison, {})]
)
def test_a_field_that_an_earlier_release_did_not_write_is_empty(kind: Any, said: dict[str, Any]) -> None:
    assert said_by_default(kind) == said
