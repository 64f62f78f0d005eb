from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected, GateRejected
from airflow_mlops.lifecycle.runner import StageRequest, run_stage
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import connect, fluent
from airflow_mlops.user_code.loading import load_object
from tests.support.mlflow_store import new_store
from tests.support.project import ENVIRONMENT, Project, customers, stored

TUNE = {"space": {"learning_rate": [0.05, 0.3, "log"], "max_leaf_nodes": [5, 15]}, "n_trials": 3}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One project whose first model is trained once for the tests that only look."""
    return Project.create(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def trained(project: Project) -> tuple[dict[str, Any], dict[str, Any]]:
    return project.trained()


def artifact(project: Project, run_id: str, name: str) -> Any:
    folder = connect(project.tracking_uri).get_run(run_id).info.artifact_uri
    return json.loads((Path(folder) / name).read_text())


def test_only_rows_before_the_run_are_ingested(project: Project) -> None:
    dataset = project.run("ingest", {}, as_of="2024-01-11T00:00:00+00:00")
    assert dataset["rows"] == 240
    assert dataset["start"] == "2024-01-01T00:00:00+00:00"
    assert dataset["end"] == "2024-01-11T00:00:00+00:00"
    window = project.run(
        "ingest", {}, window_start="2024-01-10T00:00:00+00:00", as_of="2024-01-11T00:00:00+00:00"
    )
    assert window["rows"] == 24


def test_bad_data_is_rejected_with_every_failure_or_only_told(project: Project) -> None:
    dataset = project.run("ingest", {})
    expect = [{"column": "visits", "min": 1}, {"column": "plan", "in": ["basic"]}]
    strict = project.changed(validate={"expect": expect})
    with pytest.raises(
        DataRejected, match=r"(?s)2 of 2 expectations failed on 600 rows.*visits.*plan.*of 600 rows, e.g."
    ):
        strict.run("validate", {"dataset": dataset})
    report = project.changed(validate={"expect": expect, "on_failure": "warn"}).run(
        "validate", {"dataset": dataset}
    )
    assert (report["passed"], len(report["failures"]), report["expectations"]) == (False, 2, 2)


def test_the_model_asks_only_for_the_columns_that_it_uses(project: Project, trained: Any) -> None:
    with fluent(project.tracking_uri):
        signature = mlflow.models.get_model_info(trained[1]["model_uri"]).signature
    assert signature.inputs.input_names() == ["seen_at", "plan", "spend", "visits"]
    assert [str(kind) for kind in signature.inputs.input_types()] == [
        "Any",
        "DataType.string",
        "DataType.double",
        "DataType.long",
    ]
    assert [spec.required for spec in signature.inputs.inputs] == [True, True, False, True]


def test_mlflow_is_left_where_it_was(project: Project, tmp_path: Path) -> None:
    """The registry goes where the runs go, unless somebody said otherwise."""
    mlflow.set_tracking_uri(elsewhere := new_store(tmp_path / "elsewhere"))
    with fluent(project.tracking_uri):
        assert mlflow.get_registry_uri() == project.tracking_uri
    assert mlflow.get_tracking_uri() == elsewhere
    mlflow.set_tracking_uri(project.tracking_uri)
    assert mlflow.get_registry_uri() == project.tracking_uri
    assert "MLFLOW_REGISTRY_URI" not in os.environ


ALONE = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.sklearn.load_model(sys.argv[2])
golden = json.load(sys.stdin)
rows = pd.DataFrame(golden["rows"], columns=golden["columns"])
print(json.dumps([model.predict(rows).tolist(), model.predict_proba(rows)[:, 1].tolist()]))
print(json.dumps([name for name in sys.modules if name.startswith(("churn_features", "airflow"))]))
"""


def test_the_model_carries_the_users_code_and_answers_json_rows_anywhere(
    project: Project, trained: Any, tmp_path: Path
) -> None:
    """Without the module, without this package: the golden rows as JSON give the golden answers."""
    golden = artifact(project, trained[1]["run_id"], "golden.json")
    assert len(golden["rows"]) == len(golden["predictions"]) == len(golden["scores"]) == 20
    done = subprocess.run(
        [sys.executable, "-c", ALONE, project.tracking_uri, trained[1]["model_uri"]],
        input=json.dumps(golden), capture_output=True, text=True, cwd=tmp_path, check=False, env={"PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    predictions, scores = json.loads(done.stdout.splitlines()[0])
    assert predictions == golden["predictions"]
    assert scores == golden["scores"]
    assert json.loads(done.stdout.splitlines()[1]) == []


def test_the_profile_describes_the_columns_of_the_model(project: Project, trained: Any) -> None:
    text = json.dumps(artifact(project, trained[1]["run_id"], "profile.json"))
    assert "spend" in text
    assert "refund" not in text


def test_a_second_try_uses_the_same_run(project: Project, trained: Any) -> None:
    features, model = trained
    again = project.run("train", {"features": features})
    assert again["run_id"] == model["run_id"]
    assert again["digest"] == model["digest"]
    assert again["model_uri"] != model["model_uri"]


def test_tuning_beats_nothing_and_its_best_parameters_are_trained(project: Project) -> None:
    tuned = project.changed(train={**project.config["train"], "tune": {**TUNE, "workers": 2}})
    features = tuned.run("features", {"dataset": tuned.run("ingest", {})})
    results = [
        tuned.run("tune", {"features": features}, options={"worker": worker, "workers": 2})
        for worker in (0, 1)
    ]
    assert [result["trials"] for result in results] == [2, 1]
    assert results[0]["run_id"] != results[1]["run_id"]
    trials = artifact(project, results[0]["run_id"], "trials.json")["trials"]
    assert results[0]["best_score"] == max(trial["score"] for trial in trials)
    best = max(results, key=lambda result: result["best_score"])
    model = tuned.run("train", {"features": features, "tune": results}, "run2")
    assert model["params"] == {"max_iter": 20, **best["best_params"]}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"max_leafs": [5, 15]}, "no parameter 'max_leafs'"),
        ({"max_leaf_nodes": [-9, -5]}, "all 3 trials .* failed"),
    ],
)
def test_a_search_that_cannot_work_says_why(project: Project, space: dict[str, Any], message: str) -> None:
    tuned = project.changed(train={**project.config["train"], "tune": {"space": space, "n_trials": 3}})
    features = tuned.run("features", {"dataset": tuned.run("ingest", {})})
    with pytest.raises(ConfigError, match=message):
        tuned.run("tune", {"features": features})


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"estimator": "sklearn.ensemble.RandomForestClasifier"}, r"did you mean RandomForestClassifier\?"),
        (
            {"estimator": "sklearn.tree.DecisionTreeClassifier", "params": {"max_dept": 3}},
            r"did you mean max_depth\?",
        ),
        (
            {"estimator": "sklearn.linear_model.LogisticRegression", "preprocess": None},
            "cannot be fitted.*with gaps: spend",
        ),
        ({"estimator": "sklearn.svm.LinearSVC"}, "roc_auc needs predict_proba"),
        ({"estimator": "sklearn.tree.DecisionTreeRegressor"}, "roc_auc is for classification"),
    ],
)
def test_a_wrong_estimator_is_named_before_or_at_the_fit(
    project: Project, trained: Any, train: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        project.changed(train=train).run("train", {"features": trained[0]}, "wrong")


def test_the_gate_says_no_without_raising_and_registration_refuses(project: Project, trained: Any) -> None:
    features, model = trained
    harsh = project.changed(
        evaluate={"metrics": ["roc_auc"], "require": {"roc_auc": ">= 0.999", "f1": ">= 0.1"}}
    )
    evaluation = harsh.run("evaluate", {"features": features, "model": model})
    assert not evaluation["passed"]
    assert evaluation["reasons"][0].startswith("roc_auc 0.")
    assert set(evaluation["metrics"]) == {"roc_auc", "f1"}
    with pytest.raises(GateRejected, match=r"roc_auc 0\.\d+ is not >= 0\.999"):
        harsh.run("register", {"evaluation": evaluation})
    assert artifact(project, model["run_id"], "evaluation.json")["passed"] is False


def registered(project: Project, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    features, model = project.trained(key)
    evaluation = project.run("evaluate", {"features": features, "model": model}, key)
    assert evaluation["passed"], evaluation["reasons"]
    return evaluation, project.run("register", {"evaluation": evaluation}, key)


def test_without_deploy_each_version_becomes_champion_and_remembers_the_one_before(tmp_path: Path) -> None:
    project = Project.create(
        tmp_path, evaluate={"metrics": ["roc_auc", "log_loss"], "against_champion": {"roc_auc": ">= -0.01"}}
    )
    first_evaluation, first = registered(project, "a")
    assert not first_evaluation["comparisons"]
    assert (first["model_version"], first["alias"]) == (1, "champion")
    second_evaluation, second = registered(project, "b")
    (comparison,) = second_evaluation["comparisons"]
    assert second_evaluation["champion_version"] == 1
    assert comparison["challenger"] == pytest.approx(comparison["champion"])
    assert project.run("register", {"evaluation": second_evaluation}, "b") == second
    registry = Registry(project.tracking_uri, "churn")
    assert (registry.get("champion"), registry.get("previous"), registry.get("challenger")) == (2, 1, None)
    assert registry.version(2).tags["mlops.task_key"].startswith("churn__train/b/")


def test_with_deploy_the_version_waits_as_challenger(tmp_path: Path) -> None:
    project = Project.create(tmp_path, deploy={})
    _, version = registered(project, "a")
    assert version["alias"] == "challenger"
    registry = Registry(project.tracking_uri, "churn")
    assert (registry.get("champion"), registry.get("challenger")) == (None, 1)


def test_a_clearly_worse_challenger_fails_against_the_champion(tmp_path: Path) -> None:
    gate = {"metrics": ["roc_auc"], "against_champion": {"roc_auc": ">= -0.02", "log_loss": ">= -0.02"}}
    project = Project.create(tmp_path, evaluate=gate)
    registered(project, "good")
    stump = {
        "estimator": "sklearn.tree.DecisionTreeClassifier",
        "params": {"max_depth": 1, "max_features": 1},
    }
    features, model = (worse := project.changed(train=stump)).trained("stump")
    evaluation = worse.run("evaluate", {"features": features, "model": model}, "stump")
    assert not evaluation["passed"]
    assert [comparison["passed"] for comparison in evaluation["comparisons"]] == [False, False]
    loss = evaluation["comparisons"][1]
    assert loss["challenger"] > loss["champion"]
    assert loss["low"] <= loss["difference"] <= loss["high"] < 0


def test_a_champion_that_cannot_score_the_rows_is_not_passed_in_silence(tmp_path: Path) -> None:
    project = Project.create(
        tmp_path, evaluate={"metrics": ["roc_auc"], "against_champion": {"roc_auc": ">= -0.01"}}
    )
    registered(project, "old")
    customers().drop(columns="visits").to_parquet(tmp_path / "customers.parquet")
    newer = project.changed(
        features=None, data={**project.config["data"], "source": project.config["data"]["source"]}
    )
    numbers = customers().drop(columns=["visits", "plan"])
    numbers.to_parquet(tmp_path / "customers.parquet")
    features, model = newer.trained("new")
    evaluation = newer.run("evaluate", {"features": features, "model": model}, "new")
    assert not evaluation["passed"]
    assert evaluation["champion_version"] == 1
    assert evaluation["outcome"] == "inconclusive"
    assert "not enough evidence: not compared with the champion, version 1" in evaluation["reasons"][0]
    assert "'plan'" in evaluation["reasons"][0]


def test_a_regression_goes_all_the_way(tmp_path: Path) -> None:
    frame = customers().drop(columns=["refund"]).dropna()
    frame["churned"] = (
        frame["spend"] * 2 + frame["visits"] + np.random.default_rng(0).normal(0, 1, len(frame))
    )
    project = Project.create(
        tmp_path,
        frame,
        train={"estimator": "sklearn.linear_model.Ridge"},
        evaluate={"metrics": ["rmse", "r2"], "require": {"rmse": "<= 2", "r2": ">= 0.9"}},
    )
    evaluation, version = registered(project, "a")
    assert version["model_version"] == 1
    golden = artifact(project, evaluation["model"]["run_id"], "golden.json")
    assert golden["scores"] == golden["predictions"]


def test_labels_may_be_text(tmp_path: Path) -> None:
    frame = customers().assign(churned=lambda f: f["churned"].map({0: "stays", 1: "leaves"}))
    project = Project.create(tmp_path, frame)
    project = project.changed(data={**project.config["data"], "positive": "leaves"})
    evaluation, _ = registered(project, "a")
    assert set(artifact(project, evaluation["model"]["run_id"], "golden.json")["predictions"]) <= {
        "stays",
        "leaves",
    }


def test_an_estimator_beside_the_pipeline_file_travels_too(tmp_path: Path) -> None:
    (tmp_path / "my_estimators.py").write_text(
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "class Majority(ClassifierMixin, BaseEstimator):\n"
        "    def __init__(self, bias=0):\n        self.bias = bias\n"
        "    def fit(self, rows, target):\n        self.classes_ = sorted(set(target))\n"
        "        self.top_ = target.mode()[0]\n        return self\n"
        "    def predict(self, rows):\n        return [self.top_] * len(rows)\n"
        "    def predict_proba(self, rows):\n        import numpy\n"
        "        return numpy.tile([0.5, 0.5], (len(rows), 1))\n"
    )
    project = Project.create(
        tmp_path, train={"estimator": "my_estimators.Majority"}, evaluate={"metrics": ["accuracy", "roc_auc"]}
    )
    evaluation, _ = registered(project, "a")
    assert evaluation["metrics"]["roc_auc"] == 0.5
    (tmp_path / "my_ducks.py").write_text("class Duck:\n    fit = predict = lambda self, *args: self\n")
    with pytest.raises(ConfigError, match=r"derive my_ducks.Duck from sklearn\.base\.BaseEstimator"):
        project.changed(train={"estimator": "my_ducks.Duck"}).trained("duck")


def test_a_request_gives_the_same_record_here_and_in_another_process(project: Project, trained: Any) -> None:
    dataset = project.result("ingest", {})
    expectations = project.changed(validate={"expect": [{"column": "visits", "min": 0}]})
    features = project.result("features", {"dataset": dataset.record})
    inputs = {"features": trained[0], "model": trained[1]}
    for owner, stage, given, here in (
        (project, "ingest", {}, dataset),
        (
            expectations,
            "validate",
            {"dataset": dataset.record},
            expectations.result("validate", {"dataset": dataset.record}),
        ),
        (project, "features", {"dataset": dataset.record}, features),
        (project, "evaluate", inputs, project.result("evaluate", inputs)),
    ):
        assert elsewhere(owner.request(stage, given), project.root)["digest"] == here.digest


def test_training_elsewhere_learns_the_same(project: Project, trained: Any) -> None:
    there = elsewhere(project.request("train", {"features": trained[0]}), project.root)["record"]
    assert {**there, "model_uri": trained[1]["model_uri"]} == trained[1]


def elsewhere(request: StageRequest, folder: Path) -> dict[str, Any]:
    (folder / "request.json").write_text(json.dumps(asdict(request)))
    command = [sys.executable, "-m", "airflow_mlops.runner", "request.json", "result.json"]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads((folder / "result.json").read_text()))


def test_two_pipelines_may_each_have_a_module_of_the_same_name(tmp_path: Path) -> None:
    frames = []
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        project = Project.create(tmp_path / folder, features="own_features:build")
        (tmp_path / folder / "own_features.py").write_text(
            f"def build(rows):\n    return rows[['visits']] * {number}\n"
        )
        features = project.run("features", {"dataset": project.run("ingest", {})})
        frames.append(stored(features, "train_features"))
    assert frames[0]["visits"].max() == 0
    assert frames[1]["visits"].max() > 0


@pytest.mark.parametrize("package", [True, False])
def test_two_pipelines_may_each_have_a_package_that_their_modules_import(
    tmp_path: Path, package: bool
) -> None:
    """As two migrated recipes have: each a package ``steps`` beside it."""
    name = f"own_steps_{package}"
    for number in (1, 2):
        folder = tmp_path / str(number) / name
        folder.mkdir(parents=True)
        (folder / "split.py").write_text(f"def keep():\n    return {number}\n")
        if package:
            (folder / "__init__.py").write_text("")
        module = f"from {name}.split import keep\n\ndef rows():\n    return keep()\n"
        (folder.parent / f"glue_{number}_{package}.py").write_text(module)
    for number in (1, 2, 1):
        found = load_object(f"glue_{number}_{package}:rows", tmp_path / str(number))
        sys.modules.pop(f"glue_{number}_{package}")
        assert found() == number


def test_a_stage_without_its_input_says_which(project: Project) -> None:
    with pytest.raises(ConfigError, match="stage validate needs"):
        run_stage(project.request("validate", {}))
    with pytest.raises(ConfigError, match="stage features needs the input 'dataset'"):
        run_stage(project.request("features", {}))


def test_weights_by_class_reach_the_estimator_of_every_try(project: Project) -> None:
    """From the file, from a search, and in another process: the keys are the numbers of the classes."""
    estimator = "sklearn.linear_model.LogisticRegression"
    space = {"class_weight": [{0: 1, 1: 20}], "C": [0.5, 2.0]}
    tuned = project.changed(
        features="features_without_gaps:build",
        train={
            "estimator": estimator,
            "params": {"class_weight": {0: 1, 1: 2}},
            "tune": {"space": space, "n_trials": 2},
        },
    )
    (project.root / "features_without_gaps.py").write_text(
        "def build(rows):\n    return rows[['visits']].fillna(0)\n"
    )
    features = tuned.run("features", {"dataset": tuned.run("ingest", {})})
    found = tuned.run("tune", {"features": features}, options={"worker": 0, "workers": 1})
    assert (found["failed"], found["trials"]) == (0, 2)
    for tune, weights in (([], {0: 1, 1: 2}), ([found], {0: 1, 1: 20})):
        request = tuned.request("train", {"features": features, **({"tune": tune} if tune else {})})
        first = json.loads(json.dumps(run_stage(request).record))
        again = elsewhere(request, project.root)["record"]
        assert again["digest"] == first["digest"]
        for record in (first, again):
            with fluent(project.tracking_uri):
                model = mlflow.sklearn.load_model(record["model_uri"])
            assert model.named_steps["model"].class_weight == weights
        logged = connect(project.tracking_uri).get_run(first["run_id"]).data
        assert str(weights) in (logged.params["class_weight"], logged.tags.get("mlops.retried.class_weight"))
