"""Trainings to draw cards of: made from records, without a model or a store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from airflow_mlops.cards.importances import Importance, Importances
from airflow_mlops.cards.training import Training
from airflow_mlops.core.records import (
    Check,
    Comparison,
    DatasetRef,
    Evaluation,
    FeatureSet,
    LeakProbe,
    ModelFormat,
    ModelRef,
    RowTimes,
    SliceCheck,
)
from airflow_mlops.training.core import metrics

MODEL = ModelRef(
    name="flights",
    model_uri="models:/m-0123456789abcdef",
    run_id="60d794be3bc0aaaabbbb",
    digest="859389bf6597aaaa",
    params={"max_leaf_nodes": 25},
    rows=218_569,
    format=ModelFormat("skops", "the file names no code of your own", ("sklearn.tree._tree.Tree",)),
)


def dataset(rows: int, first: str, last: str) -> DatasetRef:
    times = RowTimes(column="time_hour", first=f"{first}T00:00:00+00:00", last=f"{last}T00:00:00+00:00")
    return DatasetRef(uri="x", digest="18e93520dfaa77", rows=rows, columns={}, times=times)


def features(**changes: Any) -> FeatureSet:
    train = dataset(218_569, "2013-01-01", "2013-09-02")
    fields: dict[str, Any] = {
        "train": train,
        "holdout": dataset(54_712, "2013-09-02", "2013-10-31"),
        "train_features": train,
        "holdout_features": train,
        "features": ("hour", "carrier", "origin", "pressure"),
        "split": "by time: time_hour from 2013-09-02T00:00:00+00:00 is held out",
        "validation": "Great Expectations: 12 expectations on 273,281 rows hold",
        "leaks": LeakProbe("roc_auc", 20_000, 4, "hour", 0.62),
    }
    return FeatureSet(**{**fields, **changes})


def evaluation(**changes: Any) -> Evaluation:
    fields: dict[str, Any] = {
        "model": MODEL,
        "metrics": {"roc_auc": 0.690, "log_loss": 0.405},
        "checks": (Check("roc_auc", 0.69, ">= 0.6", True),),
        "comparisons": (Comparison("roc_auc", 0.69, 0.663, 0.027, 0.023, 0.031, ">= -0.01", True),),
        "slices": tuple(
            SliceCheck("origin", name, rows, (Check("roc_auc", value, ">= 0.6", True, *ends),))
            for name, rows, value, *ends in (
                ("EWR", 19_028, 0.709),
                ("JFK", 17_529, 0.656),
                ("LGA", 18_114, 0.610, 0.599, 0.621),
            )
        ),
        "champion_version": 2,
        "rows": 3_000,
        "passed": True,
        "of_class": "late",
    }
    return Evaluation(**{**fields, **changes})


def importances() -> Importances:
    worth = (("hour", 0.122), ("pressure", 0.029), ("carrier", 0.013), ("origin", -0.0004))
    items = (Importance(name, lost, lost - 0.004, lost + 0.004) for name, lost in worth)
    return Importances(tuple(items), 2_000, 5)


def two_classes(rows: int = 3_000, seed: int = 0) -> metrics.Outcome:
    rng = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(1.6 - rng.normal(size=rows)))
    truth = (rng.random(rows) < chance * 0.6).astype(int)
    return metrics.classification(truth, (chance > 0.3).astype(int), [0, 1], chance)


def training(**changes: Any) -> Training:
    fields: dict[str, Any] = {
        "pipeline": "flights",
        "when": datetime(2026, 11, 28, 10, 5, tzinfo=UTC),
        "evaluation": evaluation(),
        "features": features(),
        "outcome": two_classes(),
        "classes": ("on time", "late"),
        "intervals": {"roc_auc": (0.684, 0.695), "log_loss": (0.402, 0.408)},
        "params": {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier"},
        "tags": {"mlops.config_digest": "a41c9e7aaaaaaa", "mlops.task_key": "flights__train/r/train/-1"},
        "importances": importances(),
        "function": "flights_features:build",
        "target": "late",
    }
    return Training(**{**fields, **changes})
