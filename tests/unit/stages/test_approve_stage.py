"""What people are shown before a deploy: the comparison names the version that it is with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.records import Comparison, DeployRequest
from airflow_mlops.lifecycle.runner import StageRequest, run_stage

COMPARISON = Comparison("roc_auc", 0.8, 0.79, 0.01, -0.01, 0.03, ">= -0.02", True)


def body(folder: Path, **changes: Any) -> str:
    request = DeployRequest(
        name="churn",
        action="deploy",
        model_version=4,
        champion_version=3,
        comparisons=(COMPARISON,),
        **changes,
    )
    asked = run_stage(
        StageRequest(
            stage="approve",
            pipeline={"name": "churn", "approve": {"by": ["ann"]}},
            task_key="churn__deploy/run/approve/-1",
            artifacts=str(folder),
            tracking_uri=f"sqlite:///{folder}/mlflow.db",
            inputs={"request": request.to_json()},
        )
    )
    return str(asked.record["body"])


@pytest.mark.parametrize("compared", [None, 3])
def test_a_comparison_with_the_champion_is_called_so(tmp_path: Path, compared: int | None) -> None:
    assert "against the champion on the same rows" in body(tmp_path, compared_with=compared)


def test_a_comparison_with_an_earlier_champion_names_it(tmp_path: Path) -> None:
    text = body(tmp_path, compared_with=2, caution="not enough evidence")
    assert "against version 2, the champion of that time, on the same rows" in text
    assert "- **caution**: not enough evidence" in text
