"""A budget refuses what is clearly beyond it; a time that the machine made long decides nothing."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_mlops.training.core import budget


@pytest.mark.parametrize(
    ("wall_ms", "computing", "outcome"),
    [
        ([40] * 60, 1.0, "met"),
        ([40] * 58 + [900] * 2, 0.2, "met"),
        ([60] * 60, 1.0, "beyond"),
        ([60] * 60, 2.0, "beyond"),
        ([60] * 60, 0.7, "unclear"),
        ([40] * 20 + [60] * 40, 1.0, "unclear"),
    ],
)
def test_the_clock_decides_only_while_the_process_computes(
    wall_ms: list[float], computing: float, outcome: str
) -> None:
    wall = np.array(wall_ms) / 1e3
    found = budget.latency_check(wall, wall * computing, 0.05, "50ms")
    assert (found.name, found.outcome, found.limit) == ("latency", outcome, "50ms")
    assert bool(budget.beyond([found])) == (outcome == "beyond")
    assert bool(budget.unclear([found])) == (outcome == "unclear")


def test_words() -> None:
    slow = budget.latency_check(np.full(60, 0.06), np.full(60, 0.06), 0.05, "50ms")
    large = budget.size_check(300_000_000, 2e8, "200MB")
    assert budget.beyond([slow, large]) == (
        "latency is beyond evaluate.budget.latency, 50ms: median 60 ms, 95 % within 60 ms (60 single rows)",
        "size is beyond evaluate.budget.size, 200MB: 300 MB",
    )
    assert budget.size_check(200_000_000, 2e8, "200MB").outcome == "met"


@pytest.mark.parametrize(
    ("fast", "slow", "outcome"),
    [
        (96, 4, "met"),  # 95 of 100 predictions are within the limit
        (93, 7, "unclear"),
        (80, 20, "unclear"),
        (28, 72, "unclear"),  # three of four must be beyond it
        (22, 78, "beyond"),
    ],
)
def test_a_part_of_the_predictions_decides(fast: int, slow: int, outcome: str) -> None:
    wall = np.repeat([0.04, 0.06], [fast, slow])
    assert budget.latency_check(wall, wall, 0.05, "50ms").outcome == outcome


def test_a_time_equal_to_the_limit_is_within_it() -> None:
    at_limit = np.full(60, 0.0625)
    assert budget.latency_check(at_limit, at_limit, 0.0625, "62.5ms").outcome == "met"
    wall = np.repeat([0.0625, 0.125], [20, 20])
    assert budget.latency_check(wall, wall, 0.0625, "62.5ms").outcome == "unclear"


@pytest.mark.parametrize(("cpu_s", "outcome"), [(0.81, "beyond"), (0.8, "beyond"), (0.79, "unclear")])
def test_a_process_that_computes_four_fifths_of_the_time_is_not_kept_waiting(
    cpu_s: float, outcome: str
) -> None:
    found = budget.latency_check(np.ones(4), np.full(4, cpu_s), 0.5, "500ms")
    assert found.outcome == outcome
    assert ("of it computing" in found.figures) is (outcome == "unclear")


def test_a_measurement_that_decides_nothing_says_how_much_was_computed() -> None:
    found = budget.latency_check(np.full(60, 0.06), np.full(60, 0.012), 0.05, "50ms")
    assert budget.unclear([found]) == (
        "latency is not judged, the machine was too busy or the times vary too much: median 60 ms, 95 % "
        "within 60 ms (60 single rows), 20% of it computing, the budget is 50ms",
    )


def test_a_clock_that_is_too_coarse_for_the_predictions_meets_the_limit() -> None:
    assert budget.latency_check(np.zeros(60), np.zeros(60), 0.05, "50ms").outcome == "met"
