"""A test set of its own: read once by the rules of the data, held out whole, the same for both models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected
from airflow_mlops.core.records import summarize
from tests.support.project import Project, customers

AS_OF = "2024-01-24T00:00:00+00:00"
"""After 552 of the 600 hourly rows."""


def project(root: Path, **source: Any) -> Project:
    """The first 500 customers are trained on; a CSV file has the last 200, of which 100 are among them."""
    rows = customers()
    rows.iloc[400:].to_csv(root / "judged.csv", index=False)
    holdout = {"source": {"type": "csv", "filepath": "judged.csv", **source}}
    evaluate = {"metrics": ["roc_auc"], "against_champion": {"roc_auc": ">= -0.005"}, "holdout": holdout}
    return Project.create(root, rows.iloc[:500], evaluate=evaluate)


def test_both_models_are_judged_on_the_test_set_and_no_row_of_it_is_trained_on(tmp_path: Path) -> None:
    found = project(tmp_path)
    dataset, test = found.run("ingest", {}), found.run("holdout", {}, as_of=AS_OF)
    assert (dataset["rows"], test["rows"], test["left_out"]) == (500, 152, {"outside the window": 48})
    assert found.run("holdout", {}, as_of=AS_OF, window_start="2024-01-23T00:00:00+00:00") == test
    features = found.run("features", {"dataset": dataset, "holdout": test})
    assert (features["train"]["rows"], features["holdout"]["rows"]) == (400, 152)
    assert summarize(features) == (
        "4 features; 400 rows (2024-01-01 00:00 to 2024-01-17 15:00) to learn from, 152 "
        "(2024-01-17 16:00 to 2024-01-23 23:00) held out as a test set of its own; 100 rows are in the test "
        "set as well (the same customer_id, seen_at): left out of the training rows"
    )
    model = found.run("train", {"features": features})
    params = mlflow.MlflowClient(tracking_uri=found.tracking_uri).get_run(model["run_id"]).data.params
    assert params["split"] == f"by a test set of its own: 152 rows, digest {test['digest'][:12]}"
    assert (params["split.by"], params["holdout.rows"]) == ("source", "152")
    assert (params["holdout.digest"], params["holdout.to"][:10]) == (
        features["holdout"]["digest"],
        "2024-01-23",
    )

    first = found.run("evaluate", {"features": features, "model": model})
    found.run("register", {"evaluation": first})
    again = found.run("evaluate", {"features": features, "model": model}, key="run2")
    assert (first["rows"], again["rows"], again["champion_version"]) == (152, 152, 1)
    assert [item["difference"] for item in again["comparisons"]] == [0.0]
    assert (again["test_set"], again["caution"]) == (features["holdout"]["digest"], "")

    later = found.run("features", {"dataset": dataset, "holdout": found.run("holdout", {})})
    renewed = found.run("evaluate", {"features": later, "model": model}, key="run3")
    # the 48 rows more are newer than all that version 1 has learned
    assert (renewed["rows"], renewed["left_out"], renewed["caution"]) == (200, 0, "")


def test_features_that_do_not_get_the_test_set_are_not_trained_on(tmp_path: Path) -> None:
    found = project(tmp_path)
    features = found.run("features", {"dataset": found.run("ingest", {})})
    with pytest.raises(
        ConfigError, match=r"evaluate\.holdout\.source names a test set, but features did not get its"
    ):
        found.run("train", {"features": features})


def test_a_test_set_that_cannot_be_read_is_reported_by_its_own_task(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.csv"):
        project(tmp_path, filepath="nothing.csv").run("holdout", {})
    with pytest.raises(ConfigError, match=r"evaluate\.holdout\.source\.load_args"):
        project(tmp_path, load_args={"seperator": ";"}).run("holdout", {})
    with pytest.raises(
        DataRejected, match=r"judged\.csv: 0 rows with seen_at from the beginning to 2024-01-02"
    ):
        project(tmp_path).run("holdout", {}, as_of="2024-01-02T00:00:00+00:00")
    with pytest.raises(ConfigError, match=r"stage holdout needs evaluate\.holdout\.source"):
        project(tmp_path).changed(evaluate={"metrics": ["roc_auc"]}).run("holdout", {})
