"""Limits between groups: clearly beyond, not clear, met; what cannot be judged is told and is no pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.config.models import Evaluate
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Evaluation
from airflow_mlops.training.core import metrics
from airflow_mlops.training.core.units import Units, each_row
from airflow_mlops.training.groups import judge
from tests.support.project import Project, customers

PARITY, OPPORTUNITY = "demographic_parity_difference", "equal_opportunity_difference"
ROWS = 1_200


def section(groups: dict[str, Any], **more: Any) -> Evaluate:
    return Evaluate.model_validate({"metrics": ["accuracy"], "groups": groups, **more})


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    where = np.arange(ROWS)
    side = np.array(["left", "right", None], dtype=object)[where % 3]
    return pd.DataFrame({"side": side, "size": np.where(where < 20, "tiny", "usual"), "id": where})


@pytest.fixture(scope="module")
def outcome() -> metrics.Outcome:
    """All of the positive class are found on the left, half of them elsewhere; nothing else is said."""
    where = np.arange(ROWS)
    truth = where // 3 % 2
    found = (where % 3 == 0) | (where // 6 % 2 == 0)
    return metrics.classification(truth, truth * found, [0, 1])


def test_each_measure_has_its_rate_interval_and_groups(rows: pd.DataFrame, outcome: metrics.Outcome) -> None:
    limits = {"side": {PARITY: "<= 0.1", OPPORTUNITY: "<= 0.6"}}
    parity, opportunity = judge(rows, outcome, section(limits), each_row(ROWS))
    assert (parity.difference, opportunity.difference) == pytest.approx((0.25, 0.5))
    assert (parity.outcome, opportunity.outcome) == ("beyond", "met")
    assert [(item.value, item.rows, item.counted, item.rate) for item in opportunity.counted] == [
        ("left", 400, 200, 1.0),
        ("(missing)", 400, 200, 0.5),
        ("right", 400, 200, 0.5),
    ]


def test_a_limit_inside_the_interval_is_not_clear(rows: pd.DataFrame, outcome: metrics.Outcome) -> None:
    for limit in ("<= 0.24", "<= 0.26"):
        [found] = judge(rows, outcome, section({"side": {PARITY: limit}}), each_row(ROWS))
        assert found.outcome == "unclear"


def test_few_rows_and_few_entities_are_told_and_not_judged(
    rows: pd.DataFrame, outcome: metrics.Outcome
) -> None:
    [small] = judge(rows, outcome, section({"size": {PARITY: "<= 0.1"}}), each_row(ROWS))
    assert (small.outcome, small.difference) == ("unclear", None)
    assert [item.skipped for item in small.rates] == ["fewer than 100 rows", ""]
    twenty = Units(np.arange(ROWS) % 20, "entities (id)")
    [few] = judge(rows, outcome, section({"side": {PARITY: "<= 0.1"}}), twenty)
    assert {item.skipped for item in few.rates} == {"fewer than 30 entities (id)"}


def test_labels_that_the_model_does_not_know_do_not_count(rows: pd.DataFrame) -> None:
    truth = np.array(["no", "yes", "?"], dtype=object)[np.arange(ROWS) % 6 % 5 % 3]
    said = np.where(np.arange(ROWS) % 2, "yes", "no")
    found = metrics.classification(truth, said, ["no", "yes"], scoring=metrics.Scoring("yes", 0.9))
    [item] = judge(rows, found, section({"side": {PARITY: "<= 0.9"}}), each_row(ROWS))
    assert sum(rate.rows for rate in item.rates) == ROWS - found.unknown_rows < ROWS


def test_what_cannot_be_judged_is_refused(rows: pd.DataFrame, outcome: metrics.Outcome) -> None:
    with pytest.raises(ConfigError, match=r"no column 'sides' \(did you mean side\?\)"):
        judge(rows, outcome, section({"sides": {PARITY: "<= 0.1"}}), each_row(ROWS))
    with pytest.raises(ConfigError, match="id has 1,200 values: name a column with at most 100"):
        judge(rows, outcome, section({"id": {PARITY: "<= 0.1"}}), each_row(ROWS))
    numbers = metrics.regression(np.arange(ROWS), np.arange(ROWS))
    with pytest.raises(ConfigError, match="needs a classifier and a target of two classes"):
        judge(rows, numbers, section({"side": {PARITY: "<= 0.1"}}), each_row(ROWS))


def test_the_gate_refuses_asks_or_accepts(tmp_path: Path) -> None:
    frame = customers(900)
    frame["side"] = np.where(frame["churned"] == 1, "left", "right")
    gate = {"metrics": ["roc_auc"], "min_slice_rows": 10}
    limited = {**gate, "groups": {"side": {PARITY: "<= 0.1"}}}
    project = Project.create(tmp_path, frame, evaluate=limited)
    features, model = project.trained()

    def judged(**changes: Any) -> Evaluation:
        now = project.changed(evaluate={**limited, **changes}, approve={"by": ["ada"]})
        return Evaluation.from_json(now.run("evaluate", {"features": features, "model": model}))

    refused = judged()
    assert not refused.passed
    assert refused.reasons[0].startswith(f"side: {PARITY} 0.")
    assert f". side: {PARITY} 0." in refused.summary
    doubtful = {"groups": {"plan": {PARITY: "<= 0.05"}}}
    unclear = judged(**doubtful)
    assert unclear.reasons[0].startswith(f"not enough evidence: plan: {PARITY}")
    assert not unclear.passed
    asked = judged(**doubtful, on_inconclusive="ask", against_champion=None)
    assert (asked.passed, asked.asks) == (False, True)
    accepted = judged(**doubtful, on_inconclusive="accept")
    assert accepted.passed
    assert f"not enough evidence: plan: {PARITY}" in accepted.caution


def test_a_target_of_three_classes_is_refused_before_a_fit(tmp_path: Path) -> None:
    frame = customers(300)
    frame["churned"] = np.arange(300) % 3
    groups = {"plan": {OPPORTUNITY: "<= 0.1"}}
    project = Project.create(tmp_path, frame, evaluate={"metrics": ["accuracy"], "groups": groups})
    with pytest.raises(ConfigError, match="needs a classifier and a target of two classes"):
        project.trained()
