"""A model that is good on the whole and bad for some does not pass; what cannot be judged is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Evaluate
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Evaluation, SliceCheck
from airflow_mlops.training.core import gates, metrics
from airflow_mlops.training.core.units import Units, each_row
from airflow_mlops.training.slices import judge
from tests.support.project import Project

ROWS = 900


@pytest.fixture(scope="module")
def outcome() -> metrics.Outcome:
    """Predictions that are right, except for the plan `old`."""
    truth = np.arange(ROWS) % 2
    predicted = np.where(np.arange(ROWS) % 3 == 0, 1 - truth, truth)
    return metrics.classification(truth, predicted, [0, 1], predicted.astype(float))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    plan = np.array(["old", "new", None], dtype=object)[np.arange(ROWS) % 3]
    return pd.DataFrame(
        {"plan": plan, "number": np.arange(ROWS), "rare": ["few"] * 9 + ["many"] * (ROWS - 9)}
    )


def held(rows: pd.DataFrame, outcome: metrics.Outcome, given: Evaluate) -> tuple[SliceCheck, ...]:
    """Judge rows that are units of their own."""
    return judge(rows, outcome, given, each_row(len(rows)))


def section(slices: dict[str, Any], **more: Any) -> Evaluate:
    return Evaluate.model_validate({"metrics": ["accuracy"], "slices": slices, **more})


def test_every_value_is_held_against_the_limit_and_a_gap_is_a_value(
    rows: pd.DataFrame, outcome: metrics.Outcome
) -> None:
    found = held(rows, outcome, section({"plan": {"accuracy": ">= 0.9", "f1": "> 0.5"}}))
    assert {item.value: item.rows for item in found} == {"(missing)": 300, "new": 300, "old": 300}
    assert gates.slice_reasons(found) == (
        "plan=old (300 rows): accuracy 0 is not >= 0.9",
        "plan=old (300 rows): f1 0 is not > 0.5",
    )


def test_too_few_rows_are_told_and_not_judged(rows: pd.DataFrame, outcome: metrics.Outcome) -> None:
    found = held(rows, outcome, section({"rare": {"accuracy": ">= 0.6"}}, min_slice_rows=10))
    assert [(item.value, item.skipped, len(item.checks)) for item in found] == [
        ("few", "fewer than 10 rows", 0),
        ("many", "", 1),
    ]
    assert gates.slice_reasons(found) == ()


def test_a_column_that_gives_no_evidence_is_no_pass(rows: pd.DataFrame, outcome: metrics.Outcome) -> None:
    found = held(rows, outcome, section({"plan": {"accuracy": ">= 0.1"}}, min_slice_rows=301))
    assert gates.slice_reasons(found) == (
        "inconclusive: no value of plan can be judged (old: fewer than 301 rows); "
        "hold out more rows, or lower evaluate.min_slice_rows",
    )


def test_a_value_of_one_class_only_is_told_where_the_metric_needs_two(outcome: metrics.Outcome) -> None:
    rows = pd.DataFrame({"label": outcome.truth.astype(bool)})
    found = held(rows, outcome, section({"label": {"roc_auc": ">= 0.6"}}))
    assert [(item.value, "needs at least two classes" in item.skipped) for item in found] == [
        ("False", True),
        ("True", True),
    ]


def test_a_column_that_is_not_there_or_counts_the_rows_is_refused(
    rows: pd.DataFrame, outcome: metrics.Outcome
) -> None:
    with pytest.raises(ConfigError, match=r"no column 'plann' \(did you mean plan\?\)"):
        held(rows, outcome, section({"plann": {"accuracy": ">= 0.1"}}))
    with pytest.raises(ConfigError, match="number has 900 values: name a column with at most 100"):
        held(rows, outcome, section({"number": {"accuracy": ">= 0.1"}}))


def test_the_gate_says_no_for_a_slice_and_the_record_holds_every_value(tmp_path: Path) -> None:
    slices = {"plan": {"roc_auc": ">= 0.99", "accuracy": ">= 0.1"}}
    gate = {"metrics": ["roc_auc"], "slices": slices, "min_slice_rows": 10}
    project = Project.create(tmp_path, evaluate=gate)
    features, model = project.trained()
    record = project.run("evaluate", {"features": features, "model": model})
    assert not record["passed"]
    assert record["reasons"][0].startswith("plan=")
    evaluation = Evaluation.from_json(record)
    assert {item.value for item in evaluation.slices} == {"basic", "plus", "pro"}
    assert sum(item.rows for item in evaluation.slices) == evaluation.rows


def test_a_slice_without_a_class_is_not_held_against_an_average_over_the_classes() -> None:
    truth = np.array([0, 1, 2] * 100 + [0, 1] * 100)
    rows = pd.DataFrame({"plan": ["all"] * 300 + ["few"] * 200})
    outcome = metrics.classification(truth, truth, [0, 1, 2])
    section = Evaluate(metrics=("f1",), slices={"plan": {"f1": ">= 0.9"}})
    whole, lacking = held(rows, outcome, section)
    assert [check.value for check in whole.checks] == [1.0]
    assert lacking.skipped == (
        "no row has the class 2: no figure says anything about it, and it counts 0 in f1"
    )
    other = Evaluate(metrics=("f1",), slices={"plan": {"balanced_accuracy": ">= 0.9"}})
    assert [item.skipped for item in held(rows, outcome, other)] == ["", ""]


def test_a_slice_has_the_interval_of_its_own_rows() -> None:
    errors = np.random.default_rng(0).normal(size=1_000)
    rows = pd.DataFrame({"plan": np.where(np.arange(1_000) < 200, "basic", None)})
    found = held(rows, metrics.regression(errors, np.zeros(1_000)), section({"plan": {"mae": "<= 1"}}))
    widths = {}
    for item in found:
        (check,) = item.checks
        assert check.low is not None
        assert check.high is not None
        assert check.low < check.value < check.high
        widths[item.value] = check.high - check.low
    error = 1.96 * np.abs(errors[:200]).std() / np.sqrt(200)
    assert widths["basic"] == pytest.approx(2 * error, rel=0.25)
    assert widths["basic"] > widths["(missing)"]


def test_rows_of_a_few_entities_are_too_few() -> None:
    truth = np.arange(400) % 2
    rows = pd.DataFrame({"plan": ["old"] * 200 + ["new"] * 200})
    shop = Units(np.r_[np.arange(200) % 12, 12 + np.arange(200)], "entities (shop)")
    new, old = judge(
        rows, metrics.classification(truth, truth, [0, 1]), section({"plan": {"accuracy": ">= 0.5"}}), shop
    )
    assert (old.value, old.checks, old.skipped) == ("old", (), "fewer than 30 entities (shop)")
    assert (new.checks[0].low, new.checks[0].high) == (1.0, 1.0)
