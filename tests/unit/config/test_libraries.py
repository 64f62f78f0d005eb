"""Installed libraries answer in a child process; whatever they do there, lint ends and says what it missed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils import all_estimators
from sklearn.utils._param_validation import StrOptions, make_constraint

from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.lint.libraries import Libraries, NotChecked
from airflow_mlops.config.lint.library_probe import refused, unfit

FILE = """\
name: own
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: "%s"}
evaluate: {metrics: [accuracy]}
"""
VALUES = [None, True, False, -1, 0, 1, 2, 300, 2**33, -0.5, 0.0, 0.5, 1.0, 7.5, "auto", "nonsense", [1]]
VALUES += ["balanced", "l2", "gini", "sqrt", "warn", "deprecated", "squared_error", "lbfgs"]
SLOW = ("GaussianProcessClassifier", "LogisticRegressionCV", "StackingRegressor")


@pytest.fixture(scope="module")
def estimators() -> list[type]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [real for kind in ("classifier", "regressor") for _, real in all_estimators(kind)]


def test_exactly_what_scikit_learn_refuses_is_refused(estimators: list[type]) -> None:
    count = 0
    for real in estimators:
        table = real._parameter_constraints  # type: ignore[attr-defined]
        kinds = {name: row for name, row in table.items() if row != "no_validation"}
        taken = {
            name: [any(make_constraint(kind).is_satisfied_by(value) for kind in row) for value in VALUES]
            for name, row in kinds.items()
        }
        found = refused(real.__module__, real.__name__, dict.fromkeys(table, VALUES))
        assert {(name, number) for name, number, _ in found} == {
            (name, number) for name, row in taken.items() for number, fits in enumerate(row) if not fits
        }
        assert all(text and "Got" not in text for _, _, text in found)
        count += len(found)
    assert count > 1_000


@pytest.mark.filterwarnings("ignore")
def test_nothing_that_can_be_fitted_is_refused(estimators: list[type]) -> None:
    draw, reported = np.random.default_rng(1), 0
    rows = draw.uniform(0.2, 3.0, (120, 5))
    for real in estimators:
        options = {
            name: sorted({word for kind in row if isinstance(kind, StrOptions) for word in kind.options})
            for name, row in real._parameter_constraints.items()  # type: ignore[attr-defined]
            if row != "no_validation" and name not in ("solver", "precompute")
        }
        for name, words in options.items():
            for word in words if real.__name__ not in SLOW else ():
                found = unfit(real.__module__, real.__name__, {name: [word]})
                if found is not None:
                    reported += 1
                    with pytest.raises((ValueError, NotImplementedError)):
                        real(**{name: word}).fit(rows, _target(real, rows))
    assert reported > 3


def _target(real: type, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    total: np.ndarray[Any, Any] = rows.sum(axis=1)
    return np.arange(len(rows)) % 2 if hasattr(real, "predict_proba") or "Class" in real.__name__ else total
