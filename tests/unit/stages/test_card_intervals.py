"""The intervals of a card: entities are resampled whole, whole figures."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_few_units_or_one_class_have_no_interval() -> None:
    few = Units(np.arange(ROWS) % 5, "entities")
    assert card_intervals.of_figures(["mae"], outcome(), few) == {}
    one = metrics.classification([0] * 50, [0] * 50, [0, 1], np.full(50, 0.2))
    assert card_intervals.of_figures(["roc_auc"], one, each_row(50)) == {}
