"""What the source of scikit-learn's estimators says about their parameters, against scikit-learn itself."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from sklearn.utils import all_estimators
from sklearn.utils._param_validation import make_constraint

from airflow_mlops.config.lint.classes import lineage
from airflow_mlops.config.lint.constraints import constraints
from airflow_mlops.config.lint.source import Sources

VALUES = [None, True, False, -1, 0, 1, 2, 300, 2**33, -0.5, 0.0, 0.5, 1.0, 7.5, "auto", "nonsense", [1]]
VALUES += ["balanced", "l2", "gini", "sqrt", "warn", "deprecated", "squared_error", "lbfgs"]


def _real(kinds: Any, value: Any) -> bool:
    if kinds == "no_validation":
        return True
    return any(make_constraint(kind).is_satisfied_by(value) for kind in kinds)


@pytest.fixture(scope="module")
def estimators() -> list[tuple[str, type]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*all_estimators("classifier"), *all_estimators("regressor")]


def test_nothing_that_scikit_learn_takes_is_refused(estimators: list[tuple[str, type]]) -> None:
    sources, checked, refused = Sources([]), 0, 0
    for _, real in estimators:
        read = constraints(lineage(sources.find(f"{real.__module__}.{real.__name__}"), sources), sources)
        for name, constraint in read.items():
            kinds = real._parameter_constraints.get(name, "no_validation")  # type: ignore[attr-defined]
            for value in VALUES:
                taken = _real(kinds, value)
                assert constraint.accepts(value) or not taken, (real, name, value, str(constraint))
                checked += not taken
                refused += not constraint.accepts(value)
    assert refused > 0.9 * checked > 1_000
