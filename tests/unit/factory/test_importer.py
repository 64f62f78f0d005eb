"""``*.mlops.yaml`` files are DAG files for Airflow's own importers, and nothing else changes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.dag_processing.importers import (
    AbstractDagImporter,
    DagImporterRegistry,
    DagImportResult,
    get_importer_registry,
)

from airflow_mlops.factory.importer import PipelineFileImporter
from airflow_mlops.plugin import AirflowMlopsPlugin

GOOD = """\
name: {name}
data: {{source: {{type: csv, filepath: rows.csv}}, target: y}}
train: {{estimator: sklearn.tree.DecisionTreeClassifier}}
evaluate: {{metrics: [accuracy]}}
"""


@pytest.fixture
def registry() -> Iterator[DagImporterRegistry]:
    """Airflow's own registry, new, after Airflow has loaded the plugin."""
    DagImporterRegistry.reset()
    AirflowMlopsPlugin.on_load()
    yield get_importer_registry()
    DagImporterRegistry.reset()


def write(folder: Path, **files: str) -> None:
    for stem, text in files.items():
        (folder / f"{stem}.mlops.yaml").write_text(text)


def test_a_pipeline_file_is_a_dag_file(tmp_path: Path, registry: DagImporterRegistry) -> None:
    write(tmp_path, churn=GOOD.format(name="churn"), leave=GOOD.format(name="leave"))
    bag = DagBag(str(tmp_path), bundle_path=tmp_path)
    assert bag.import_errors == {}
    assert set(bag.dags) == {"churn__train", "leave__train"}
    dag = bag.dags["churn__train"]
    assert (dag.fileloc, dag.relative_fileloc) == (str(tmp_path / "churn.mlops.yaml"), "churn.mlops.yaml")
    assert dag.get_task("ingest").base == str(tmp_path)


def test_every_fault_of_a_file_is_in_its_import_error(tmp_path: Path, registry: DagImporterRegistry) -> None:
    write(
        tmp_path,
        good=GOOD.format(name="good"),
        bad=GOOD.format(name="bad") + "scheduel: x\nretries: many\n",
        broken="name: [",
    )
    bag = DagBag(str(tmp_path), bundle_path=tmp_path)
    assert set(bag.dags) == {"good__train"}
    assert set(bag.import_errors) == {"bad.mlops.yaml", "broken.mlops.yaml"}
    file = tmp_path / "bad.mlops.yaml"
    first, second = bag.import_errors["bad.mlops.yaml"].splitlines()
    assert first.startswith(f"{file}:5:1: scheduel: is not a known key")
    assert second.startswith(f"{file}:6:10: retries: ")
    assert "broken.mlops.yaml:2:1: " in bag.import_errors["broken.mlops.yaml"]


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")  # Airflow's own call
def test_defaults_and_ignored_files_are_respected(tmp_path: Path, registry: DagImporterRegistry) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "defaults.yaml").write_text("owner: growth\n")
    (tmp_path / ".airflowignore").write_text("ignored*\n")
    write(tmp_path, ignored="name: [")
    write(tmp_path / "team", churn=GOOD.format(name="churn"))
    bag = DagBag(str(tmp_path), bundle_path=tmp_path)
    assert bag.import_errors == {}
    assert bag.dags["churn__train"].default_args["owner"] == "growth"


def test_other_yaml_files_are_not_touched(tmp_path: Path, registry: DagImporterRegistry) -> None:
    (tmp_path / "dags.yaml").write_text("airflow dag: {")
    (tmp_path / "settings.yml").write_text("- 1\n")
    assert registry.list_dag_files(tmp_path) == []
    bag = DagBag(str(tmp_path / "dags.yaml"), bundle_path=tmp_path)
    assert (bag.dags, bag.import_errors) == ({}, {})


class OtherImporter(AbstractDagImporter):
    @classmethod
    def supported_extensions(cls) -> list[str]:
        return [".yaml"]

    def import_file(self, file_path: str | Path, **_: object) -> DagImportResult:
        return DagImportResult(file_path=f"read by the other importer: {Path(file_path).name}")


def test_the_importer_of_other_yaml_files_keeps_them(tmp_path: Path) -> None:
    DagImporterRegistry.reset()
    registry = get_importer_registry()
    registry.register(OtherImporter())
    AirflowMlopsPlugin.on_load()
    write(tmp_path, churn=GOOD.format(name="churn"))
    (tmp_path / "airflow_dag.yaml").write_text("{}\n")
    try:
        files = registry.list_dag_files(tmp_path, safe_mode=False)
        assert sorted(Path(file).name for file in files) == ["airflow_dag.yaml", "churn.mlops.yaml"]
        importer = registry.get_importer(tmp_path / "airflow_dag.yaml")
        assert isinstance(importer, PipelineFileImporter)
        assert importer.can_handle(tmp_path / "airflow_dag.yaml")
        assert not importer.can_handle(tmp_path / "airflow_dag.yml")
        found = importer.import_file(tmp_path / "airflow_dag.yaml")
        assert found.file_path == "read by the other importer: airflow_dag.yaml"
        assert [dag.dag_id for dag in importer.import_file(tmp_path / "churn.mlops.yaml").dags] == [
            "churn__train"
        ]
    finally:
        DagImporterRegistry.reset()


def test_loading_the_plugin_twice_registers_once(registry: DagImporterRegistry) -> None:
    before = registry.get_importer("churn.mlops.yaml")
    AirflowMlopsPlugin.on_load()
    assert registry.get_importer("churn.mlops.yaml") is before


def run_python(code: str) -> str:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    return run.stdout.splitlines()[-1]


def test_airflow_loads_the_plugin_before_it_parses() -> None:
    """The listeners are set up first in the DAG processor, the scheduler and each task: with all plugins."""
    code = """
from airflow.sdk.listener import get_listener_manager
get_listener_manager()
from airflow.dag_processing.importers import get_importer_registry
print(type(get_importer_registry().get_importer("churn.mlops.yaml")).__name__)
"""
    assert run_python(code) == "PipelineFileImporter"


def test_commands_of_airflow_know_pipeline_files(tmp_path: Path) -> None:
    """They load no plugins: the command group of the package registers the importer."""
    write(tmp_path, churn=GOOD.format(name="churn"))
    code = f"""
from airflow.cli.cli_parser import get_parser
get_parser()
from airflow.dag_processing.dagbag import DagBag
print(list(DagBag({str(tmp_path)!r}).dags))
"""
    assert run_python(code) == "['churn__train']"


def test_an_airflow_without_importers_loads_the_plugin_all_the_same() -> None:
    code = """
import sys
sys.modules["airflow.dag_processing.importers"] = None
from airflow_mlops.plugin import AirflowMlopsPlugin
AirflowMlopsPlugin.on_load()
print(AirflowMlopsPlugin.name, "airflow_mlops.factory.load" in sys.modules)
"""
    assert run_python(code) == "airflow_mlops False"
