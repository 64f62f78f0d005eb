"""Pipelines that are written in Python: the same DAGs, the same faults, and a light import."""

import inspect
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
from airflow.serialization.serialized_objects import DagSerialization

import airflow_mlops
from airflow_mlops import Data, Evaluate, Pipeline, Source, Train, Tune, build_dags, load_pipeline
from airflow_mlops.config import models
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.factory.builder import build
from tests.support.project import ENVIRONMENT

CORPUS = Path(__file__).parents[2] / "corpus" / "valid"
SMALL: dict[str, Any] = {
    "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "y"},
    "train": {"estimator": "sklearn.tree.DecisionTreeClassifier"},
    "evaluate": {"metrics": ["accuracy"]},
}


def found(*pipelines: Pipeline, folder: Path = CORPUS) -> dict[str, DAG]:
    namespace: dict[str, Any] = {"__file__": str(folder / "dags.py")}
    build_dags(namespace, *pipelines)
    return {key: value for key, value in namespace.items() if isinstance(value, DAG)}


def test_the_dags_are_those_of_the_same_pipeline_in_a_file() -> None:
    read = load_pipeline(CORPUS / "everything.yaml")
    written = found(Pipeline(**read.effective()))
    for dag_id, dag in build(read, base=str(CORPUS)).items():
        assert DagSerialization.to_dict(written[dag_id]) == DagSerialization.to_dict(dag)
    assert {task.base for task in written["everything__train"].tasks if not task.is_mapped} == {str(CORPUS)}


def test_sections_and_plain_mappings_say_the_same() -> None:
    sections = Pipeline(
        name="churn",
        data=Data(source=Source(type="csv", filepath="rows.csv"), target="y"),
        train=Train(estimator="sklearn.tree.DecisionTreeClassifier", tune=Tune(space={"max_depth": (2, 9)})),
        evaluate=Evaluate(metrics=("accuracy",)),
    )
    train = {**SMALL["train"], "tune": {"space": {"max_depth": [2, 9]}}}
    assert sections == Pipeline(name="churn", **{**SMALL, "train": train})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Train(estimator="a.B", parms={}), "Train: parms: is not a known key (did you mean params?)"),
        (
            lambda: Pipeline(
                name="churn", **{**SMALL, "train": {"estimator": "a.B", "tune": {"n_trial": 1}}}
            ),
            "Pipeline churn: train.tune.space: required key is missing\n"
            "Pipeline churn: train.tune.n_trial: is not a known key (did you mean n_trials?)",
        ),
        (
            lambda: Pipeline(name="churn", **{**SMALL, "approve": {"by": ["ann"], "within": timedelta(0)}}),
            "Pipeline churn: approve.within: a duration must be positive",
        ),
        (
            lambda: Pipeline(name="churn", **{**SMALL, "owner": 3}),
            "Pipeline churn: owner: must be text, got 3",
        ),
        (
            lambda: Pipeline(name="Churn", **SMALL),
            "Pipeline Churn: name: a name must start with a letter and have only lower-case letters, "
            "digits and _, at most 63, got 'Churn'",
        ),
    ],
)
def test_every_fault_is_told_by_its_key(make: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == told


def test_a_running_task_builds_only_its_own_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines = [Pipeline(name=name, **SMALL) for name in ("one", "two")]
    assert found(*pipelines).keys() == {"one__train", "two__train"}
    # Airflow leaves these variables set; monkeypatch takes them away again.
    for name in ("DAG_ID", "TASK_ID"):
        monkeypatch.setenv(f"_AIRFLOW_PARSING_CONTEXT_{name}", "")
    # As Airflow's task runner does before it parses the file of a task.
    with _airflow_parsing_context_manager("two__train", "ingest"):
        assert found(*pipelines).keys() == {"two__train"}
    with _airflow_parsing_context_manager("somebody_elses_dag", "ingest"):
        assert found(*pipelines).keys() == {"one__train", "two__train"}


def test_two_of_one_name_and_what_is_no_pipeline_are_told() -> None:
    twin = Pipeline(name="twin", **SMALL)
    with pytest.raises(ConfigError, match="two pipelines have the name 'twin'"):
        found(twin, twin)
    with pytest.raises(ConfigError, match=r"expects a Pipeline, got dict: write Pipeline\(\*\*values\)"):
        found(SMALL)  # type: ignore[arg-type]


def test_every_section_is_a_public_name_and_the_import_is_light() -> None:
    sections = {
        name
        for name, value in vars(models).items()
        if inspect.isclass(value) and issubclass(value, models.Section) and value is not models.Section
    }
    assert sections <= set(airflow_mlops.__all__)
    code = (
        "import json, sys; import airflow_mlops; first = len(sys.modules); airflow_mlops.Pipeline; "
        "heavy = [name for name in ('airflow', 'pandas', 'numpy', 'mlflow') if name in sys.modules]; "
        "print(json.dumps(['pydantic' in sys.modules, heavy]))"
    )
    light = "import json, sys; import airflow_mlops; print(json.dumps('pydantic' in sys.modules))"
    answers = [
        json.loads(subprocess.check_output([sys.executable, "-c", text], text=True, env=ENVIRONMENT))
        for text in (light, code)
    ]
    assert answers == [False, [True, []]]
