from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.monitoring.core.drift.profiles import CategoricalProfile, ColumnProfile, numeric_profile
from airflow_mlops.monitoring.core.drift.quality import quality_findings


def test_quality_names_missing_columns_nulls_unknown_levels_and_wild_values() -> None:
    before: dict[str, ColumnProfile] = {
        "gone": numeric_profile(np.arange(10.0), (0.0, 9.0)),
        "holes": numeric_profile(np.arange(10.0), (0.0, 9.0)),
        "wild": numeric_profile(np.arange(10.0), (0.0, 9.0)),
        "text": CategoricalProfile(count=10, nulls=0, levels=("a",), counts=(10,)),
        "fine": numeric_profile(np.arange(10.0), (0.0, 9.0)),
    }
    after: dict[str, ColumnProfile] = {
        "holes": numeric_profile(np.arange(5.0), (0.0, 9.0), nulls=5),
        "wild": numeric_profile(np.asarray([1.0, -9999.0]), (0.0, 9.0)),
        "text": CategoricalProfile(count=10, nulls=0, levels=("a",), counts=(9,), other=1),
        "fine": numeric_profile(np.arange(10.0), (0.0, 9.0)),
    }
    assert quality_findings(before, after) == (
        "gone: missing from the window, or not numeric any more",
        "holes: 50.0% null, 0.0% in the reference",
        "wild: values from -9999 to 1, 0 to 9 in the reference",
        "text: 10.0% rare or unknown levels, 0.0% in the reference",
    )


def text(count: int, nulls: int) -> dict[str, ColumnProfile]:
    return {"c": CategoricalProfile(count=count, nulls=nulls, levels=("a",), counts=(count,))}


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ((100, 0), (95, 5), ()),  # one in twenty more is not worth a word
        ((100, 0), (94, 6), ("c: 6.0% null, 0.0% in the reference",)),
        ((90, 10), (88, 12), ()),
        ((90, 10), (50, 50), ("c: 50.0% null, 10.0% in the reference",)),
        ((50, 50), (90, 10), ()),
        ((100, 0), (0, 1), ("c: 100.0% null, 0.0% in the reference",)),
        ((0, 1), (0, 1), ()),
        ((100, 0), (0, 0), ()),
        ((0, 0), (100, 0), ()),
    ],
)
def test_more_nulls_than_before_are_a_fault(
    was: tuple[int, int], now: tuple[int, int], told: tuple[str, ...]
) -> None:
    assert quality_findings(text(*was), text(*now)) == told


def test_a_column_that_is_of_another_kind_now_is_missing() -> None:
    numbers: dict[str, ColumnProfile] = {"c": numeric_profile(np.arange(10.0), (0.0, 9.0))}
    told = ("c: missing from the window, or not categorical any more",)
    assert quality_findings(text(10, 0), numbers) == told
