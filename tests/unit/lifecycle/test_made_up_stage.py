"""A contributor's own stage: a module, a section and a row, and it is known everywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import airflow_mlops
from tests.support.project import ENVIRONMENT, Project, customers

CHECKOUT = Path(__file__).parents[3]
STAGE = '''
"""Audit: counts what a model may not use."""

from dataclasses import dataclass

from airflow_mlops.core.records import ModelRef, Record
from airflow_mlops.lifecycle.call import StageCall


@dataclass(frozen=True, kw_only=True)
class AuditReport(Record):
    """What was found about a model."""

    forbidden: int
    rows: int

    @property
    def summary(self) -> str:
        return f"{self.forbidden} forbidden columns"


def run(call: StageCall) -> AuditReport:
    """Return the number of forbidden columns."""
    model = call.input("model", ModelRef)
    return AuditReport(forbidden=len(call.pipeline.audit.forbidden), rows=model.rows)
'''
SECTION = '''
class Audit(Section):
    """Columns that no model may use."""

    forbidden: tuple[str, ...] = Field(min_length=1, description="Names of columns.")


'''
FIELD = '    audit: Audit | None = Field(None, description="What no model may use.")\n'
ROW = """    Task(
        id="audit",
        dag="train",
        does="Counts the columns that a model may not use.",
        record="AuditReport",
        section="audit",
        config=("audit",),
        inputs={"model": "train"},
        operator=GENERIC_OPERATOR,
    ),
"""
DAGS = """
import json
from airflow_mlops import load_pipelines
dags = {}
load_pipelines(dags, "pipelines", strict=True)
task = dags["churn__train"].get_task("audit")
print(json.dumps([type(task).__name__, task.pool, sorted(task.upstream_task_ids)]))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the three changes that a contributor makes."""
    source = tmp_path_factory.mktemp("contributed")
    package = source / "airflow_mlops"
    shutil.copytree(
        Path(airflow_mlops.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    (package / "stages" / "audit.py").write_text(STAGE)
    insert(package / "config" / "models" / "pipeline.py", "class Pipeline(Section):", SECTION)
    insert(package / "config" / "models" / "pipeline.py", "    approve: Approve | None", FIELD)
    insert(package / "lifecycle" / "table.py", '    Task(\n        id="evaluate"', ROW)
    return source


def insert(file: Path, before: str, text: str) -> None:
    """Put ``text`` before the first ``before``."""
    found = file.read_text()
    assert found.count(before) == 1
    file.write_text(found.replace(before, text + before))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "pipelines").mkdir()
    changes: dict[str, Any] = {"audit": {"forbidden": ["refund"]}, "tasks": {"audit": {"pool": "slow"}}}
    project = Project.create(folder / "pipelines", customers(), **changes)
    (folder / "pipelines" / "churn.yaml").write_text(yaml.safe_dump(dict(project.config)))
    return folder


def call(source: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, "PYTHONPATH": str(source)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


def test_it_can_be_configured(source: Path, folder: Path) -> None:
    ran = call(source, folder, "-m", "airflow_mlops", "lint", "pipelines")
    assert ran.returncode == 0, ran.stdout
    faulty = folder / "faulty.yaml"
    text = (folder / "pipelines" / "churn.yaml").read_text()
    faulty.write_text(text.replace("forbidden:", "forbiden:").replace("pool: slow", "pol: slow"))
    found = call(source, folder, "-m", "airflow_mlops", "lint", str(faulty)).stdout
    assert "audit.forbiden: is not a known key (did you mean forbidden?)" in found
    assert "tasks.audit.pol: is not a known key (did you mean pool?)" in found


def test_it_is_run(source: Path, folder: Path) -> None:
    ran = call(source, folder, "-m", "airflow_mlops", "run", "--until", "audit", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    [*_, line] = json.loads(ran.stdout)["tasks"]
    assert (line["task"], line["summary"]) == ("audit", "1 forbidden columns")
    assert line["record"]["kind"] == "AuditReport"


def test_it_becomes_a_task_of_the_dag(source: Path, folder: Path) -> None:
    ran = call(source, folder, "-c", DAGS)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == ["StageOperator", "slow", ["train"]]


def test_it_is_drawn_and_documented(source: Path, folder: Path) -> None:
    graph = call(source, folder, "-m", "airflow_mlops", "graph", "pipelines/churn.yaml").stdout
    assert "  audit  after train" in graph
    schema = json.loads(call(source, folder, "-m", "airflow_mlops.config.schema").stdout)
    assert "audit" in schema["properties"]
    assert '"audit"' in json.dumps(schema["properties"]["tasks"])
    page = call(source, CHECKOUT, "-c", "from tools.task_page import task_page; print(task_page())").stdout
    assert "| `audit` | Counts the columns that a model may not use. | `audit` | `audit` | train |" in page
