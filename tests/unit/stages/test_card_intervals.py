"""The intervals of a card: entities are resampled whole, slices by themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.core.records import Check, SliceCheck
from airflow_mlops.stages import card_intervals
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.units import Units, each_row

ROWS = 1_000
RNG = np.random.default_rng(0)


def outcome() -> metrics.Outcome:
    """Errors that are the same for all ten rows of an entity."""
    errors = np.repeat(RNG.normal(size=ROWS // 10), 10)
    return metrics.regression(errors, np.zeros(ROWS))


def width(bounds: tuple[float, float]) -> float:
    return bounds[1] - bounds[0]


def test_ten_equal_rows_of_an_entity_are_one_witness() -> None:
    found = outcome()
    rows = card_intervals.of_figures(["mae"], found, each_row(ROWS))
    entities = card_intervals.of_figures(
        ["mae"], found, Units(np.repeat(np.arange(ROWS // 10), 10), "entities")
    )
    low, high = entities["mae"]
    assert low < metrics.compute(["mae"], found)["mae"] < high
    error = 1.96 * np.abs(found.truth[::10]).std() / np.sqrt(ROWS / 10)
    assert width(entities["mae"]) == pytest.approx(2 * error, rel=0.15)
    assert width(entities["mae"]) / width(rows["mae"]) == pytest.approx(np.sqrt(10), rel=0.2)


def test_a_slice_has_the_interval_of_its_own_rows() -> None:
    found = metrics.regression(RNG.normal(size=ROWS), np.zeros(ROWS))
    plan = np.where(np.arange(ROWS) < 200, "basic", None)
    checks = (Check("mae", 0.8, "<= 1", True),)
    slices = [
        SliceCheck("plan", "basic", 200, checks),
        SliceCheck("plan", "(missing)", 800, checks),
        SliceCheck("plan", "pro", 3, skipped="fewer than 100 rows"),
    ]
    intervals = card_intervals.of_slices(slices, pd.DataFrame({"plan": plan}), found, each_row(ROWS))
    assert set(intervals) == {("plan", "basic", "mae"), ("plan", "(missing)", "mae")}
    error = 1.96 * np.abs(found.truth[:200]).std() / np.sqrt(200)
    assert width(intervals["plan", "basic", "mae"]) == pytest.approx(2 * error, rel=0.25)
    assert width(intervals["plan", "basic", "mae"]) > width(intervals["plan", "(missing)", "mae"])


def test_few_units_or_one_class_have_no_interval() -> None:
    few = Units(np.arange(ROWS) % 5, "entities")
    assert card_intervals.of_figures(["mae"], outcome(), few) == {}
    one = metrics.classification([0] * 50, [0] * 50, [0, 1], np.full(50, 0.2))
    assert card_intervals.of_figures(["roc_auc"], one, each_row(50)) == {}
