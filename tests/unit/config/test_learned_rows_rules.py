"""Lint knows which rows a training learns, and whether its estimator takes weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.lint.libraries import Libraries

LOGISTIC = "sklearn.linear_model.LogisticRegression"
OWN = """
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier


class Weighed(ClassifierMixin, BaseEstimator):
    def fit(self, X, y, sample_weight=None):
        return self

    def predict(self, X):
        return X


class Unweighed(Weighed):
    def fit(self, X, y):
        return self


class Open(Weighed):
    def fit(self, X, y, **given):
        return self


class Near(KNeighborsClassifier):
    pass


def made():
    return LogisticRegression()
"""


@pytest.fixture(scope="module")
def libraries() -> Any:
    with Libraries() as own:
        yield own


def linted(folder: Path, libraries: Libraries, train: dict[str, Any], **changes: Any) -> list[str]:
    pd.DataFrame({"id": [1], "at": ["2025-01-01"], "w": [1.0], "y": [0]}).to_csv(
        folder / "rows.csv", index=False
    )
    (folder / "own.py").write_text(OWN)
    source = {"type": "csv", "filepath": "rows.csv"}
    config = {
        "name": "learned",
        "data": {"source": source, "target": "y", "keys": ["id", "at"]},
        "train": {"estimator": LOGISTIC, **train},
        "evaluate": {"metrics": ["accuracy"]},
        **changes,
    }
    (folder / "learned.yaml").write_text(yaml.safe_dump(config))
    faults = lint_files([(folder / "learned.yaml", folder)], libraries=libraries)
    return [
        f"{fault.level} {fault.path}: {fault.message}"
        for fault in faults
        if fault.path.startswith(("train.w", "train.refit", "tasks"))
    ]


@pytest.mark.parametrize("estimator", [LOGISTIC, "own:Weighed", "own:Open"])
def test_an_estimator_that_takes_weights_raises_no_alarm(
    tmp_path: Path, libraries: Libraries, estimator: str
) -> None:
    assert linted(tmp_path, libraries, {"estimator": estimator, "weights": "w"}) == []


@pytest.mark.parametrize("estimator", ["sklearn.neighbors.KNeighborsClassifier", "own:Unweighed", "own:Near"])
def test_one_that_takes_none_is_refused(tmp_path: Path, libraries: Libraries, estimator: str) -> None:
    [fault] = linted(tmp_path, libraries, {"estimator": estimator, "weights": "w"})
    assert fault.startswith(f"error train.weights: fit of {estimator} does not take sample_weight")


def test_a_function_is_not_run_to_find_out(tmp_path: Path, libraries: Libraries) -> None:
    [fault] = linted(tmp_path, libraries, {"estimator": "own:made", "weights": "w"})
    assert (
        fault == "note train.weights: not checked that fit of own:made takes sample_weight: it is a function"
    )


def test_the_column_of_weights_is_one_of_the_data(tmp_path: Path, libraries: Libraries) -> None:
    [fault] = linted(tmp_path, libraries, {"weights": "weigth"})
    assert "column 'weigth' is not in rows.csv" in fault
    [fault] = linted(tmp_path, libraries, {"weights": "id"})
    assert fault == "error train.weights: 'id' is a key: choose the column of the weights"


def test_a_last_fit_that_adds_nothing_is_told(tmp_path: Path, libraries: Libraries) -> None:
    held = {"metrics": ["accuracy"], "holdout": {"source": {"type": "csv", "filepath": "rows.csv"}}}
    [fault] = linted(tmp_path, libraries, {"refit": "all"}, evaluate=held)
    assert fault.startswith("warning train.refit: ignored: with evaluate.holdout.source")
    assert linted(tmp_path, libraries, {}, evaluate=held) == []


@pytest.mark.parametrize(
    ("train", "changes", "reason"),
    [
        ({"refit": False}, {}, "exists only with `train.refit`"),
        (
            {},
            {
                "evaluate": {
                    "metrics": ["accuracy"],
                    "holdout": {"source": {"type": "csv", "filepath": "rows.csv"}},
                }
            },
            "there is no task `refit` with `evaluate.holdout.source`",
        ),
    ],
    ids=["off", "a test set of its own"],
)
def test_settings_of_a_last_fit_that_does_not_happen_are_told(
    tmp_path: Path, libraries: Libraries, train: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    [fault] = linted(tmp_path, libraries, train, tasks={"refit": {"pool": "gpu"}}, **changes)
    assert fault.startswith("warning tasks.refit: ignored")
    assert reason in fault
