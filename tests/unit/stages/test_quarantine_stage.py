"""Rows that break expectations are set aside, and nobody learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import ValidationReport
from airflow_mlops.data.validation import by_batches
from tests.support.project import Project, customers

EXPECT = [
    {"column": "visits", "min": 0},
    {"column": "customer_id", "unique": True},
    {"expect_table_row_count_to_be_between": {"min_value": 590}},
]


def project(root: Path, *, bad: int, **validate: Any) -> Project:
    """A project whose first rows have negative visits, and whose third has the fourth's customer."""
    rows = customers()
    rows.loc[: bad - 1, "visits"] = -1
    rows.loc[2, "customer_id"] = rows.loc[3, "customer_id"]
    return Project.create(root, rows, validate={"expect": EXPECT, "on_failure": "quarantine", **validate})


def test_bad_rows_go_to_a_side_file_and_the_others_are_learned_from(tmp_path: Path) -> None:
    found = project(tmp_path, bad=3)
    dataset = found.run("ingest", {})
    record = found.run("validate", {"dataset": dataset})
    report = ValidationReport.from_json(record)
    assert report.quarantine is not None
    assert report.quarantine.dataset is not None
    assert report.quarantine.kept is not None
    assert (report.passed, report.refused, report.quarantine.rows) == (False, False, 4)
    assert [failure.rows for failure in report.failures] == [3, 2]

    aside = pd.read_parquet(report.quarantine.dataset.uri)
    assert sorted(aside["_quarantined_for"]) == [
        "expect_column_values_to_be_between (visits)",
        "expect_column_values_to_be_between (visits)",
        "expect_column_values_to_be_between (visits); expect_column_values_to_be_unique (customer_id)",
        "expect_column_values_to_be_unique (customer_id)",
    ]
    kept = pd.read_parquet(report.quarantine.kept.uri)
    assert len(kept) == 596
    assert kept["visits"].min() >= 0
    columns = list(kept.columns)
    whole = pd.concat([kept, aside[columns]]).sort_values(columns)
    assert whole.reset_index(drop=True).equals(
        pd.read_parquet(dataset["uri"]).sort_values(columns).reset_index(drop=True)
    )
    features = found.run("features", {"dataset": dataset, "validation": record})
    assert features["train"]["rows"] + features["holdout"]["rows"] == 596


def test_a_retry_finds_the_same_files(tmp_path: Path) -> None:
    found = project(tmp_path, bad=3)
    dataset = found.run("ingest", {})
    first = found.run("validate", {"dataset": dataset})
    assert found.run("validate", {"dataset": dataset}) == first
    assert len(list((tmp_path / "artifacts" / "churn" / "quarantine").iterdir())) == 1


@pytest.mark.parametrize(
    ("bad", "validate", "told"),
    [
        (40, {}, r"40 of 600 rows \(6\.7 %\) break expectations, more than validate.max_quarantine 0.05"),
        (3, {"max_quarantine": 0.001}, r"at least 3 of 600 rows .* more than validate.max_quarantine 0.001"),
        (3, {"expect": [*EXPECT, {"column": "plan", "type": "int"}]}, "type names no bad rows"),
        (20, {}, r"without 20 quarantined rows, 1 of 3 expectations failed on 580 rows.*observed 580"),
    ],
)  # fmt: skip
def test_data_is_refused_when_taking_rows_out_is_no_answer(
    tmp_path: Path, bad: int, validate: dict[str, Any], told: str
) -> None:
    found = project(tmp_path, bad=bad, **validate)
    with pytest.raises(DataRejected, match=f"(?s){told}"):
        found.run("validate", {"dataset": found.run("ingest", {})})
    assert not (tmp_path / "artifacts" / "churn" / "quarantine").exists()


def test_good_data_goes_on_as_it_is(tmp_path: Path) -> None:
    found = Project.create(tmp_path, validate={"expect": EXPECT, "on_failure": "quarantine"})
    dataset = found.run("ingest", {})
    record = found.run("validate", {"dataset": dataset})
    assert (record["passed"], record["quarantine"]) == (True, None)
    features = found.run("features", {"dataset": dataset, "validation": record})
    assert features["train"]["rows"] + features["holdout"]["rows"] == 600


def test_a_dag_of_ones_own_cannot_forget_the_quarantine(tmp_path: Path) -> None:
    found = project(tmp_path, bad=3)
    dataset = found.run("ingest", {})
    with pytest.raises(ConfigError, match=r"FeaturesOperator\(validation=validate.output\)"):
        found.run("features", {"dataset": dataset})
    record = found.run("validate", {"dataset": dataset})
    with pytest.raises(ConfigError, match="give both tasks the same dataset"):
        found.run("features", {"dataset": {**dataset, "digest": "another"}, "validation": record})


@pytest.mark.parametrize("engine", ["great_expectations", "duckdb"])
def test_a_large_dataset_is_parted_in_batches_as_a_small_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    found = project(tmp_path, bad=3, engine=engine)
    dataset = found.run("ingest", {})
    whole = ValidationReport.from_json(found.run("validate", {"dataset": dataset}))
    monkeypatch.setattr(by_batches, "MOST_ROWS", 100)
    parts = ValidationReport.from_json(found.run("validate", {"dataset": dataset}))
    assert parts == whole
    assert whole.quarantine is not None
    assert whole.quarantine.kept is not None
    assert whole.quarantine.kept.times is not None
