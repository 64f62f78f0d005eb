"""A pipeline whose models say what stands in a column, so that their quality is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from airflow_mlops.core.records import Evaluation
from airflow_mlops.training.registry import Registry
from tests.support.project import Project

TOLD = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Told(ClassifierMixin, BaseEstimator):
    \"\"\"Probability as the column has it.\"\"\"

    def __init__(self, column="fair"):
        self.column = column

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_features_in_, self.feature_names_in_ = X.shape[1], np.asarray(X.columns)
        return self

    def predict_proba(self, X):
        told = X[self.column].to_numpy(float)
        return np.column_stack([1 - told, told])

    def predict(self, X):
        return self.classes_[(X[self.column].to_numpy(float) > 0.5).astype(int)]
"""
SEPARATION = {"good": 1.6, "fair": 1.0, "alike": 0.99, "poor": 0.5}


def table(rows: int = 3_000) -> pd.DataFrame:
    """Scores of models of several qualities, which agree in most of their noise."""
    rng = np.random.default_rng(0)
    label, shared = (rng.random(rows) < 0.4).astype(int), rng.normal(size=rows)
    scores = {
        name: 1 / (1 + np.exp(-(by * label + 0.9 * shared + 0.44 * rng.normal(size=rows))))
        for name, by in SEPARATION.items()
    }
    times = pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC")
    return pd.DataFrame({"id": np.arange(rows), "at": times, **scores, "y": label})


@dataclass
class Shop:
    """A pipeline whose model says what stands in a column."""

    project: Project
    evaluate: Mapping[str, Any]
    runs: list[str] = field(default_factory=list)
    features: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, root: Path, frame: pd.DataFrame, evaluate: Mapping[str, Any]) -> Shop:
        (root / "told_by_column.py").write_text(TOLD)
        data = {"source": {"type": "parquet", "filepath": "customers.parquet"}, "target": "y"}
        project = Project.create(
            root,
            frame,
            data={**data, "keys": ["id", "at"]},
            features=None,
            train={"estimator": "told_by_column:Told"},
        )
        return cls(project, {"metrics": ["roc_auc"], **evaluate})

    @property
    def registry(self) -> Registry:
        return Registry(self.project.tracking_uri, "churn")

    def judged(self, column: str, **evaluate: Any) -> Evaluation:
        """Train on a column and evaluate; ``evaluate`` are further keys of the section."""
        key = f"run{len(self.runs)}"
        self.runs.append(key)
        section = {**self.evaluate, **evaluate}
        train = {"estimator": "told_by_column:Told", "params": {"column": column}}
        self.project = self.project.changed(train=train, evaluate=section)
        self.features, model = self.project.trained(key)
        found = self.project.run("evaluate", {"features": self.features, "model": model}, key)
        return Evaluation.from_json(found)

    def register(self, evaluation: Evaluation) -> int:
        found = self.project.run("register", {"evaluation": evaluation.to_json()}, self.runs[-1])
        return int(found["model_version"])

    def champion(self, column: str, **evaluate: Any) -> int:
        return self.register(self.judged(column, **evaluate))
