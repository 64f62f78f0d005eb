"""The model that is registered has learned all rows, and its judged twin is kept as evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from airflow_mlops.core.errors import ConfigError, DataRejected, GateRejected
from airflow_mlops.core.records import Evaluation, Refit
from airflow_mlops.core.tags import LEARNED
from airflow_mlops.monitoring.champion import load_profile
from airflow_mlops.training import models
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.tracking import connect
from tests.support.project import Project, customers, stored

Records = dict[str, dict[str, Any]]


def gone_through(project: Project, key: str = "run1") -> Records:
    """Run all tasks of a training and return their records."""
    features, model = project.trained(key)
    evaluation = project.run("evaluate", {"features": features, "model": model}, key)
    refit = project.run("refit", {"features": features, "evaluation": evaluation}, key)
    version = project.run("register", {"evaluation": evaluation, "refit": refit}, key)
    return {"features": features, "train": model, "evaluate": evaluation, "refit": refit, "register": version}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.create(tmp_path_factory.mktemp("refit"))


@pytest.fixture(scope="module")
def records(project: Project) -> Records:
    return gone_through(project)


def artifact(project: Project, run_id: str, name: str) -> Any:
    folder = connect(project.tracking_uri).get_run(run_id).info.artifact_uri
    return json.loads((Path(folder) / name).read_text())


def test_all_rows_are_learned_with_the_parameters_that_were_judged(records: Records) -> None:
    refit, judged = records["refit"], records["train"]
    assert (refit["rows"], judged["rows"]) == (600, records["features"]["train"]["rows"])
    assert refit["params"] == judged["params"]
    assert refit["judged"] == {key: value for key, value in judged.items() if key not in ("kind", "version")}
    assert refit["digest"] != judged["digest"]


def test_the_registered_model_is_that_of_a_plain_fit_on_all_rows(project: Project, records: Records) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = pd.concat([stored(records["features"], side) for side in ("train", "holdout")])
    seen = pd.concat([stored(records["features"], f"{side}_features") for side in ("train", "holdout")])
    plain = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(seen, rows["churned"])
    registered = models.load_model(project.tracking_uri, records["register"]["model_uri"])
    assert np.allclose(registered.predict_proba(rows), plain.predict_proba(seen))


def test_the_version_names_its_twin_both_digests_and_their_agreement(
    project: Project, records: Records
) -> None:
    version = Registry(project.tracking_uri, "churn").version(1)
    refit, judged = records["refit"], records["train"]
    assert (version.run_id, version.model_uri) == (refit["run_id"], refit["model_uri"])
    assert version.tags["mlops.model_digest"] == refit["digest"]
    assert version.tags["mlops.judged_model_digest"] == judged["digest"]
    assert version.tags["mlops.judged_model_uri"] == judged["model_uri"]
    assert version.tags["mlops.judged_run_id"] == judged["run_id"]
    assert (version.tags["mlops.learned_rows"], version.tags["mlops.judged_rows"]) == (
        "600",
        str(judged["rows"]),
    )
    assert "% equal labels" in version.tags["mlops.agreement"]
    assert version.tags["mlops.task_key"] == "churn__train/run1/refit/-1"


def test_the_agreement_is_that_of_the_two_models_on_the_hold_out(project: Project, records: Records) -> None:
    rows = stored(records["features"], "holdout").drop(columns="churned")
    uris = (records["train"]["model_uri"], records["refit"]["model_uri"])
    one, other = (models.load_model(project.tracking_uri, uri) for uri in uris)
    found = Refit.from_json(records["refit"])
    assert found.agreement is not None
    assert found.agreement.equal == pytest.approx((one.predict(rows) == other.predict(rows)).mean())
    assert found.agreement.rows == len(rows)
    assert "the two agree on the hold-out: 9" in found.summary


def test_golden_rows_are_answered_by_the_registered_model(project: Project, records: Records) -> None:
    golden = artifact(project, records["refit"]["run_id"], "golden.json")
    registered = models.load_model(project.tracking_uri, records["register"]["model_uri"])
    rows = pd.DataFrame(golden["rows"], columns=golden["columns"])
    assert registered.predict_proba(rows)[:, 1].tolist() == pytest.approx(golden["scores"])


def test_the_profile_knows_all_rows_and_the_scores_of_unseen_ones(project: Project, records: Records) -> None:
    """A model is surer of rows that it has learned: such scores would make every window look like drift."""
    run_id = Registry(project.tracking_uri, "churn").version(1).run_id
    profile = load_profile(project.tracking_uri, run_id)
    twins = load_profile(project.tracking_uri, records["train"]["run_id"])
    assert (profile["rows"], twins["rows"]) == (600, records["train"]["rows"])
    assert profile["score"] == twins["score"]
    assert profile["times"][0] == "2024-01-01T00:00:00+00:00"
    assert profile["times"][-1] == "2024-01-25T23:00:00+00:00" > twins["times"][-1]


def test_readers_of_the_version_find_its_evaluation(project: Project, records: Records) -> None:
    evaluation = Registry(project.tracking_uri, "churn").evaluation(1)
    assert evaluation == Evaluation.from_json(records["evaluate"])
    data = connect(project.tracking_uri).get_run(records["refit"]["run_id"]).data
    assert data.metrics["holdout.roc_auc"] == pytest.approx(records["evaluate"]["metrics"]["roc_auc"])
    assert data.metrics["agreement.equal"] == pytest.approx(records["refit"]["agreement"]["equal"])
    assert data.params["learned.rows"] == "600"


def test_a_retry_continues_its_run_and_registers_no_second_version(
    project: Project, records: Records
) -> None:
    again = project.run("refit", {"features": records["features"], "evaluation": records["evaluate"]}, "run1")
    assert again["run_id"] == records["refit"]["run_id"]
    assert again["digest"] == records["refit"]["digest"]
    inputs = {"evaluation": records["evaluate"], "refit": records["refit"]}
    assert project.run("register", inputs, "run1") == records["register"]


def test_a_rejected_model_is_not_fitted_once_more(project: Project, records: Records) -> None:
    refused = {**records["evaluate"], "passed": False, "reasons": ["roc_auc 0.5 is not >= 0.9"]}
    with pytest.raises(GateRejected, match=r"did not pass: roc_auc 0\.5 is not >= 0\.9"):
        project.run("refit", {"features": records["features"], "evaluation": refused}, "refused")
    client = connect(project.tracking_uri)
    experiment = client.get_experiment_by_name("churn").experiment_id
    assert not [run for run in client.search_runs([experiment]) if "/refused/refit/" in run.info.run_name]


def test_register_refuses_a_model_of_another_evaluation(project: Project, records: Records) -> None:
    other = {**records["refit"], "judged": {**records["refit"]["judged"], "model_uri": "models:/m-other"}}
    with pytest.raises(ConfigError, match="refit fitted models:/m-other once more, but evaluate judged"):
        project.run("register", {"evaluation": records["evaluate"], "refit": other}, "other")


def test_without_a_refit_the_judged_model_is_registered(project: Project, records: Records) -> None:
    version = project.run("register", {"evaluation": records["evaluate"]}, "by hand")
    assert version["run_id"] == records["train"]["run_id"]
    tags = Registry(project.tracking_uri, "churn").version(version["model_version"]).tags
    assert "mlops.judged_model_uri" not in tags
    assert tags["mlops.model_digest"] == records["train"]["digest"]


def test_with_refit_off_the_task_registers_the_judged_model(project: Project, records: Records) -> None:
    off = project.changed(train={**project.config["train"], "refit": None})
    refit = off.run("refit", {"features": records["features"], "evaluation": records["evaluate"]}, "off")
    assert refit["model_uri"] == records["train"]["model_uri"]
    assert Refit.from_json(refit).summary == "the judged model is registered: train.refit is off"


def test_with_a_test_set_of_its_own_there_is_nothing_to_add(tmp_path: Path) -> None:
    held = {"source": {"type": "parquet", "filepath": "held.parquet"}}
    project = Project.create(tmp_path, evaluate={"metrics": ["roc_auc"], "holdout": held})
    customers(200, seed=1).assign(customer_id=range(1_000, 1_200)).to_parquet(tmp_path / "held.parquet")
    assert "refit" not in [task.id for task in tasks(project)]
    dataset, test = project.run("ingest", {}), project.run("holdout", {})
    features = project.run("features", {"dataset": dataset, "holdout": test})
    model = project.run("train", {"features": features})
    evaluation = project.run("evaluate", {"features": features, "model": model})
    refit = Refit.from_json(project.run("refit", {"features": features, "evaluation": evaluation}))
    assert refit.model_uri == model["model_uri"]
    assert "a test set of its own, so it has learned all rows" in refit.summary


def tasks(project: Project) -> Any:
    from airflow_mlops.lifecycle.table import tasks_of

    return tasks_of(project.pipeline, "train")


def test_a_slip_in_a_label_of_the_hold_out_is_not_learned(tmp_path: Path) -> None:
    table = customers()
    table.loc[table.index[-3], "churned"] = 2  # the newest rows are held out
    project = Project.create(tmp_path, table, evaluate={"metrics": ["roc_auc", "f1"]})
    found = gone_through(project)
    assert found["evaluate"]["unknown_labels"] == 1
    assert (
        "1 of 120 rows do not count: the model was not trained on their label (2)"
        in found["evaluate"]["caution"]
    )
    assert found["refit"]["rows"] == 599
    logged = connect(project.tracking_uri).get_run(found["refit"]["run_id"]).data
    assert logged.params["learned.rows"] == "599"
    assert "fitted to 599 rows of 600" in logged.tags[LEARNED]
    profile = artifact(project, found["refit"]["run_id"], "profile.json")
    assert profile["target"]["rate"] == pytest.approx(table["churned"].replace(2, None).mean())
    registered = models.load_model(project.tracking_uri, found["register"]["model_uri"])
    assert list(registered.classes_) == [0, 1]
    strict = project.changed(data={**project.config["data"], "max_unknown_labels": 0})
    with pytest.raises(DataRejected, match="labels that the model was not trained on: 2 in 1 of 120 rows"):
        strict.run("evaluate", {"features": found["features"], "model": found["train"]}, "strict")
