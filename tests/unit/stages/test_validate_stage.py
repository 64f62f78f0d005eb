"""The gate as a task: what stops a run, what only warns, and what is kept of the rows."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import ValidationReport
from tests.support.project import Project, customers


def project(root: Path, **validate: Any) -> Project:
    """A project whose first customer has negative visits."""
    root.mkdir(exist_ok=True)
    rows = customers()
    rows.loc[0, "visits"] = -7
    return Project.create(root, rows, validate=validate)


def validated(found: Project) -> dict[str, Any]:
    record: dict[str, Any] = found.run("validate", {"dataset": found.run("ingest", {})})
    return record


def test_a_warning_is_reported_and_the_run_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expect = [{"column": "visits", "min": 0, "severity": "warning"}, {"column": "visits", "not_null": True}]
    with caplog.at_level(logging.WARNING):
        report = ValidationReport.from_json(validated(project(tmp_path, expect=expect)))
    assert (report.passed, report.refused, report.failures) == (True, False, ())
    assert [(item.expectation, item.rows, item.severity) for item in report.warnings] == [
        ("expect_column_values_to_be_between", 1, "warning")
    ]
    assert (
        "no failure in 2 expectations on 600 rows; 1 warning: expect_column_values_to_be_between"
        in report.summary
    )
    assert "1 of 2 expectations failed with severity warning or info on 600 rows" in caplog.text


def test_a_warning_is_not_quarantined_and_a_failure_beside_it_stops_the_run(tmp_path: Path) -> None:
    expect = [{"column": "visits", "min": 0, "severity": "warning"}]
    report = ValidationReport.from_json(
        validated(project(tmp_path / "one", expect=expect, on_failure="quarantine"))
    )
    assert (report.quarantine, len(report.warnings)) == (None, 1)
    with pytest.raises(DataRejected, match="1 of 2 expectations failed"):
        validated(project(tmp_path / "two", expect=[*expect, {"column": "visits", "max": 0}]))


def test_a_suite_is_checked_beside_the_expectations(tmp_path: Path) -> None:
    suite = {"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 599}}]}
    found = project(tmp_path, suite="suite.json", expect=[{"columns": ["visits"]}], on_failure="warn")
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    report = ValidationReport.from_json(validated(found))
    assert report.expectations == 2
    assert [item.detail for item in report.failures] == ["observed 600 (expected value=599)"]


def test_counts_only_for_personal_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expect = [
        {"column": "customer_id", "regex": "^x"},
        {"column": "visits", "min": 0},
        {"expect_column_min_to_be_between": {"column": "visits", "min_value": 0}},
    ]
    found = project(tmp_path, expect=expect, on_failure="warn", samples="none")
    with caplog.at_level(logging.INFO):
        record = validated(found)
    assert "-7" not in json.dumps(record) + caplog.text
    assert "1 of 600 rows" in caplog.text
    assert all(item["examples"] == [] for item in record["failures"])


def test_a_message_lists_a_bounded_number_of_failures(tmp_path: Path) -> None:
    expect = [{"column": "visits", "min": 100 + number} for number in range(30)]
    with pytest.raises(DataRejected) as caught:
        validated(project(tmp_path, expect=expect))
    lines = str(caught.value).splitlines()
    assert len(lines) == 23
    assert lines[-2] == "- and 10 more"
    assert lines[-1].startswith("all results: ")


def test_a_record_keeps_the_examples_of_the_first_failures(tmp_path: Path) -> None:
    expect = [{"column": "visits", "min": 100 + number} for number in range(30)]
    record = validated(project(tmp_path, expect=expect, on_failure="warn"))
    assert [bool(failure["examples"]) for failure in record["failures"]] == [True] * 20 + [False] * 10


def test_the_page_shows_the_verdict_and_is_logged_beside_the_model(tmp_path: Path) -> None:
    expect = [{"column": "visits", "min": 0}, {"column": "plan", "not_null": True}]
    found = project(tmp_path, expect=expect, on_failure="quarantine", data_docs=True)
    dataset = found.run("ingest", {})
    record = found.run("validate", {"dataset": dataset})
    page = Path(record["page"]).read_text()
    assert "1 of 2 expectations on 600 rows failed." in page
    assert "1 row is taken out; the others continue." in page
    assert "1 of 600 rows break it; expected min_value=0." in page
    assert "http" not in page
    assert (Path(record["page"]).parent / "latest.html").read_text() == page
    docs = Path(record["page"].replace(".html", "-data-docs.html")).read_text()
    assert "Evaluated Expectations" in docs

    features = found.run("features", {"dataset": dataset, "validation": record})
    model = found.run("train", {"features": features})
    client = mlflow.MlflowClient(found.tracking_uri)
    assert {"validation.html", "data_docs.html"} <= {
        item.path for item in client.list_artifacts(model["run_id"])
    }


def test_a_rejection_has_its_page(tmp_path: Path) -> None:
    found = project(tmp_path, expect=[{"column": "visits", "min": 0}])
    with pytest.raises(DataRejected) as caught:
        validated(found)
    page = Path(str(caught.value).rpartition("all results: ")[2]).read_text()
    assert "No training may learn from these rows." in page


def test_cells_on_the_pages_are_text(tmp_path: Path) -> None:
    rows = customers()
    rows.loc[0, "plan"] = "<script>alert(1)</script>"
    found = Project.create(
        tmp_path, rows, validate={"expect": [{"column": "plan", "regex": "^[a-z]+$"}], "on_failure": "warn",
                                  "data_docs": True}
    )  # fmt: skip
    for page in Path(validated(found)["page"]).parent.glob("*.html"):
        assert "&lt;script&gt;alert" in page.read_text()
        assert "<script>alert" not in page.read_text()


def test_counts_only_hold_for_the_pages(tmp_path: Path) -> None:
    expect = [
        {"column": "visits", "min": 0},
        {"expect_column_min_to_be_between": {"column": "visits", "max_value": -9}},
    ]
    found = project(tmp_path, expect=expect, on_failure="warn", samples="none", data_docs=True)
    record = validated(found)
    text = Path(record["page"]).read_text()
    assert ">-7<" not in text
    assert "observed -7" not in text
    assert "Cells are not quoted" in text
    assert ">-7<" not in Path(record["page"].replace(".html", "-data-docs.html")).read_text()


@pytest.mark.parametrize("on_failure", ["warn", "quarantine"])
def test_both_engines_write_the_same_record(tmp_path: Path, on_failure: str) -> None:
    expect = [
        {"column": "visits", "min": 0, "not_null": True, "type": "int"},
        {"column": "plan", "regex": "^[a-z]+$", "severity": "warning"},
        {"column": "customer_id", "unique": True},
        {"column": "visits", "max": {"$PARAMETER": "most"}},
        {"expect_table_columns_to_match_set": {"column_set": ["visits"], "exact_match": False}},
    ]
    shared = {"expect": expect, "on_failure": on_failure, "parameters": {"most": 1000}}
    records = [
        validated(project(tmp_path / engine, **shared, engine=engine))
        for engine in ("great_expectations", "duckdb")
    ]
    first, second = (json.dumps(record).replace(str(tmp_path), "") for record in records)
    assert second.replace("/duckdb/", "/great_expectations/") == first
    assert records[0]["failures"][0]["examples"] == ["-7"]


def in_database(root: Path, monkeypatch: pytest.MonkeyPatch, **validate: Any) -> Project:
    """A project whose rows are those of a query, which ends with the run's window."""
    rows = customers().assign(seen_at=lambda frame: frame["seen_at"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    rows.loc[0, "visits"] = -7
    with closing(sqlite3.connect(root / "shop.db")) as database:
        rows.to_sql("customers", database, index=False)
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"sqlite:///{root}/shop.db")
    found = Project.create(root)
    sql = "SELECT * FROM customers WHERE seen_at < :window_end"
    data = {**found.config["data"], "source": {"type": "sql", "sql": sql, "conn_id": "shop"}}
    return found.changed(data=data, validate={"engine": "database", **validate})


def test_a_database_validates_the_rows_of_the_runs_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect = [{"column": "visits", "min": 0}, {"columns": ["plan", "plans"]}]
    found = in_database(tmp_path, monkeypatch, expect=expect, on_failure="warn", data_docs=True)
    window = {"as_of": "2024-01-20T00:00:00+00:00"}
    dataset = found.run("ingest", {}, **window)
    report = ValidationReport.from_json(found.run("validate", {"dataset": dataset}, **window))
    assert (report.rows, report.expectations, report.digest) == (456, 3, dataset["digest"])
    assert [str(item) for item in report.failures] == [
        "expect_column_values_to_be_between of visits (1 row)",
        "expect_column_to_exist of plans",
    ]
    assert "1 of 456 rows break it" in Path(report.page).read_text()
    with pytest.raises(DataRejected, match=r"456 rows then, 600 now; run ingest again, then validate"):
        found.run("validate", {"dataset": dataset})


def test_a_pipeline_that_the_database_cannot_validate_says_so_at_run_time_too(tmp_path: Path) -> None:
    found = project(tmp_path, expect=[{"column": "visits", "min": 0}], engine="database")
    with pytest.raises(ConfigError, match=r"validate\.engine: engine database needs a source of type sql"):
        validated(found)
