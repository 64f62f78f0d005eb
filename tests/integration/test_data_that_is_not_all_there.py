"""Bad rows that are set aside and labels that land later, in Airflow's own runs."""

from __future__ import annotations

from pathlib import Path

from tests.support.airflow import Ran, project, run
from tests.support.project import customers

MONITOR = {
    "schedule": "@monthly",
    "drift": None,
    "performance": {
        "require": {"accuracy": ">= 0.5"},
        "labels": {"type": "csv", "filepath": "labels.csv"},
        "label_delay": "20d",
    },
}


def test_a_model_learns_without_quarantined_rows_and_is_scored_once_labels_land(tmp_path: Path) -> None:
    validate = {"expect": [{"column": "visits", "max": 10}], "on_failure": "quarantine"}
    dags = project(tmp_path, name="partly", validate=validate, monitor=MONITOR)
    trained = run(dags["train"])
    assert trained.state == "success"
    quarantine = trained.xcom("validate")["quarantine"]
    features = trained.xcom("features")
    learned = features["train"]["rows"] + features["holdout"]["rows"]
    assert 0 < quarantine["rows"] == trained.xcom("ingest")["rows"] - learned

    def month(number: int) -> Ran:
        window = {"window_start": f"2024-0{number}-01", "as_of": f"2024-0{number + 1}-01"}
        return run(dags["monitor"], run_conf=window)

    january = month(1)
    assert january.xcom("triage")["reason"].startswith("waiting for labels (0 of 744 rows)")
    labels = customers(2_000)[["customer_id", "seen_at", "churned"]]
    labels[labels["seen_at"] < "2024-02-01"].to_csv(tmp_path / "pipelines" / "labels.csv", index=False)
    february = month(2)
    assert february.state == "success"
    assert february.xcom("performance")["also_scored"] == 1
    assert february.xcom("performance")["overdue"] == []
    assert february.xcom("triage")["action"] == "alert"  # the rows that a training would quarantine
