"""A model is given back the very rows it learned from: by MLflow, and as JSON by the model server."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.model_steps.raw_rows import as_trained
from airflow_mlops.serving.fetching import Fetcher
from airflow_mlops.serving.loading import load
from airflow_mlops.serving.payload import Payload
from airflow_mlops.training.fitting import same_answers
from airflow_mlops.training.models import json_rows
from airflow_mlops.training.tracking import fluent
from tests.support.project import Project, customers

N = 600
THIRD = np.arange(N) % 3 == 0
COLUMNS: dict[str, Any] = {
    "whole": np.arange(N),
    "nullable": pd.array(np.where(THIRD, None, np.arange(N)), dtype="Int64"),
    "flag": np.arange(N) % 2 == 0,
    "flag_with_gaps": pd.Series(np.where(THIRD, None, np.arange(N) % 2 == 0), dtype=object),
    "nullable_flag": pd.array(np.where(THIRD, None, np.arange(N) % 2 == 0), dtype="boolean"),
    "moment": pd.date_range("2024-01-01", periods=N),
    "moment_with_gaps": pd.Series(pd.date_range("2024-01-01", periods=N)).where(~THIRD),
    "zoned_with_gaps": pd.Series(pd.date_range("2024-01-01", periods=N, tz="UTC")).where(~THIRD),
    "day": [dt.date(2024, 1, 1 + i % 28) for i in range(N)],
    "money": [decimal.Decimal(i) / 4 for i in range(N)],
    "span": pd.to_timedelta(np.arange(N), unit="s"),
    "span_with_gaps": pd.Series(pd.to_timedelta(np.arange(N), unit="s")).where(~THIRD),
}
BUILD = "def build(rows):\n    return rows[['spend', 'visits']].assign(got={read})\n"
READ = {
    **dict.fromkeys(COLUMNS, "rows['{name}'].notna().astype(float)"),
    "whole": "rows['{name}'].astype(float)",
    "nullable": "rows['{name}'].astype('float64')",
    "moment_with_gaps": "rows['{name}'].dt.day.fillna(0).astype(float)",
    "zoned_with_gaps": "rows['{name}'].dt.day.fillna(0).astype(float)",
    "money": "rows['{name}'].astype(float)",
    "span": "rows['{name}'].dt.total_seconds()",
    "span_with_gaps": "rows['{name}'].dt.total_seconds().fillna(-1.0)",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_pyfunc_and_the_model_server_take_the_rows_of_the_training(tmp_path: Path, name: str) -> None:
    table = customers(N).assign(**{name: COLUMNS[name]})
    project = Project.create(tmp_path, table, features=f"kinds_{name}:build")
    (tmp_path / f"kinds_{name}.py").write_text(BUILD.format(read=READ[name].format(name=name)))
    _, model = project.trained()
    raw = table.drop(columns="churned")
    with fluent(project.tracking_uri):
        expected = mlflow.pyfunc.load_model(model["model_uri"]).predict(raw)
    assert len(expected) == N
    served = load(1, model["model_uri"], tmp_path / "served", Fetcher(project.tracking_uri))
    asked = [tensor.name for tensor in served.inputs]
    assert name in asked
    rows = json_rows(raw[asked])
    columns = {column: [row[i] for row in rows] for i, column in enumerate(asked)}
    assert served.predict([served.prepare(Payload(N, columns))]).values == list(expected)


class _Steady(RegressorMixin, BaseEstimator):
    def __init__(self, answer: float) -> None:
        self.answer = answer

    def predict(self, rows: pd.DataFrame) -> np.ndarray[Any, Any]:
        return np.full(len(rows), self.answer)


def test_a_model_that_answers_otherwise_than_its_estimator_is_refused() -> None:
    features = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    same_answers(_Steady(0.5), features, np.array([0.5, 0.5, 0.5 + 1e-9]), None)
    with pytest.raises(
        ConfigError, match=r"answers 1 of 3 rows .* otherwise .*row 1: .*0\.75.*fitted .*0\.5"
    ):
        same_answers(_Steady(0.5), features, np.array([0.5, 0.75, 0.5]), None)


ALONE = """import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def centred(frame):
    return frame - frame.mean()


def model():
    return make_pipeline(FunctionTransformer(centred), LogisticRegression())
"""


def test_a_model_whose_answer_depends_on_the_rows_beside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beside_rows.py").write_text(ALONE)
    table = customers(N)[["customer_id", "seen_at", "spend", "visits", "churned"]]
    table["spend"] = table["spend"].fillna(0.0)
    project = Project.create(tmp_path, table, features=None, train={"estimator": "beside_rows:model"})
    with pytest.raises(ConfigError, match=r"answers golden row 0 otherwise alone than beside the other 19"):
        project.trained()


def test_a_span_of_time_keeps_its_value_or_is_refused() -> None:
    span = "timedelta64[us]"

    def got(value: Any) -> Any:
        return as_trained(pd.Series([value], name="took", dtype=object), span).iloc[0]

    assert got("P0DT0H1M30S") == got("0:01:30") == got(dt.timedelta(seconds=90)) == pd.Timedelta("90s")
    assert pd.isna(got(None))
    assert got("P0DT0H0M0.000000001S") == pd.Timedelta(1, unit="ns")
    missing = as_trained(pd.Series([pd.NaT], name="took"), span)  # as MLflow hands on a row with a gap
    assert (missing.dtype, missing.isna().all()) == (span, True)
    for wrong in (90, 1.5, True, "90", "soon", pd.Timestamp("2026-01-01")):
        with pytest.raises(ValueError, match="took"):
            got(wrong)
