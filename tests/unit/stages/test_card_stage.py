"""`evaluate` logs the card of a training; `features` names leaks; `airflow-mlops card` writes the card."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from airflow_mlops.__main__ import main
from airflow_mlops.core.errors import DataRejected
from airflow_mlops.core.records import FeatureSet
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import connect
from tests.support.project import Project

TREE = {"estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose feature function passes a copy of the target on; its model becomes version 1."""
    root = tmp_path_factory.mktemp("cards")
    project = Project.create(
        root,
        train=TREE,
        validate={"expect": [{"column": "plan", "in": ["basic", "plus", "pro"]}]},
        evaluate={
            "metrics": ["roc_auc", "log_loss"],
            "require": {"roc_auc": ">= 0.6"},
            "slices": {"plan": {"roc_auc": ">= 0.5"}},
            "min_slice_rows": 10,
        },
    )
    code = root / "churn_features.py"
    code.write_text(code.read_text().replace('[["spend", "visits"]]', '[["spend", "visits", "refund"]]'))
    return project


@pytest.fixture(scope="module")
def features(project: Project) -> dict[str, Any]:
    dataset = project.run("ingest", {})
    report = project.run("validate", {"dataset": dataset})
    return project.run("features", {"dataset": dataset, "validation": report})


@pytest.fixture(scope="module")
def model(project: Project, features: dict[str, Any]) -> dict[str, Any]:
    return project.run("train", {"features": features})


@pytest.fixture(scope="module")
def evaluation(project: Project, features: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    found = project.run("evaluate", {"features": features, "model": model})
    project.run("register", {"evaluation": found, "features": features})
    return found


def test_the_leak_is_in_the_record_its_line_and_the_notes(features: dict[str, Any]) -> None:
    record = FeatureSet.from_json(features)
    assert record.leaks is not None
    assert [(leak.column, leak.kind) for leak in record.leaks.leaks] == [("refund", "copy")]
    assert "a possible leak of the target: refund is a copy" in record.summary
    assert record.notes[-1] == record.leaks.sentence


def test_a_leak_can_be_refused_and_the_probe_switched_off(project: Project) -> None:
    dataset = project.run("ingest", {})
    strict = project.changed(evaluate={"metrics": ["roc_auc"], "leaks": "refuse"})
    with pytest.raises(DataRejected, match=r"refund is a copy of the target .*evaluate\.leaks\.allow"):
        strict.run("features", {"dataset": dataset})
    without = project.changed(evaluate={"metrics": ["roc_auc"], "leaks": None})
    assert without.run("features", {"dataset": dataset})["leaks"] is None


def test_the_card_is_in_the_run_of_the_model(project: Project, evaluation: dict[str, Any]) -> None:
    run = connect(project.tracking_uri).get_run(evaluation["model"]["run_id"])
    assert (
        evaluation["card"]
        == f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/card.html"
    )
    html = (Path(run.info.artifact_uri) / "card.html").read_text()
    for part in (
        "Passed the gate", "Possible leak: refund", "refund matters most", "plan = basic", "ROC curve",
        "Great Expectations: 1 expectations", "churn_features:build", "sklearn.tree.DecisionTreeClassifier",
        evaluation["model"]["digest"][:12],
    ):  # fmt: skip
        assert part in html, part
    assert "Not computed" not in html


def test_a_model_that_is_fitted_once_more_keeps_the_card_of_its_judgement(
    project: Project, features: dict[str, Any], evaluation: dict[str, Any]
) -> None:
    refit = project.run("refit", {"features": features, "evaluation": evaluation})
    run = connect(project.tracking_uri).get_run(refit["run_id"])
    assert run.info.run_id != evaluation["model"]["run_id"]
    html = (Path(run.info.artifact_uri) / "card.html").read_text()
    assert evaluation["model"]["digest"][:12] in html


def test_a_card_that_cannot_be_drawn_is_a_warning(
    project: Project,
    features: dict[str, Any],
    model: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(training: object) -> str:
        raise RuntimeError("no ink")

    monkeypatch.setattr("airflow_mlops.cards.page.card_page", broken)
    with caplog.at_level(logging.WARNING):
        found = project.run("evaluate", {"features": features, "model": model})
    assert found["passed"]
    assert found["card"] == ""
    assert "the training card is not logged: RuntimeError: no ink" in caplog.text


def test_the_command_writes_the_card_of_a_version_or_an_alias(
    project: Project,
    evaluation: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", project.tracking_uri)
    assert main(["card", "churn"]) == 0
    assert capsys.readouterr().out == "churn-1.card.html\n"
    card = (tmp_path / "churn-1.card.html").read_text()
    assert evaluation["model"]["digest"][:12] in card
    assert main(["card", "churn@1", "--output", "-"]) == 0
    assert capsys.readouterr().out == f"{card}\n"
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    assert main(["card", "churn@champion", "--open"]) == 0
    assert opened == [Path(capsys.readouterr().out.strip()).as_uri()]


def test_the_command_says_what_is_missing(
    project: Project,
    evaluation: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["card", "churn"]) == 2
    assert "no such MLflow store" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", project.tracking_uri)
    assert main(["card", "churn@canary"]) == 1
    assert "no version with the alias canary" in capsys.readouterr().err
    assert main(["card", "churn@7"]) == 1
    assert "churn has no version 7" in capsys.readouterr().err
    assert main(["card", "@3"]) == 2
    assert "@3: write the name of the pipeline first" in capsys.readouterr().err
    registry = Registry(project.tracking_uri, "churn")
    bare = registry.register(f"{evaluation['model']['model_uri']}", features_run(project), {})
    assert main(["card", f"churn@{bare}"]) == 1
    assert f"version {bare} of churn has no card" in capsys.readouterr().err


def features_run(project: Project) -> str:
    """A run without any artifact."""
    client = connect(project.tracking_uri)
    experiment = client.get_experiment_by_name("churn").experiment_id
    return str(client.create_run(experiment).info.run_id)
