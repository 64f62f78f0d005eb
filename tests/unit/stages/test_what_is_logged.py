"""What is logged is what was trained, is what is served, and MLflow shows where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.tags import CODE_DIGEST, LEARNED, MODEL_FORMAT, TRUSTED_TYPES
from airflow_mlops.serving.fetching import Fetcher
from airflow_mlops.serving.loading import load
from airflow_mlops.training.assembly import assemble
from airflow_mlops.training.models import load_model
from airflow_mlops.training.registry import Registry
from airflow_mlops.training.safe_format import trusted_types
from airflow_mlops.training.tracking import connect, fluent
from tests.support.project import Project

CODE = """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# version 1


def model(C=1.0):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C))


class Own(LogisticRegression):
    pass


class Forgetful(LogisticRegression):
    \"\"\"Comes back from its pickle with other coefficients.\"\"\"

    def __getstate__(self):
        return {**super().__getstate__(), "coef_": -self.coef_}
"""


def table(rows: int = 300) -> pd.DataFrame:
    chance = np.random.default_rng(5)
    x = chance.normal(size=rows)
    return pd.DataFrame(
        {
            "id": range(rows),
            "x": x,
            "visits": chance.integers(0, 9, rows),
            "small": chance.integers(0, 90, rows).astype("int8"),
            "flag": chance.random(rows) < 0.5,
            "y": (x + chance.normal(size=rows) > 0).astype(int),
        }
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("logged")
    (root / "own_models.py").write_text(CODE)
    return Project.create(
        root,
        table(),
        data={
            "source": {"type": "parquet", "filepath": "customers.parquet"},
            "target": "y",
            "keys": ["id"],
            "time": None,
        },
        features=None,
        train={"estimator": "own_models:model", "params": {"C": 0.5}},
        evaluate={"metrics": ["roc_auc"]},
    )


@pytest.fixture(scope="module")
def trained(project: Project) -> tuple[dict[str, Any], dict[str, Any]]:
    return project.trained()


@pytest.fixture(scope="module")
def run(project: Project, trained: Any) -> Any:
    return connect(project.tracking_uri).get_run(trained[1]["run_id"])


def runs(project: Project) -> int:
    client = connect(project.tracking_uri)
    found = client.get_experiment_by_name(project.pipeline.name)
    return len(client.search_runs([found.experiment_id])) if found else 0


def test_both_sides_of_the_rows_are_inputs_with_their_digests(run: Any, trained: Any) -> None:
    features, _ = trained
    shown = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
    assert {name: item.digest for name, item in shown.items()} == {
        "training": features["train"]["digest"][:36],
        "holdout": features["holdout"]["digest"][:36],
    }
    assert json.loads(shown["training"].profile)["num_rows"] == features["train"]["rows"]
    assert Path(json.loads(shown["training"].source)["uri"]).exists()


def test_every_parameter_of_the_estimator_and_the_split_are_shown(run: Any) -> None:
    shown = run.data.params
    assert (shown["C"], shown["logisticregression__C"], shown["estimator"]) == (
        "0.5",
        "0.5",
        "own_models:model",
    )
    assert shown["logisticregression"] == "LogisticRegression"
    assert shown["split.by"]


def test_scores_of_learned_rows_and_of_folds_stand_beside_those_of_the_holdout(run: Any) -> None:
    assert {"train.roc_auc", "cv.roc_auc", "cv.roc_auc.std"} <= run.data.metrics.keys()
    assert abs(run.data.metrics["train.roc_auc"] - run.data.metrics["cv.roc_auc"]) < 0.1


def test_the_code_has_a_digest_that_changes_with_it(project: Project, run: Any, trained: Any) -> None:
    before = run.data.tags[CODE_DIGEST]
    file = project.root / "own_models.py"
    file.write_text(CODE.replace("version 1", "version 2, longer"))
    try:
        again = project.run("train", {"features": trained[0]}, key="other")
    finally:
        file.write_text(CODE)
    assert connect(project.tracking_uri).get_run(again["run_id"]).data.tags[CODE_DIGEST] != before


def test_the_version_says_in_sentences_what_it_is(project: Project, run: Any, trained: Any) -> None:
    features, model = trained
    evaluation = project.run("evaluate", {"features": features, "model": model})
    version = project.run("register", {"evaluation": evaluation})["model_version"]
    text = Registry(project.tracking_uri, "churn").client.get_model_version("churn", str(version)).description
    assert text.startswith(f"{run.data.tags[LEARNED]}. On ")
    assert f"model, fitted to {features['train']['rows']:,} rows; hold-out: " in text
    assert "roc_auc 0." in text


def test_pyfunc_takes_the_rows_of_the_training_and_gives_probabilities(
    project: Project, trained: Any
) -> None:
    rows = table().drop(columns="y")
    with fluent(project.tracking_uri):
        model = mlflow.pyfunc.load_model(trained[1]["model_uri"])
    labels, chances = model.predict(rows), model.get_raw_model().predict_proba(rows)
    assert chances.shape == (len(rows), 2)
    assert (labels == model.get_raw_model().classes_[chances.argmax(axis=1)]).all()


def test_a_value_that_fits_no_more_is_answered_as_it_was_given(project: Project, trained: Any) -> None:
    with fluent(project.tracking_uri):
        model = mlflow.sklearn.load_model(trained[1]["model_uri"])
    one = table().drop(columns="y").head(1)
    given, became = (model.predict_proba(one.assign(small=value))[0, 1] for value in (316, 60))
    assert given != became
    with pytest.raises(ValueError, match="column 'flag': 'False' is not true or false"):
        model.predict(one.assign(flag="False"))


def test_a_model_that_comes_back_from_its_pickle_with_other_answers_fails_with_the_rows(
    project: Project, trained: Any
) -> None:
    odd = project.changed(train={"estimator": "own_models:Forgetful"})
    with pytest.raises(ConfigError, match=r"golden row 0: .*at training time .*golden\.json of the") as found:
        odd.run("train", {"features": trained[0]}, key="odd")
    assert "version 0" not in str(found.value)


def test_a_model_whose_files_somebody_changed_is_not_loaded(
    project: Project, trained: Any, tmp_path: Path
) -> None:
    features, hacked = trained[0], tmp_path / "hacked"
    model = project.run("train", {"features": features}, key="changed")
    evaluation = project.run("evaluate", {"features": features, "model": model})
    version = project.run("register", {"evaluation": evaluation})["model_version"]
    uri = f"models:/churn/{version}"
    assert load_model(project.tracking_uri, uri)
    logged = connect(project.tracking_uri).get_logged_model(model["model_uri"].removeprefix("models:/"))
    pickled = Path(logged.artifact_location) / "model.pkl"
    pickled.write_bytes(f"cos\nsystem\n(S'touch {hacked}'\ntR.".encode())
    for address in (uri, model["model_uri"]):
        with pytest.raises(ConfigError, match="its files are not those that its training logged"):
            load_model(project.tracking_uri, address)
        with pytest.raises(ConfigError, match="its files are not those that its training logged"):
            load(1, address, project.root / "served", Fetcher(project.tracking_uri))
    assert not hacked.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"evaluate": {"metrics": ["roc_auc"], "slices": {"shop": {"roc_auc": ">= 0.5"}}}},
            "no column 'shop'",
        ),
        (
            {"train": {"estimator": "own_models:model", "preprocess": None}},
            "cannot be fitted.*not numeric: plan",
        ),
    ],
)
def test_a_wrong_column_leaves_no_run(
    project: Project, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "own_models.py").write_text(CODE)
    frame = table().assign(plan=np.where(np.arange(300) % 2, "a", "b"))
    own = Project.create(tmp_path, frame, **{**project.config, "features": None, **changes})
    features = own.run("features", {"dataset": own.run("ingest", {})})
    with pytest.raises(ConfigError, match=message):
        own.run("train", {"features": features})
    assert runs(own) == 0


def test_few_rows_that_fail_for_a_reason_of_their_own_refuse_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A gap makes the columns doubtful; the trial has fewer rows than the estimator needs."""
    (tmp_path / "own_models.py").write_text(
        "from sklearn.ensemble import HistGradientBoostingClassifier\n\n\n"
        "class Many(HistGradientBoostingClassifier):\n    def fit(self, X, y):\n"
        "        assert len(X) > 100, 'too few'\n        return super().fit(X, y)\n"
    )
    frame = table().assign(x=lambda rows: rows["x"].where(rows["id"] > 5))
    own = Project.create(
        tmp_path,
        frame,
        features=None,
        **{**project.config, "train": {"estimator": "own_models:Many", "params": {"max_iter": 3}}},
    )
    features = own.run("features", {"dataset": own.run("ingest", {})})
    assert own.run("train", {"features": features})["rows"] > 100


@pytest.mark.parametrize("estimator", ["linear_model.LogisticRegression", "ensemble.RandomForestClassifier"])
def test_a_file_without_code_of_its_own_gets_a_model_whose_loading_runs_none(
    project: Project, estimator: str
) -> None:
    own = project.changed(train={"estimator": f"sklearn.{estimator}"})
    model = own.trained(key=estimator)[1]
    form = model["format"]
    assert (form["name"], form["why"]) == ("skops", "the file names no code of your own")
    assert "airflow_mlops.model_steps.raw_rows.to_features" in form["trusted"]
    assert all(name.startswith(("airflow_mlops.", "sklearn.")) for name in form["trusted"])
    tags = connect(own.tracking_uri).get_run(model["run_id"]).data.tags
    assert tags[TRUSTED_TYPES].split(", ") == list(form["trusted"])
    assert tags[MODEL_FORMAT].startswith("skops (the file names no code of your own): loading it builds")
    with fluent(own.tracking_uri):
        info = mlflow.models.get_model_info(model["model_uri"])
        needed = Path(mlflow.pyfunc.get_model_dependencies(model["model_uri"])).read_text()
        rows = table().drop(columns="y")
        answers = mlflow.pyfunc.load_model(model["model_uri"]).predict(rows)
        chances = mlflow.sklearn.load_model(model["model_uri"]).predict_proba(rows)
    assert info.flavors["sklearn"]["serialization_format"] == "skops"
    assert info.flavors["sklearn"]["skops_trusted_types"] == list(form["trusted"])
    assert {"airflow-mlops", "skops"} <= {line.partition("==")[0] for line in needed.split()}
    assert (answers == (chances[:, 1] > 0.5)).all()
    described = Path(connect(own.tracking_uri).get_logged_model(info.model_id).artifact_location) / "MLmodel"
    described.write_text(described.read_text().replace("to_features", "as_trained"))
    with pytest.raises(ConfigError, match="its files are not those that its training logged"):
        load_model(own.tracking_uri, model["model_uri"])


def test_a_type_that_the_model_does_not_list_is_not_built(project: Project, tmp_path: Path) -> None:
    """Of a model that somebody else logged, whose files have no digest."""
    rows = table()[["x"]]
    model = assemble(rows, None, LogisticRegression().fit(rows, table()["y"]))
    with fluent(project.tracking_uri):
        mlflow.sklearn.save_model(
            model,
            tmp_path / "model",
            serialization_format="skops",
            skops_trusted_types=list(trusted_types(model)),
        )
    assert len(load_model(project.tracking_uri, str(tmp_path / "model")).predict(rows)) == len(rows)
    described = tmp_path / "model" / "MLmodel"
    described.write_text(described.read_text().replace("raw_rows.to_features", "raw_rows.as_trained"))
    with pytest.raises(ConfigError, match=r"is not loaded: .*to_features"):
        load_model(project.tracking_uri, str(tmp_path / "model"))


def test_code_of_ones_own_is_agreement_to_run_it(trained: Any, run: Any) -> None:
    form = trained[1]["format"]
    assert (form["name"], form["trusted"]) == ("cloudpickle", [])
    assert form["why"] == "train.estimator names code of your own: own_models:model"
    assert "loading it runs code of the model" in run.data.tags[MODEL_FORMAT]


def test_a_challenger_of_one_format_is_compared_with_a_champion_of_the_other(
    project: Project, trained: Any
) -> None:
    """The pickled model is judged twice: as the first one, and against that of skops, which follows it."""
    features, models, found = trained[0], {}, []
    for key, form in (("a", "cloudpickle"), ("b", "auto"), ("c", "cloudpickle")):
        train = {"estimator": "sklearn.linear_model.LogisticRegression", "serialization": form}
        own = project.changed(train=train, name="formats")
        if form not in models:
            models[form] = own.run("train", {"features": features}, key=key)
        evaluation = own.run("evaluate", {"features": features, "model": models[form]}, key=key)
        found.append(
            (evaluation["champion_version"], [one["difference"] for one in evaluation["comparisons"]])
        )
        own.run("register", {"evaluation": evaluation}, key=key)
    assert found == [(None, []), (1, [0.0]), (2, [0.0])]
    client = Registry(project.tracking_uri, "formats").client
    texts = [client.get_model_version("formats", str(version)).description for version in (1, 2)]
    assert "Format: cloudpickle (" in texts[0]
    assert "Format: skops (" in texts[1]


def test_a_class_of_ones_own_does_not_fit_into_skops_and_that_shows_before_the_run_is_opened(
    project: Project, trained: Any
) -> None:
    own = project.changed(train={"estimator": "own_models:Own", "serialization": "skops"}, name="own_class")
    with pytest.raises(ConfigError, match=r"skops does not know own_models\.Own.*serialization: cloudpickle"):
        own.run("train", {"features": trained[0]}, key="own")
    assert runs(own) == 0
