"""What a user does wrong is told in one line, at once when a retry cannot help, and leaves nothing behind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import mlflow
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_mlops.training.registry import Registry
from tests.support.airflow import PIPELINE, Ran, free_port, project, run

BROKEN = """
def build(rows):
    return rows[["spend"]] / rows["spnd"]
"""

MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing_file": (
        {"data": {**PIPELINE["data"], "source": {"type": "parquet", "filepath": "customer.parquet"}}},
        "ingest",
        r"no such file .*customer\.parquet \(did you mean customers\.parquet\?\)$",
    ),
    "unknown_target": (
        {"data": {**PIPELINE["data"], "target": "churn"}},
        "ingest",
        r"customers\.parquet: no column 'churn' \(did you mean churned\?\); has customer_id, ",
    ),
    "failed_expectation": (
        {"validate": {"expect": [{"column": "visits", "max": 3}]}},
        "validate",
        r"1 of 1 expectations failed on 2,000 rows .*"
        r"expect_column_values_to_be_between \(visits\): 1,\d{3} of 2,000 rows, e\.g\. .*max_value=3",
    ),
    "failing_features": (
        {"features": BROKEN},
        "features",
        r"^churn_features:build failed at churn_features\.py:3: return rows.*: KeyError: 'spnd'$",
    ),
    "unknown_estimator": (
        {"train": {"estimator": "sklearn.linear_model.RigdeClassifier"}},
        "train",
        r"^cannot import 'sklearn\.linear_model\.RigdeClassifier': RigdeClassifier does not exist "
        r"\(did you mean RidgeClassifier\?\) in sklearn\.linear_model$",
    ),
    "unknown_package": (
        {"train": {"estimator": "xgbost.XGBClassifier"}},
        "train",
        r"^cannot import 'xgbost\.XGBClassifier': no module 'xgbost'; looked beside the pipeline file",
    ),
    "unknown_parameter": (
        {"train": {"estimator": "sklearn.linear_model.RidgeClassifier", "params": {"alhpa": 1.0}}},
        "train",
        r"^train\.params: sklearn\.linear_model\.RidgeClassifier has no parameter 'alhpa' "
        r"\(did you mean alpha\?\)$",
    ),
}


def only_error(ran: Ran, task_id: str) -> BaseException:
    """Check that this task alone failed, once, and return what it failed with."""
    assert ran.state == "failed"
    assert ran.tasks[task_id] == "failed"
    assert list(ran.errors) == [task_id]
    assert set(ran.tasks.values()) <= {"success", "failed", "upstream_failed"}
    [error] = ran.errors[task_id]
    assert ran.tries(task_id) == 1
    assert error.__suppress_context__
    return error


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_clear_line_and_leaves_nothing_behind(
    tmp_path: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    changes, task_id, message = MISTAKES[case]
    monkeypatch.setenv("AIRFLOW__MLOPS__ARTIFACTS", str(tmp_path / "artifacts"))
    error = only_error(run(project(tmp_path, name=case, retries=1, **changes)["train"]), task_id)
    assert isinstance(error, AirflowFailException)
    assert re.search(message, str(error), re.DOTALL), str(error)
    assert len(str(error)) < 600
    assert len(str(error).splitlines()) == (3 if case == "failed_expectation" else 1)
    assert Registry(mlflow_uri, case).versions() == ()
    assert mlflow.MlflowClient(mlflow_uri).get_experiment_by_name(case) is None
    written = {path.suffix for path in tmp_path.glob("artifacts/**/*") if path.is_file()}
    assert written <= {".parquet", *((".html",) if case == "failed_expectation" else ())}


def test_an_mlflow_that_is_down_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DOWN", json.dumps({"conn_type": "mlops_mlflow", "host": uri}))
    ran = run(project(tmp_path, name="mlflow_down", retries=1, mlflow_conn_id="mlflow_down")["train"])
    assert ran.tasks["train"] == "failed"
    assert ran.tries("train") == 2
    assert {type(error) for error in ran.errors["train"]} == {AirflowException}
    expected = f"MLflow at {uri} does not answer (Connection refused): start it, or correct the host and port"
    assert ran.error("train").startswith(expected)


def test_a_database_that_cannot_be_there_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "volume").write_text("not mounted yet")
    host = f"sqlite:///{tmp_path}/volume/mlflow.db"
    monkeypatch.setenv("AIRFLOW_CONN_NO_VOLUME", json.dumps({"conn_type": "mlops_mlflow", "host": host}))
    ran = run(project(tmp_path, name="no_volume", retries=1, mlflow_conn_id="no_volume")["train"])
    assert ran.tries("train") == 2
    expected = f"MLflow at {host}: cannot create a database in {tmp_path}/volume: correct the path"
    assert ran.error("train").startswith(expected)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("ftp://mlflow.example.com", "MLflow does not know the URI ftp://mlflow.example.com: "),
        ("mlflow.example.com", "Airflow connection 'odd': host 'mlflow.example.com' is not a tracking URI: "),
    ],
)
def test_an_address_that_is_none_fails_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, message: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps({"conn_type": "mlops_mlflow", "host": host}))
    name = "odd_" + re.sub(r"\W", "_", host)
    ran = run(project(tmp_path, name=name, retries=1, mlflow_conn_id="odd")["train"])
    failed = [task for task, state in ran.tasks.items() if state == "failed"]
    error = only_error(ran, failed[0])
    assert isinstance(error, AirflowFailException)
    assert str(error).startswith(message)
    assert len(str(error).splitlines()) == 1
