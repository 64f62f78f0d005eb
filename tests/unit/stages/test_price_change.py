"""Prices rise by 30 % on a day, and what buyers do with them: the new prices are learned within three days.

The best achievable is the accuracy of the rule that makes the labels, on the same rows of the days after.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.training import models
from tests.support.project import Project

RISE, PER_DAY, TOLERANCE = 30, 500, 0.02
BOOST = {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "params": {"max_iter": 60}}


def expected(rows: pd.DataFrame) -> np.ndarray:
    """What the rule says, without chance: who pays less than is usual at the time buys."""
    usual = np.where(rows["at"] >= day(RISE), 130, 100)
    return np.asarray(15 * (1 - rows["price"] / usual) + rows["z"] > 0)


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=number)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng, total = np.random.default_rng(3), (RISE + 7) * PER_DAY
    at = day(0) + pd.to_timedelta(np.arange(total) / PER_DAY, unit="D").round("s")
    new = np.arange(total) >= RISE * PER_DAY
    price, z = rng.normal(100, 20, total) * np.where(new, 1.3, 1.0), rng.normal(size=total)
    frame = pd.DataFrame({"id": range(total), "at": at, "price": price, "z": z, "list": np.where(new, 2, 1)})
    chance = rng.normal(0, 1, total)
    usual = np.where(new, 130, 100)
    return frame.assign(y=(15 * (1 - price / usual) + z + chance > 0).astype(int))


@pytest.mark.parametrize(
    ("train", "dropped"),
    [
        (BOOST, []),
        ({"estimator": "sklearn.linear_model.LogisticRegression", "window": "3d"}, ["list"]),
    ],
    ids=["a column tells the times apart", "a window of three days"],
)
def test_three_days_after_a_rise_the_registered_model_is_as_good_as_can_be(
    tmp_path: Path, rows: pd.DataFrame, train: dict[str, Any], dropped: list[str]
) -> None:
    source = {"type": "parquet", "filepath": "customers.parquet"}
    data: dict[str, Any] = {"source": source, "target": "y", "keys": ["id", "at"]}
    project = Project.create(
        tmp_path,
        rows.drop(columns=dropped),
        data=data,
        features=None,
        train=train,
        evaluate={"metrics": ["accuracy"]},
    )
    features, model = project.trained(as_of=day(RISE + 3).isoformat())
    evaluation = project.run("evaluate", {"features": features, "model": model})
    refit = project.run("refit", {"features": features, "evaluation": evaluation})
    version = project.run("register", {"evaluation": evaluation, "refit": refit})
    after = rows[rows["at"] >= day(RISE + 3)]
    best = float((expected(after) == after["y"]).mean())
    registered = models.load_model(project.tracking_uri, version["model_uri"])
    right = float((registered.predict(after.drop(columns="y")) == after["y"]).mean())
    assert right >= best - TOLERANCE, f"{right:.3f} of {best:.3f} that is achievable"
    judged = models.load_model(project.tracking_uri, model["model_uri"])
    assert (judged.predict(after.drop(columns="y")) == after["y"]).mean() < best - 5 * TOLERANCE
