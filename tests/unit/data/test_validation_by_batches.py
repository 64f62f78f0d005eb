"""Expectations that are checked batch by batch find what they find on all rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_mlops.config.expectations import expand
from airflow_mlops.data.datasets import read_dataset, write_dataset
from airflow_mlops.data.validation import Terms, by_batches
from airflow_mlops.data.validation.stored import evaluate_dataset
from airflow_mlops.storage.locations import PLAIN_STORAGE

ROWS = pd.DataFrame(
    {
        "age": [30, -5, 41, 200, 7, 8, 9, -6],
        "score": [0.5, None, 2.5, None, -1.0, 1.0, 1.0, 1.0],
        "plan": ["pro", None, "team", "x" * 300, "pro", "none", "pro", "team"],
        "day": [
            "2025-01-01",
            "2025-02-01",
            None,
            "soon",
            "2024-01-01",
            "2025-01-05",
            "2025-01-06",
            "2026-01-01",
        ],
        "count": pd.array([1, None, 3, 4, 5, 6, 7, 8], dtype="Int64"),
        "at": pd.to_datetime(["2025-01-01", None] * 4, utc=True),
        "thing": [{"a": 1}] * 8,
    }
)
EXPECT: list[dict[str, Any]] = [
    {"column": "age", "min": 0, "max": 100},
    {"column": "age", "min": 0, "mostly": 0.75},
    {"column": "age", "min": 0, "mostly": 0.8},
    {"column": "score", "not_null": True, "mostly": 0.7},
    {"column": "score", "not_null": True, "severity": "warning"},
    {"column": "score", "min": 0, "mostly": 0.8},
    {"column": "plan", "in": ["pro", "team"]},
    {"column": "plan", "regex": "^[a-z]+$"},
    {"column": "day", "min": "2024-06-01", "max": "2025-12-31"},
    {"column": "count", "max": 7},
    {"column": "at", "min": "2024-01-01"},
    {"column": "age", "unique": True},
    {"column": "nothing", "min": 0},
    {"column": "plan", "min": 0},
    {"column": "thing", "not_null": True},
    {"expect_column_value_lengths_to_be_between": {"column": "plan", "min_value": 3, "max_value": 4}},
    {"expect_column_mean_to_be_between": {"column": "age", "min_value": 0}},
]


@pytest.mark.parametrize("terms", [Terms(), Terms(most=3), Terms(samples=False)])
@pytest.mark.parametrize("engine", ["great_expectations", "duckdb"])
def test_batches_find_what_all_rows_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Any, terms: Terms
) -> None:
    ref = write_dataset(ROWS, str(tmp_path))
    read: list[Any] = []

    def outcomes() -> list[tuple[Any, ...]]:
        found = evaluate_dataset(
            ref,
            expand(EXPECT),
            terms,
            place=PLAIN_STORAGE.locate(ref.uri),
            read=lambda columns: (read.append(columns), read_dataset(ref, columns))[1],
            engine=engine,
        )
        rows = [None if item.rows is None else item.rows.tolist() for item in found]
        return [
            (item.item, item.failure, item.observed, item.limits, at)
            for item, at in zip(found, rows, strict=True)
        ]

    whole = outcomes()
    monkeypatch.setattr(by_batches, "MOST_ROWS", 3)
    assert outcomes() == whole
    assert sum(failure is not None for _, failure, *_ in whole) >= 9
