"""What Airflow finds of this provider, and that its light command stays light."""

from __future__ import annotations

import importlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from airflow_mlops.get_provider_info import get_provider_info
from airflow_mlops.lifecycle.runner import StageResult
from airflow_mlops.operators.evaluate import EvaluateOperator
from airflow_mlops.rollout import targets
from tests.support.project import ENVIRONMENT

GOOD = """\
name: good
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy]}
"""


def test_the_description_fits_the_schema_of_airflow() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    checker = jsonschema.validators.validator_for(schema)
    checker.check_schema(schema)
    assert list(checker(schema).iter_errors(get_provider_info())) == []


def test_every_module_that_is_named_exists_and_none_is_forgotten() -> None:
    info = get_provider_info()
    source = Path(importlib.import_module("airflow_mlops").__file__ or "").parent
    for kind in ("operators", "sensors", "hooks", "triggers"):
        named = {module for entry in info[kind] for module in entry["python-modules"]}
        for module in named:
            importlib.import_module(module)
        shared = {
            "__init__",
            "connections",
            "data_interval",
            "links",
            "pipeline_source",
            "pod_resources",
            "ports",
            "resource_usage",
            "errors",
            "retry",
            "rollouts",
            "storage",
            "users",
        }
        there = {path.stem for path in (source / kind).glob("*.py")} - shared
        assert {module.rpartition(".")[2] for module in named} == there


def test_airflow_lists_connections_links_and_settings() -> None:
    manager = ProvidersManager()
    assert "airflow-mlops" in manager.providers
    for connection_type, name in (("mlops_mlflow", "MlflowHook"), ("mlops_serving", "ServingHook")):
        hook = ProvidersManagerTaskRuntime().hooks[connection_type]
        assert hook is not None
        assert hook.hook_class_name.endswith(name)
        assert hook.connection_type == connection_type
    links = {f"airflow_mlops.operators.links.{name}" for name in ("MlflowRunLink", "CardLink")}
    assert links <= set(manager.extra_links_class_names)
    assert "mlops" in dict(manager.provider_configs)["airflow-mlops"]


@pytest.mark.parametrize(
    ("card", "ui_url", "expected"),
    [
        ("experiments/1/card.html", "http://ui:5000", "http://ui:5000/#/experiments/1/card.html"),
        ("experiments/1/card.html", None, ""),
        ("", "http://ui:5000", ""),
    ],
)
def test_the_task_evaluate_links_to_the_card(
    card: str, ui_url: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = EvaluateOperator(task_id="evaluate", features="", model="")
    link = next(link for link in operator.operator_extra_links if link.name == "Training card")
    assert link.get_link(operator, ti_key=None) == ""
    monkeypatch.setattr(EvaluateOperator, "mlflow_ui_url", lambda self, context: ui_url)
    monkeypatch.setattr("airflow_mlops.operators.base.push_resource_usage", lambda *_: None)
    record = {"kind": "Evaluation", "card": card}
    operator.after({}, StageResult(stage="evaluate", record=record, digest="", seconds=0, cpu_seconds=0))
    assert link.get_link(operator, ti_key=None) == expected


def test_the_form_of_a_server_shows_what_a_target_reads() -> None:
    [form] = [
        entry["ui-field-behaviour"]
        for entry in get_provider_info()["connection-types"]
        if entry["connection-type"] == "mlops_serving"
    ]
    places = {
        field.place.partition(".")[0]
        for name in targets.names()
        for field in targets.facts(name).connection_fields
    }
    assert {"host", "password", "extra"} <= places
    assert not places & set(form["hidden-fields"])
    assert set(json.loads(form["placeholders"]["extra"])["haproxy"]) == {"socket", "slots"}


def test_airflow_loads_the_plugin() -> None:
    from airflow import plugins_manager

    names = {plugin.name for plugin in plugins_manager._get_plugins()[0]}
    assert "airflow_mlops" in names


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    bad.write_text(GOOD + "scheduel: x\n")
    return good, bad


def test_airflow_mlops_lint_ends_with_the_code_of_its_finding(files: tuple[Path, Path]) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "airflow", "mlops", "lint", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        for file in files
    ]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in started]
    assert [code for *_, code in ended] == [0, 1], ended
    assert "bad.yaml:5:1: scheduel: is not a known key (did you mean schedule?)" in ended[1][0]


def test_the_light_command_needs_no_airflow(files: tuple[Path, Path]) -> None:
    code = (
        "import sys; from airflow_mlops.__main__ import main; "
        f"code = main(['lint', {str(files[1])!r}]); "
        "heavy = [name for name in ('airflow', 'pandas', 'mlflow', 'sklearn') if name in sys.modules]; "
        "print(code, heavy)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert answer.stdout.splitlines()[-1] == "1 []"


def test_a_port_in_use_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "airflow_mlops", "serve", "--name", "x", "--port", str(port)]
        command += ["--tracking-uri", "sqlite:///x.db", "--state-dir", str(tmp_path / "state")]
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**ENVIRONMENT, "AIRFLOW_MLOPS_SERVING_TOKEN": "t"},
        )
    assert answer.returncode == 3
    [line] = answer.stderr.splitlines()
    assert line.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert line.endswith("Stop what uses the port or choose another --port")
    assert not (tmp_path / "state").exists()
