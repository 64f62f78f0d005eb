"""What a user's function gets and may return, without Airflow around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import DatasetRef, ScoredWindow, TuneResult, ValidationReport
from airflow_mlops.data.datasets import write_dataset
from airflow_mlops.lifecycle.runner import run_function
from tests.support.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path)


def ran(project: Project, function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return dict(run_function(project.request("own", {}), function, args, kwargs).record)


def test_a_scored_window_is_a_frame_and_other_records_are_themselves(
    project: Project, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"age": [30, 40], "_score": [0.1, 0.9], "_prediction": [0, 1]})
    window = ScoredWindow(
        dataset=write_dataset(frame, str(tmp_path / "windows")),
        model_version=1,
        run_id="r",
        start="2025-01-01T00:00:00+00:00",
        end="2025-02-01T00:00:00+00:00",
        labelled=0,
    )
    report = ValidationReport(passed=True, rows=2, expectations=1)

    def surest(window: Any, report: Any, *, note: dict[str, str]) -> dict[str, Any]:
        assert isinstance(report, ValidationReport)
        return {"ages": list(window[window["_score"] > 0.5]["age"]), "note": note}

    # A mapping that only looks like a record stays what it is.
    note = {"kind": "ValidationReport"}
    found = ran(project, surest, window.to_json(), report.to_json(), note=note)
    assert found["values"] == {"ages": [40], "note": note}
    assert found["run_id"] == ""
    assert MlflowClient(project.tracking_uri).search_experiments(filter_string="name != 'Default'") == []


def test_a_record_goes_through_and_nothing_is_an_empty_result(project: Project) -> None:
    made = TuneResult(
        worker=0, metric="roc_auc", best_score=0.7, best_params={}, trials=1, failed=0, run_id="r"
    )
    assert ran(project, lambda: made) == made.to_json()
    assert ran(project, lambda: None)["values"] == {}


def test_a_frame_that_is_returned_twice_is_one_file(project: Project) -> None:
    first, second = (ran(project, lambda: pd.DataFrame({"a": [1, 2]})) for _ in range(2))
    assert first == second
    assert DatasetRef.from_json(first).rows == 2


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (
            [1, 2],
            "own returned list: return a DataFrame, a record, a mapping of plain JSON values, or nothing",
        ),
        (
            {"at": pd.Timestamp(0)},
            "own returned a mapping that is not plain JSON: Timestamp is not a JSON value",
        ),
        ({"rate": [np.nan]}, "own returned a mapping that is not plain JSON: Out of range float values"),
    ],
)
def test_what_cannot_travel_is_told(project: Project, returned: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ran(project, lambda: returned)
    assert str(caught.value).startswith(told)
