"""The models that are served, and the requests that they get."""

from __future__ import annotations

import json
import logging
from pathlib import Path

COLUMNS = [f"f{i}" for i in range(20)]
MODELS = {"linear": "LogisticRegression", "forest": "RandomForest, 100 trees"}


def body(rows: int) -> bytes:
    """Return a request with so many rows of 20 numbers."""
    data = [[(i + row) / 7 for i in range(len(COLUMNS))] for row in range(rows)]
    return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": data}}).encode()


def train(folder: Path, name: str) -> str:
    """Register two versions of a model in a tracking store of its own; return the store's address."""
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.create_experiment(name, artifact_location=(folder / "artifacts").as_uri())
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(2000, 20)), columns=COLUMNS)
    label = (rows.sum(axis=1) + rng.normal(size=2000) > 0).astype(int)
    for seed in (1, 2):
        model = LogisticRegression() if name == "linear" else RandomForestClassifier(100, random_state=seed)
        with mlflow.start_run(experiment_id=experiment):
            mlflow.sklearn.log_model(
                model.fit(rows, label), name="model", serialization_format="cloudpickle",
                signature=ModelSignature(Schema([ColSpec("double", c) for c in COLUMNS])),
                pip_requirements=["scikit-learn"], registered_model_name=name,
            )  # fmt: skip
    return uri
