from __future__ import annotations

from typing import Any

import pytest

from airflow_mlops.core import records
from airflow_mlops.core.records import summarize

DATASET = records.DatasetRef(uri="x", digest="0123456789abcdef", rows=12_345, columns={})


def search(worker: int, score: float | None, failed: int = 0) -> dict[str, Any]:
    return records.TuneResult(
        worker=worker, metric="roc_auc", best_score=score, best_params={"C": 0.123456 * (worker + 1)},
        trials=5, failed=failed, run_id="r",
    ).to_json()  # fmt: skip


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (None, ""),
        ({"chosen": "Approve"}, ""),
        (DATASET.to_json(), "12,345 rows, digest 0123456789ab"),
        ([search(0, 0.8), search(1, 0.9, failed=2)], "10 trials, 2 failed, best roc_auc 0.900 (C=0.247)"),
        ([search(0, -0.4), search(1, -0.2)], "10 trials, best roc_auc -0.200 (C=0.247)"),
        (search(0, None, failed=5), "5 trials, 5 failed"),
    ],
)
def test_a_record_in_a_sentence(record: Any, sentence: str) -> None:
    assert summarize(record) == sentence


def test_failures_are_named() -> None:
    failures = (records.Failure("unique", "id", "2 rows"), records.Failure("row_count", None, "0"))
    report = records.ValidationReport(passed=False, rows=10, expectations=3, failures=failures)
    told = summarize(report.to_json())
    assert told == "Great Expectations: 2 of 3 expectations on 10 rows fail: unique of id, row_count"


def test_quarantined_rows_are_counted_and_found() -> None:
    side = records.DatasetRef(uri="/data/side.parquet", digest="b", rows=12, columns={})
    report = records.ValidationReport(
        passed=False, rows=600, expectations=2, on_failure="quarantine",
        failures=(records.Failure("between", "age", "", 12), records.Failure("null", "b", "", 1)),
        quarantine=records.Quarantine(rows=12, limit=0.05, dataset=side, kept=DATASET),
    )  # fmt: skip
    assert summarize(report.to_json()) == (
        "Great Expectations: 2 of 2 expectations on 600 rows fail: between of age (12 rows), "
        "null of b (1 row); 12 rows (2.0 %) quarantined in /data/side.parquet"
    )
    assert records.ValidationReport.from_json(report.to_json()) == report


def test_quality_says_what_became_of_earlier_windows() -> None:
    late = records.MissingLabels("2020-01-01T00:00:00+00:00", "2020-01-02T00:00:00+00:00", 0, 9)
    report = records.PerformanceReport(
        start="", end="", model_version=1, rows=30, metrics={}, checks=(), verdict="waiting", window_rows=900,
        also_scored=1, overdue=(late, late),
    )  # fmt: skip
    assert summarize(report.to_json()) == (
        "waiting: 30 of 900 rows with a label; 1 earlier window scored; 2 earlier windows without labels"
    )
