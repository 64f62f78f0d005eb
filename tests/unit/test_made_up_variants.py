"""A target and a source that are made up here are found everywhere: one class, and at most one line."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
import yaml

from airflow_mlops.cli.doctor.command import _programs
from airflow_mlops.cli.doctor.lookup import look_up
from airflow_mlops.cli.doctor.needs import SERVER, needs
from airflow_mlops.cli.doctor.servers import look_at_target
from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.config.models import Pipeline
from airflow_mlops.config.schema import build_schema, model_schema, reference
from airflow_mlops.core.connection import Connection
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.data.connections import Environment
from airflow_mlops.data.source_rows import read_rows
from airflow_mlops.data.sources import SOURCES
from airflow_mlops.data.sources.base import ReadRequest, Source
from airflow_mlops.rollout import targets
from airflow_mlops.rollout.core import Phase, RolloutPlan
from airflow_mlops.rollout.driver import RolloutDriver
from airflow_mlops.rollout.store.store import RolloutStore
from airflow_mlops.rollout.targets.base import ADDRESS, ConnectionField, Target
from tests.support.rollout import MemoryAliases, MemoryTarget

TARGET = f"{__name__}:PaperTarget"
SOURCE = f"{__name__}:CountingSource"


class PaperTarget(MemoryTarget, Target):
    name = "paper"
    help = "a sheet of paper"
    program = "pencil"
    connection_fields = (
        ADDRESS,
        ConnectionField(option="color", place="extra.paper.color", help="the color", example="blue"),
    )
    unsupported: ClassVar[dict[str, str]] = {"shadow": "Paper does not copy itself"}

    def __init__(self, base_url: str, color: str, timeout_s: float) -> None:
        super().__init__(champion=2)
        self.color = color


class CountingSource(Source):
    name = "counting"
    help = "numbers from 1"
    needs = ("filepath",)

    def read(self, request: ReadRequest) -> pd.DataFrame:
        last = int(str(request.source.filepath).removeprefix("up to "))
        return pd.DataFrame({"id": range(1, last + 1), "label": 0})


def pipeline_file(folder: Path, **changes: Any) -> Path:
    values: dict[str, Any] = {
        "name": "churn",
        "data": {"source": {"type": "csv", "filepath": "rows.csv"}, "target": "label", "keys": ["id"]},
        "train": {"estimator": "sklearn.linear_model.LogisticRegression"},
        "evaluate": {"metrics": ["roc_auc"]},
        **changes,
    }
    file = folder / "churn.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return file


def faults(file: Path) -> list[str]:
    return [f"{fault.path}: {fault.message}" for fault in lint_files([(file, file.parent)])]


@pytest.mark.parametrize("name", [TARGET, "paper"])
def test_a_target_is_configured_and_linted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(targets.TARGETS.paths, "paper", TARGET)  # type: ignore[arg-type]
    file = pipeline_file(tmp_path, deploy={"target": name})
    deploy = load_pipeline(file).deploy
    assert deploy
    assert deploy.target == name
    assert faults(file) == []
    asked = pipeline_file(tmp_path, deploy={"target": name, "canary": {"shadow": "15m"}})
    [fault] = faults(asked)
    assert fault == ("deploy.canary.shadow: Paper does not copy itself: leave it out, or use target local")


def test_a_class_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    [fault] = faults(pipeline_file(tmp_path, deploy={"target": f"{__name__}:PaperTarge"}))
    assert fault.startswith("deploy.target: cannot be imported: no 'PaperTarge'")
    assert "did you mean PaperTarget?" in fault


def test_a_line_in_the_table_is_all_that_editors_and_messages_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(targets.TARGETS.paths, "paper", TARGET)  # type: ignore[arg-type]
    key = build_schema()["$defs"]["Deploy"]["properties"]["target"]
    assert key["anyOf"][0]["enum"] == ["local", "haproxy", "paper"]
    assert "`paper`: a sheet of paper" in key["description"]
    assert "`paper`: a sheet of paper" in reference(model_schema())
    with pytest.raises(ConfigError, match=r"'haproxy', 'paper' or a class .*, got 'papre' .did you mean pap"):
        targets.facts("papre")


@pytest.mark.parametrize("name", [TARGET, "paper"])
def test_doctor_asks_a_target(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(targets.TARGETS.paths, "paper", TARGET)  # type: ignore[arg-type]
    pipelines = [load_pipeline(pipeline_file(tmp_path, deploy={"target": name, "conn_id": "desk"}))]
    [need] = [need for need in needs(pipelines) if need.purpose == SERVER]
    [absent] = look_up([need], initialised=False)
    assert absent.finding.fix.endswith('--conn-extra \'{"paper": {"color": "blue"}}\'')
    monkeypatch.setenv("AIRFLOW_CONN_DESK", json.dumps({"conn_type": "mlops_serving", "host": "http://desk"}))
    [half] = look_up([need], initialised=False)
    assert "target paper needs the color as extra.paper.color" in half.finding.message
    fields = {"conn_type": "mlops_serving", "host": "http://desk", "extra": {"paper": {"color": "red"}}}
    monkeypatch.setenv("AIRFLOW_CONN_DESK", json.dumps(fields))
    [whole] = look_up([need], initialised=False)
    assert whole.place
    [found] = look_at_target(whole.place)
    assert (found.check, found.status) == ("paper desk", "ok")
    assert found.message == "http://desk answers, for churn"
    programs = {finding.check: finding.status for finding in _programs(pipelines)}
    assert programs["pencil"] == ("warning" if name == "paper" else "not needed")


@pytest.mark.parametrize("name", [TARGET, "paper"])
def test_a_rollout_is_driven_through_a_target(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(targets.TARGETS.paths, "paper", TARGET)  # type: ignore[arg-type]
    connection = Connection(
        conn_id="desk", conn_type="mlops_serving", host="desk", port=1, extra={"paper": {"color": "red"}}
    )
    target = targets.connect(name, connection)
    ticks = count(0, 20)
    aliases = MemoryAliases(challenger=3, champion=2)
    driver = RolloutDriver(
        RolloutStore(tmp_path / "rollouts.db"), target, aliases, clock=lambda: float(next(ticks))
    )
    plan = RolloutPlan(
        name="churn", model_version=3, model_uri="models:/churn/3", champion_version=2, steps=(5, 50),
        hold_s=10, step_timeout_s=1000, min_requests=100, tolerance=0.02,
    )  # fmt: skip
    state = driver.start(plan)
    for _ in range(40):
        state = driver.poll(state.id)
        if state.terminal:
            break
    assert state.phase is Phase.PROMOTED
    assert aliases.aliases["champion"] == 3
    assert target.current_weight(3) == 100


def test_a_connection_with_a_wrong_key_is_refused() -> None:
    wrong = Connection(
        conn_id="desk", conn_type="mlops_serving", host="desk", extra={"paper": {"color": "red", "size": 4}}
    )
    with pytest.raises(ConfigError, match=r"'desk': unknown key.s. size in its extra paper; known: color"):
        targets.connect(TARGET, wrong)


@pytest.mark.parametrize("name", [SOURCE, "counting"])
def test_a_source_is_configured_linted_documented_and_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES.paths, "counting", SOURCE)  # type: ignore[arg-type]
    data = {"source": {"type": name, "filepath": "up to 3"}, "target": "label", "keys": ["id"]}
    file = pipeline_file(tmp_path, data=data)
    assert faults(file) == []
    rows = read_rows(load_pipeline(file).data, base=tmp_path, connections=Environment())
    assert rows["id"].tolist() == [1, 2, 3]
    half = pipeline_file(tmp_path, data={**data, "source": {"type": name}})
    [fault] = faults(half)
    assert fault.startswith("data.source")
    assert fault.endswith(f"a source of type {name} needs filepath")
    key = build_schema()["$defs"]["Source"]["properties"]["type"]
    assert "counting" in key["anyOf"][0]["enum"]
    assert "`counting`: numbers from 1" in reference(model_schema())


def test_a_class_of_another_family_is_refused(tmp_path: Path) -> None:
    pipeline = Pipeline.model_validate(yaml.safe_load(pipeline_file(tmp_path).read_text()))
    source = pipeline.data.source.model_copy(update={"type": TARGET})
    with pytest.raises(ConfigError, match="PaperTarget' must be a subclass of airflow_mlops' Source"):
        read_rows(pipeline.data.model_copy(update={"source": source}), base=tmp_path)
    with pytest.raises(ConfigError, match="CountingSource' must be a subclass of Target"):
        targets.facts(SOURCE)
