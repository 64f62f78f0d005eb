"""Without a limit the champion is compared all the same; and a figure says which class it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as peer

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.records import Evaluation, ModelRef
from airflow_mlops.monitoring.champion import Champion
from airflow_mlops.serving.model import _asked
from airflow_mlops.training import estimators
from airflow_mlops.training.mlflow_access import Mlflow
from airflow_mlops.training.registry import Registry
from tests.support.project import Project, customers, stored

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
    assert "clearly worse. " in worse.summary
    assert "Failed: it is not registered; version 1 stays the champion" in worse.summary
    same = evaluated(project, "again")
    assert "roc_auc +0.000 (95 % interval +0.000 to +0.000), not worse. Passed" in same.summary
    assert "clearly" not in same.summary


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
    ("labels", "positive", "metrics", "said"),
    [
        (("fraud", "legit"), "fraud", ["recall", "accuracy"], "fraud"),
        (("fraud", "legit"), "legit", ["roc_auc", "accuracy"], "legit"),
        ((0, 1), None, ["recall"], ""),
        ((0, 1), 0, ["recall"], "0"),
        ((False, True), None, ["average_precision"], ""),
        ((1, 2), 2, ["f1"], "2"),
    ],
    ids=str,
)
def test_the_class_of_a_figure_is_named_where_it_does_not_go_without_saying(
    tmp_path: Path, labels: tuple[Any, Any], positive: Any, metrics: list[str], said: str
) -> None:
    table = customers()
    table["churned"] = table["churned"].map(dict(enumerate(labels)))
    project = Project.create(tmp_path, table, evaluate={"metrics": metrics})
    found = evaluated(project.changed(data={**project.config["data"], "positive": positive}), "run")
    assert found.of_class == said
    assert (f"(of the class {said!r})" in found.summary) == bool(said)


def test_two_texts_without_a_positive_class_are_refused_before_the_fit(tmp_path: Path) -> None:
    table = customers()
    table["churned"] = table["churned"].map({0: "stays", 1: "leaves"})
    project = Project.create(tmp_path, table)
    with pytest.raises(
        ConfigError, match=r"labels 'leaves' and 'stays', and nothing says .*`positive: leaves`"
    ):
        project.trained()
    with pytest.raises(
        ConfigError, match=r"data\.positive is 'leave', but the target has 'leaves' and 'stays'"
    ):
        project.changed(data={**project.config["data"], "positive": "leave"}).trained()


def test_scores_are_those_of_the_positive_class_in_every_place(tmp_path: Path) -> None:
    """The class that is first by alphabet: golden rows, evaluation, window and its figures agree."""
    table = customers()
    table["churned"] = table["churned"].map({0: "stays", 1: "leaves"})
    project = Project.create(tmp_path, table, evaluate={"metrics": ["average_precision", "f1"]})
    project = project.changed(data={**project.config["data"], "positive": "leaves"})
    features, model = project.trained()
    assert model["positive"] == "leaves"
    assert "its score is the probability of 'leaves'" in ModelRef.from_json(model).summary
    loaded = Mlflow(project.tracking_uri).load_model(model["model_uri"])
    rows = table.drop(columns="churned").head(50)
    assert list(loaded.classes_) == ["leaves", "stays"]
    scores = estimators.scores(loaded, rows)
    assert scores == pytest.approx(loaded.predict_proba(rows)[:, 0])
    served = _asked(loaded, rows)
    assert served.scores == pytest.approx(scores)
    found = Evaluation.from_json(project.run("evaluate", {"features": features, "model": model}))
    held = stored(features, "holdout")
    truth = held.pop("churned")
    expected = peer.average_precision_score(truth == "leaves", loaded.predict_proba(held)[:, 0])
    assert found.metrics["average_precision"] == pytest.approx(expected)
    assert found.dummy["average_precision"] == pytest.approx((truth == "leaves").mean())
    window = Champion("churn", 1, "run", loaded).scored(rows)
    assert window["_score"].to_numpy() == pytest.approx(scores)


def test_a_model_that_knows_nothing_is_said_to_beat_no_dummy(tmp_path: Path) -> None:
    table = customers()
    table["churned"] = np.random.default_rng(1).permutation(table["churned"])
    found = evaluated(Project.create(tmp_path, table), "noise")
    assert "beat a dummy that knows no feature (roc_auc 0." in found.caution
    assert found.caution in found.summary
    assert found.dummy["roc_auc"] == 0.5
    assert found.passed


def test_a_metric_of_a_users_own_goes_through_tuning_training_and_the_gate(tmp_path: Path) -> None:
    (tmp_path / "costs.py").write_text(
        "def cost(truth, predicted):\n"
        "    return float((10.0 * (truth > predicted) + (truth < predicted)).mean())\n"
    )
    name = "min costs:cost"
    tune = {"space": {"max_leaf_nodes": [4, 8]}, "n_trials": 2}
    project = Project.create(
        tmp_path,
        train={"estimator": "sklearn.tree.DecisionTreeClassifier", "threshold": "f1", "tune": tune},
        evaluate={
            "metrics": [name, "matthews_corrcoef"],
            "require": {name: "<= 9", "matthews_corrcoef": ">= -1"},
            "against_champion": {name: ">= -9"},
            "slices": {"plan": {name: "<= 9"}},
            "min_slice_rows": 10,
        },
    )
    first = evaluated(project, "first")
    assert first.passed
    assert first.metrics.keys() == {name, "matthews_corrcoef"}
    assert {item.name for part in first.slices for item in part.checks} == {name}
    champion(project, first)
    (against,) = evaluated(project, "second").comparisons
    assert (against.metric, against.difference, against.passed) == (name, 0, True)
