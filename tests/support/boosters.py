"""A raw table for boosting libraries, and what has to hold of the model that is logged."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from airflow_mlops.serving.fetching import Fetcher
from airflow_mlops.serving.loading import load
from airflow_mlops.serving.payload import Payload
from airflow_mlops.training.distributions import distribution_of
from airflow_mlops.training.tracking import connect, fluent
from tests.support.project import Project

ROUNDS = 200


def shoppers(rows: int = 300) -> pd.DataFrame:
    """Text, gaps, pandas categories, whole numbers, and labels that are text."""
    rng = np.random.default_rng(3)
    spend = rng.normal(size=rows)
    plan = rng.choice(["basic", "plus", "pro"], rows)
    chance = spend + (plan == "pro") + rng.normal(size=rows)
    return pd.DataFrame(
        {
            "id": range(rows),
            "spend": np.where(rng.random(rows) < 0.1, np.nan, spend),
            "visits": rng.integers(0, 9, rows),
            "plan": plan,
            "size": pd.Categorical(rng.choice(["s", "m", "l"], rows), ["s", "m", "l"], ordered=True),
            "left": np.where(chance > 0.3, "yes", "no"),
        }
    )


def project(root: Path, estimator: str, **params: Any) -> Project:
    """Return a project of the table whose boosting ends early."""
    return Project.create(
        root,
        shoppers(),
        data={
            "source": {"type": "parquet", "filepath": "customers.parquet"},
            "target": "left",
            "keys": ["id"],
            "positive": "yes",
        },
        features=None,
        train={"estimator": estimator, "params": params, "early_stopping": 10},
        evaluate={"metrics": ["roc_auc"]},
    )


def assert_served_as_trained(own: Project) -> None:
    """Train, and assert that what was logged loads as served and answers as the estimator did."""
    distribution = distribution_of(own.pipeline.train.estimator)  # xgboost, or xgboost-cpu
    assert distribution is not None
    model = own.trained()[1]
    assert 0 < model["rounds"] < ROUNDS
    assert model["format"]["name"] == "skops"
    uri, rows = model["model_uri"], shoppers().drop(columns=["id", "left"])
    with fluent(own.tracking_uri):
        needed = Path(mlflow.pyfunc.get_model_dependencies(uri)).read_text().split()
        labels = mlflow.pyfunc.load_model(uri).predict(rows)
        loaded = mlflow.sklearn.load_model(uri)
    assert f"{distribution}=={importlib.metadata.version(distribution)}" in needed
    chances = loaded.predict_proba(rows)
    assert loaded.classes_.tolist() == ["no", "yes"]
    assert (np.where(chances[:, 1] > 0.5, "yes", "no") == labels).all()
    golden = json.loads(
        Path(
            connect(own.tracking_uri).download_artifacts(model["run_id"], "golden.json", str(own.root))
        ).read_text()
    )
    asked = pd.DataFrame(golden["rows"], columns=golden["columns"])
    assert np.allclose(loaded.predict_proba(asked)[:, 1], golden["scores"], rtol=1e-6)
    served = load(1, uri, own.root / "served", Fetcher(own.tracking_uri))
    new = {"spend": [None, 2.5], "visits": [3, 2], "plan": ["unheard of", "pro"], "size": ["xl", "m"]}
    answers = served.predict([served.prepare(Payload(2, new))])
    assert set(answers.values) <= {"no", "yes"}
    assert answers.scores[1] > 0.5
