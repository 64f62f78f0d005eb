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
    assert found.outcome == outcome
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
