"""Without a limit the champion is compared all the same; and a figure says which class it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.core.records import Evaluation
from airflow_mlops.training.registry import Registry
from tests.support.project import Project, customers

STUMP = {"estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 1, "max_features": 1}}


def evaluated(project: Project, key: str) -> Evaluation:
    features, model = project.trained(key)
    found: dict[str, Any] = project.run("evaluate", {"features": features, "model": model}, key)
    return Evaluation.from_json(found)


def champion(project: Project, evaluation: Evaluation) -> None:
    project.run("register", {"evaluation": evaluation.to_json()}, "first")


def test_a_clearly_worse_model_is_refused_without_a_limit_too(tmp_path: Path) -> None:
    project = Project.create(tmp_path, evaluate={"metrics": ["roc_auc", "accuracy"]})
    first = evaluated(project, "first")
    assert (first.comparisons, first.champion_version) == ((), None)
    champion(project, first)
    worse = evaluated(project.changed(train=STUMP), "stump")
    (only,) = worse.comparisons
    assert not worse.passed
    assert (only.metric, only.limit, only.passed, only.outcome) == ("roc_auc", "", False, "worse")
    assert worse.outcome == "worse"
    assert "of the champion, version 1" in worse.reasons[0]
    assert worse.reasons[0].endswith("all of it is below 0")
    assert only.high < 0
    assert only.difference == pytest.approx(worse.metrics["roc_auc"] - first.metrics["roc_auc"])
    assert "(worse)" in worse.summary
    same = evaluated(project, "again")
    assert "; against version 1: roc_auc +0.000 [+0.000, +0.000]" in same.summary
    assert "worse" not in same.summary


def test_a_champion_that_cannot_be_asked_is_told_and_refuses_nothing_without_a_limit(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    champion(project, evaluated(project, "first"))
    number = Registry(project.tracking_uri, "churn").get("champion")
    assert number == 1
    customers().drop(columns="plan").to_parquet(tmp_path / "customers.parquet", index=False)
    (tmp_path / "fewer.py").write_text("def build(rows):\n    return rows[['spend', 'visits']]\n")
    found = evaluated(project.changed(features="fewer:build"), "second")
    assert (found.passed, found.outcome, found.comparisons) == (True, "inconclusive", ())
    assert "evidence that it is not worse: not compared with the champion, version 1" in found.summary
    assert found.summary.count("plan") == found.not_compared.count("plan") > 0


@pytest.mark.parametrize(
    ("labels", "metrics", "said"),
    [
        (("fraud", "legit"), ["recall", "accuracy"], "legit"),
        (("fraud", "legit"), ["roc_auc", "accuracy"], ""),
        ((0, 1), ["recall"], ""),
        ((False, True), ["average_precision"], ""),
        ((1, 2), ["f1"], "2"),
    ],
    ids=str,
)
def test_the_class_of_a_figure_is_named_where_it_does_not_go_without_saying(
    tmp_path: Path, labels: tuple[Any, Any], metrics: list[str], said: str
) -> None:
    table = customers()
    table["churned"] = table["churned"].map(dict(enumerate(labels)))
    project = Project.create(tmp_path, table, evaluate={"metrics": metrics})
    found = evaluated(project, "run")
    assert found.of_class == said
    assert (f"(of the class {said!r})" in found.summary) == bool(said)
