"""What the records of data say, and which rows no training may learn from."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_mlops.core.records import DatasetRef, Failure, FeatureSet, Quarantine, ValidationReport

FAILURES = (Failure("between", "age", "", 1_200), Failure("null", "b", "", 1), Failure("row_count", None, ""))


def rows(count: int) -> DatasetRef:
    return DatasetRef(uri="/data/side.parquet", digest="0123456789abcdef", rows=count, columns={})


def report(**fields: object) -> ValidationReport:
    whole = ValidationReport(passed=False, rows=12_000, expectations=5, failures=FAILURES)
    return dataclasses.replace(whole, **fields)  # type: ignore[arg-type]


def test_a_dataset_says_how_many_rows_it_has_and_the_start_of_its_digest() -> None:
    assert rows(12_345).summary == "12,345 rows, digest 0123456789ab"


def test_a_validation_says_what_held_what_failed_and_what_was_set_aside() -> None:
    passed = ValidationReport(passed=True, rows=12_000, expectations=5)
    assert passed.summary == "Great Expectations: 5 expectations on 12,000 rows hold"
    failed = (
        "Great Expectations: 3 of 5 expectations on 12,000 rows fail: "
        "between of age (1,200 rows), null of b (1 row), row_count"
    )
    assert report().summary == failed
    assert report(quarantine=Quarantine(rows=9, limit=0.1)).summary == failed
    aside = Quarantine(rows=1_230, limit=0.5, dataset=rows(1_230), kept=rows(10_770))
    told = "; 1,230 rows (10.2 %) quarantined in /data/side.parquet"
    assert report(quarantine=aside).summary == failed + told


KEPT, BEYOND = Quarantine(rows=9, limit=0.1), Quarantine(rows=9_000, limit=0.1, refused="too many")


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, True),  # to fail is the default
        ({"on_failure": "fail"}, True),
        ({"on_failure": "warn"}, False),
        ({"on_failure": "quarantine", "quarantine": KEPT}, False),
        ({"on_failure": "quarantine", "quarantine": BEYOND}, True),
        ({"on_failure": "fail", "passed": True}, False),
        ({"on_failure": "quarantine", "quarantine": None, "passed": True}, False),
    ],
)
def test_rows_are_refused_when_their_faults_are_to_stop_a_training(
    fields: dict[str, object], refused: bool
) -> None:
    assert report(**fields).refused is refused


def test_a_report_without_a_digest_of_the_rows_has_none() -> None:
    assert report().digest == ""
    assert KEPT.refused == ""


def test_features_are_counted_with_the_rows_on_both_sides_of_the_split() -> None:
    found = FeatureSet(
        train=rows(9_000), holdout=rows(3_000), train_features=rows(1), holdout_features=rows(2),
        features=("age", "plan"), split="time",
    )  # fmt: skip
    assert found.summary == "2 features; 9,000 rows to learn from, 3,000 held out"
