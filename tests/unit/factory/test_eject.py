"""An ejected file is a normal DAG file that makes the same DAGs as the pipeline file did."""

import ast
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.serialized_objects import DagSerialization

from airflow_mlops.__main__ import main
from airflow_mlops.config.loader import load_pipeline
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.factory.builder import build
from airflow_mlops.factory.eject import formatted
from airflow_mlops.factory.python_source import SourceWriter
from airflow_mlops.lifecycle import table
from airflow_mlops.lifecycle.table import GENERIC_OPERATOR, Task

CORPUS = Path(__file__).parents[2] / "corpus" / "valid"
UNUSUAL = CORPUS.with_name("unusual")
VALID = [
    pytest.param(file, profile, id=f"{file.stem}-{profile}" if profile else f"{file.parent.stem}-{file.stem}")
    for file in sorted([*CORPUS.glob("*.yaml"), *UNUSUAL.glob("*.yaml")])
    for profile in ([None, "dev", "alone"] if file.stem == "profiled" else [None])
]
DIFFERS = {"fileloc", "relative_fileloc"}
"""All that may differ in what Airflow stores: where the file is."""


def parsed(file: Path) -> dict[str, DAG]:
    """Return the DAGs that Airflow's DAG processor finds in a file."""
    bag = DagBag(str(file), bundle_path=file.parent)
    assert bag.import_errors == {}
    return dict(bag.dags)


def stored(dag: DAG) -> dict[str, Any]:
    found = DagSerialization.to_dict(dag)
    assert found["dag"].keys() >= DIFFERS
    return {**found, "dag": {key: value for key, value in found["dag"].items() if key not in DIFFERS}}


def eject(file: Path, out: Path, profile: str | None = None) -> int:
    return main(["eject", str(file), "-o", str(out), *(["--profile", profile] if profile else [])])


@pytest.mark.parametrize(("source", "profile"), VALID)
def test_an_ejected_file_makes_the_dags_of_its_pipeline_file(
    tmp_path: Path, source: Path, profile: str | None
) -> None:
    (tmp_path / "pipelines").mkdir()
    for code in source.parent.glob("*.py"):
        shutil.copy(code, tmp_path / "pipelines")
    file = Path(shutil.copy(source, tmp_path / "pipelines"))
    loader, out = tmp_path / "mlops.py", tmp_path / "ejected.py"
    loader.write_text(
        "# Makes DAGs.\nfrom airflow_mlops import load_pipelines\n\n"
        f"load_pipelines(globals(), profile={profile!r})\n"
    )
    assert eject(file, out, profile) == 0
    before = parsed(loader)
    file.unlink()
    after = parsed(out)
    assert after.keys() == before.keys()
    for dag_id, dag in before.items():
        assert stored(after[dag_id]) == stored(dag)
        for task in dag.tasks:
            assert own(after[dag_id].get_task(task.task_id)) == own(task), task.task_id


def own(task: BaseOperator) -> dict[str, Any]:
    """Return what Airflow does not store of a task: the configuration and where its paths start from."""
    given: Any = getattr(task, "partial_kwargs", None) or vars(task)
    pipeline, base = given.get("pipeline"), given.get("base")
    return {"pipeline": pipeline and pipeline.effective(), "base": base and str(base)}


@pytest.mark.parametrize("folder", ["a", "folder/beneath/a/folder/" * 3])
def test_ejected_files_are_formatted_and_free_of_faults_for_ruff(tmp_path: Path, folder: str) -> None:
    """However long the way back to the pipeline's folder is."""
    (tmp_path / folder).mkdir(parents=True)
    for number, case in enumerate(VALID):
        file, profile = case.values
        ejected = tmp_path / folder / f"{number}_{file.stem}.py"
        assert eject(file, ejected, profile) == 0  # type: ignore[arg-type]
    for command in (
        ["format", "--check"],
        ["check", "--select", "E,F,W,I,B,UP,C4,SIM,RUF,D3,D4", "--ignore", "RUF001"],
    ):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(tmp_path)]
        answer = subprocess.run(ruff, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert answer.returncode == 0, answer.stdout


def test_beside_its_pipeline_file_an_ejected_one_needs_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.yaml"
    shutil.copy(CORPUS / "minimal.yaml", file)
    assert main(["eject", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "base=" not in printed
    assert eject(file, tmp_path / "small.py") == 0
    assert (tmp_path / "small.py").read_text() == printed
    assert str(tmp_path) not in printed


def test_a_row_of_the_life_cycle_without_an_operator_of_its_own_is_ejected_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Task(
        id="audit",
        dag="train",
        does="Audits the model.",
        record="ModelRef",
        inputs={"model": "train"},
        after=("evaluate",),
        operator=GENERIC_OPERATOR,
    )
    monkeypatch.setattr(table, "TASKS", (*table.TASKS, audit))
    file, out = Path(shutil.copy(CORPUS / "minimal.yaml", tmp_path)), tmp_path / "audited.py"
    assert eject(file, out) == 0
    assert "    # Audits the model.\n    audit = StageOperator(\n" in out.read_text()
    (dag,) = parsed(out).values()
    (built,) = build(load_pipeline(file)).values()
    assert dag.get_task("audit").upstream_task_ids == {"train", "evaluate"}
    ejected, original = (DagSerialization.to_dict(made)["dag"]["tasks"] for made in (dag, built))
    assert ejected == original
    assert dag.get_task("audit").stage == "audit"


def test_eject_overwrites_nothing_and_tells_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.py"
    out.write_text("mine = True\n")
    assert eject(CORPUS / "minimal.yaml", out) == 2
    assert "mine.py exists already" in capsys.readouterr().err
    assert out.read_text() == "mine = True\n"
    assert eject(CORPUS / "minimal.yaml", tmp_path / "no" / "where.py") == 2
    (tmp_path / "bad.yaml").write_text("name: bad\nscheduel: x\n")
    assert eject(tmp_path / "bad.yaml", tmp_path / "bad.py") == 1
    assert "scheduel: is not a known key" in capsys.readouterr().err
    assert not (tmp_path / "bad.py").exists()


def test_without_ruff_the_file_is_valid_and_eject_reports_how_to_format_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "small.yaml"
    shutil.copy(CORPUS / "minimal.yaml", file)
    assert eject(file, tmp_path / "formatted.py") == 0
    assert "pip install" not in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ruff", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert eject(file, tmp_path / "plain.py") == 0
    assert "pip install 'airflow-mlops[eject]'" in capsys.readouterr().err
    plain, pretty = (parsed(tmp_path / name) for name in ("plain.py", "formatted.py"))
    assert {name: stored(dag) for name, dag in plain.items()} == {
        name: stored(dag) for name, dag in pretty.items()
    }


def test_ruff_is_found_on_the_path_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ruff").write_text(f'#!/bin/sh\nexec {sys.executable} -m ruff "$@"\n')
    (tmp_path / "ruff").chmod(0o755)
    monkeypatch.setitem(sys.modules, "ruff", None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert formatted("x = 'a'") == 'x = "a"\n'


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        'say "no"',
        "it's",
        "both \" and '",
        "back\\slash",
        "new\nline",
        "ünï",
        "",
        " ",
        "a ",
        "long words " * 20,
    ],
)
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    source = formatted(f"x = {ast.unparse(SourceWriter().expression(text))}\n")
    assert source is not None
    found: dict[str, Any] = {}
    exec(source, found)
    assert found["x"] == text
    assert max(map(len, source.splitlines())) <= 88


def test_names_that_two_modules_share_do_not_clash() -> None:
    writer = SourceWriter()
    calls = [partial(load_pipeline, "a"), partial(DAG, "b")]
    other = type("DAG", (), {"__module__": __name__})
    globals()["DAG"], kept = other, DAG
    try:
        source = ast.unparse(writer.expression([*calls, partial(other)]))
    finally:
        globals()["DAG"] = kept
    assert source == "[load_pipeline('a'), DAG('b'), DAG2()]"
    assert f"from {__name__} import DAG as DAG2" in [ast.unparse(line) for line in writer.imports()]


def test_a_value_that_cannot_be_written_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"cannot write <object .*functools.partial"):
        SourceWriter().expression(object())
    with pytest.raises(ConfigError, match=r"cannot import .*lambda.*define it at the top of a module"):
        SourceWriter().expression(partial(lambda: None))
