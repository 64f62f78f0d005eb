"""Pipeline files become DAGs; a bad one hurts nobody else; parsing loads nothing heavy."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from airflow_mlops import load_pipeline, load_pipelines
from airflow_mlops.core.errors import ConfigError

DAGS = Path(__file__).parents[3] / "dags"
HEAVY = (
    "pandas",
    "sklearn",
    "mlflow",
    "great_expectations",
    "scipy",
    "optuna",
    "kubernetes",
    "kubernetes_asyncio",
)

GOOD = """\
name: {name}
data: {{source: {{type: csv, filepath: rows.csv}}, target: y}}
train: {{estimator: sklearn.tree.DecisionTreeClassifier}}
evaluate: {{metrics: [accuracy]}}
"""


def load(folder: Path, **kwargs: Any) -> dict[str, DAG]:
    namespace: dict[str, Any] = {"__file__": str(folder / "dags.py")}
    load_pipelines(namespace, **kwargs)
    return {key: value for key, value in namespace.items() if isinstance(value, DAG)}


def pipelines(folder: Path, **files: str) -> Path:
    (folder / "pipelines").mkdir()
    for stem, text in files.items():
        (folder / "pipelines" / f"{stem}.yaml").write_text(text)
    return folder


def edges(dag: DAG) -> dict[str, list[str]]:
    return {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}


def test_the_example_becomes_three_dags_joined_by_assets() -> None:
    dags = load(DAGS)
    assert set(dags) == {"flights__train", "flights__deploy", "flights__monitor"}
    assert edges(dags["flights__train"]) == {
        "ingest": [],
        "validate": ["ingest"],
        "features": ["ingest", "validate"],
        "tune": ["features"],
        "train": ["features", "tune"],
        "evaluate": ["features", "train"],
        "refit": ["evaluate", "features"],
        "register": ["evaluate", "features", "refit"],
    }
    assert edges(dags["flights__deploy"]) == {
        "prepare": [],
        "approve": ["prepare"],
        "rollout": ["approve", "prepare"],
        "finalize": ["prepare", "rollout"],
        "restore": ["finalize", "prepare"],
    }
    assert edges(dags["flights__monitor"]) == {
        "observe": [],
        "drift": ["observe"],
        "performance": ["observe"],
        "triage": ["drift", "observe", "performance"],
        "retrain": ["triage"],
    }
    register = dags["flights__train"].get_task("register")
    retrain = dags["flights__monitor"].get_task("retrain")
    assert [asset.name for asset in register.outlets] == ["flights/challenger"]
    assert [asset.name for asset in retrain.outlets] == ["flights/retrain"]
    assert "flights/challenger" in repr(dags["flights__deploy"].timetable)
    assert "flights/retrain" in repr(dags["flights__train"].timetable)


def test_a_stage_that_is_left_out_has_no_task(tmp_path: Path) -> None:
    dags = load(pipelines(tmp_path, small=GOOD.format(name="small")))
    assert set(dags) == {"small__train"}
    assert list(edges(dags["small__train"])) == [
        "ingest", "features", "train", "evaluate", "refit", "register",
    ]  # fmt: skip


def test_a_bad_file_is_a_visible_failing_dag_and_the_others_load(tmp_path: Path) -> None:
    folder = pipelines(tmp_path, good=GOOD.format(name="good"), bad=GOOD.format(name="bad") + "scheduel: x\n")
    dags = load(folder)
    assert set(dags) == {"good__train", "bad__faulty"}
    assert "bad.yaml:5:1: scheduel: is not a known key (did you mean schedule?)" in str(
        dags["bad__faulty"].doc_md
    )


def test_strict_raises_for_a_bad_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scheduel"):
        load(pipelines(tmp_path, bad=GOOD.format(name="bad") + "scheduel: x\n"), strict=True)


def test_two_files_with_one_name_are_told(tmp_path: Path) -> None:
    dags = load(pipelines(tmp_path, a=GOOD.format(name="twin"), b=GOOD.format(name="twin")))
    assert set(dags) == {"twin__train", "b__faulty"}
    assert "already the name of a.yaml" in str(dags["b__faulty"].doc_md)


def test_files_of_one_name_in_several_folders_each_stay_visible(tmp_path: Path) -> None:
    folder = pipelines(tmp_path, a=GOOD.format(name="a"))
    for place in ("one", "two", "three"):
        (folder / "pipelines" / place).mkdir()
        (folder / "pipelines" / place / "bad.yaml").write_text(f"name: {place}\n")
    assert set(load(folder)) == {"a__train", "bad__faulty", "bad_2__faulty", "bad_3__faulty"}


def test_what_airflow_alone_refuses_hurts_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
    monkeypatch.setitem(sys.modules, "kubernetes.client", None)
    pod = "tasks: {train: {resources: {cpu: 2}}}\n"
    dags = load(pipelines(tmp_path, a=GOOD.format(name="a"), b=GOOD.format(name="b") + pod))
    assert set(dags) == {"a__train", "b__faulty"}
    assert "resources need the Kubernetes client" in str(dags["b__faulty"].doc_md)


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pipelines: no such folder"):
        load(tmp_path)


def test_a_running_task_builds_only_its_own_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pipelines(tmp_path, one=GOOD.format(name="one"), two=GOOD.format(name="two"))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "two__train")
    assert set(load(folder)) == {"two__train"}


def test_defaults_and_the_profile_of_the_environment_reach_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pipelines(tmp_path, one=GOOD.format(name="one") + "profiles: {dev: {retries: 9}}\n")
    (folder / "pipelines" / "team").mkdir()
    (folder / "pipelines" / "team" / "two.yaml").write_text(GOOD.format(name="two"))
    (folder / "pipelines" / "defaults.yaml").write_text("owner: growth\nprofiles: {dev: {tags: [trial]}}\n")
    plain = load(folder)
    assert {key: dag.default_args["owner"] for key, dag in plain.items()} == {
        "one__train": "growth",
        "two__train": "growth",
    }
    monkeypatch.setenv("AIRFLOW_MLOPS_PROFILE", "dev")
    trial = load(folder)
    assert {dag.default_args["retries"] for dag in trial.values()} == {9, 3}
    assert all("trial" in dag.tags for dag in trial.values())
    assert load(folder, profile="dev").keys() == trial.keys()


def test_an_unknown_profile_is_a_visible_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pipelines(tmp_path, one=GOOD.format(name="one") + "profiles: {dev: {}}\n")
    monkeypatch.setenv("AIRFLOW_MLOPS_PROFILE", "deb")
    dags = load(folder)
    assert set(dags) == {"one__faulty"}
    assert "profile 'deb' is not defined (did you mean dev?)" in str(dags["one__faulty"].doc_md)


def test_parsing_the_dag_files_imports_no_heavy_library() -> None:
    code = f"""
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("dags", {str(DAGS / "mlops.py")!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
loaded = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps([sorted(key for key in vars(module) if key.startswith("flights__")), loaded]))
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    found, loaded = json.loads(run.stdout.splitlines()[-1])
    assert found == ["flights__deploy", "flights__monitor", "flights__train"]
    assert loaded == []


def test_every_dag_of_the_example_serializes() -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in load(DAGS).values():
        again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert again.task_ids == dag.task_ids


def test_the_dags_together_document_the_whole_configuration_once() -> None:
    shown: dict[str, Any] = {}
    for dag in load(DAGS).values():
        part = yaml.safe_load(str(dag.doc_md).partition("```yaml\n")[2].partition("```")[0])
        assert not shown.keys() & part.keys()
        shown |= part
    effective = load_pipeline(DAGS / "pipelines" / "flights.yaml").effective()
    assert shown == set_options(effective)
    assert shown["retry"] == {"delay": "1m", "backoff": 2.0, "max_delay": "15m"}


def set_options(section: dict[str, Any]) -> dict[str, Any]:
    """What has a value; the example sets nothing to null or empty itself."""
    options = {
        key: set_options(value) if isinstance(value, dict) else value for key, value in section.items()
    }
    return {key: value for key, value in options.items() if value not in (None, [], {}, "")}


def test_a_second_parse_takes_what_the_first_has_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines(tmp_path, one=GOOD.format(name="one"), bad="name: bad\nscheduel: x\n")
    kept = tmp_path / "kept"
    monkeypatch.setenv("AIRFLOW__MLOPS__PARSE_CACHE", str(kept))
    first = {name: DagSerialization.to_dict(dag) for name, dag in load(tmp_path).items()}
    (entry,) = kept.iterdir()
    assert {name: DagSerialization.to_dict(dag) for name, dag in load(tmp_path).items()} == first
    assert "bad__faulty" in first
    digest, _, body = entry.read_text().partition("\n")
    assert digest == hashlib.sha256(body.encode()).hexdigest()
    body = body.replace('"target":"y"', '"target":"z"')
    entry.write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")
    assert load(tmp_path)["one__train"].get_task("ingest").pipeline.data.target == "z"
    monkeypatch.setenv("AIRFLOW__MLOPS__PARSE_CACHE", "")
    assert load(tmp_path)["one__train"].get_task("ingest").pipeline.data.target == "y"
