"""The gate refuses a model that costs more than its budget, and the last fit one that has grown."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_mlops.core.errors import GateRejected
from airflow_mlops.core.records import Evaluation
from tests.support.project import Project, customers


def test_size_and_latency_are_told_and_hold_or_refuse(tmp_path: Path) -> None:
    gate = {"metrics": ["roc_auc"]}
    project = Project.create(tmp_path, customers(300), evaluate=gate)
    features, model = project.trained()
    inputs = {"features": features, "model": model}
    small = project.changed(evaluate={**gate, "budget": {"size": "1kB"}})
    refused = Evaluation.from_json(small.run("evaluate", inputs))
    assert refused.reasons[0].startswith("size is beyond evaluate.budget.size, 1kB: 0.")
    wide = project.changed(evaluate={**gate, "budget": {"size": "1Gi", "latency": "1000s"}})
    record = wide.run("evaluate", inputs)
    met = Evaluation.from_json(record)
    assert [item.outcome for item in met.budget] == ["met", "met"]
    assert ". latency: median " in met.summary
    assert met.passed
    with pytest.raises(GateRejected, match="fitted to all rows: size is beyond"):
        small.run("refit", {"features": features, "evaluation": record})
