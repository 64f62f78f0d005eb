"""The light command line: what it prints, how it ends, and that it loads nothing heavy."""

import json
import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import airflow_mlops
from airflow_mlops.__main__ import main
from airflow_mlops.cli.table import COMMANDS, Command

VALID = Path(__file__).parents[2] / "corpus" / "valid"
HEAVY = ("airflow", "pandas", "numpy", "sklearn", "mlflow", "great_expectations", "scipy", "optuna", "httpx")
FAULTY = "name: bad\nscheduel: x\n"


def test_every_command_runs_without_a_heavy_library() -> None:
    file = str(VALID / "everything.yaml")
    calls = [["lint", file], ["render", file], ["graph", file], ["list", str(VALID)], ["schema"]]
    code = f"""
import contextlib, io, json, sys
from airflow_mlops.__main__ import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    codes = [main(call) for call in {calls!r}]
print(json.dumps([codes, [name for name in {HEAVY!r} if name in sys.modules], len(sys.modules)]))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(airflow_mlops.__file__).parent.parent)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    codes, loaded, modules = json.loads(run.stdout)
    assert codes == [0, 0, 0, 0, 0]
    assert loaded == []
    assert modules < 500


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_has_an_example(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command.name, "--help"])
    assert ended.value.code == 0
    assert f"example: airflow-mlops {command.name}" in " ".join(capsys.readouterr().out.split())


def call(words: list[str], **given: Any) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(airflow_mlops.__file__).parent.parent)}
    environment |= given.pop("environment", {})
    return subprocess.run([sys.executable, "-m", "airflow_mlops", *words], env=environment, **given)


def test_output_that_the_locale_cannot_write_is_written_as_far_as_it_goes() -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = call(["graph", str(VALID / "everything.yaml")], environment=plain, capture_output=True)
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"? asset" in run.stdout


def test_output_that_cannot_be_written_is_an_outside_fault_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(FAULTY)
    none = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (0, 0))  # as a full disk
    with (tmp_path / "out").open("w") as out:
        run = call(["lint", str(tmp_path / "bad.yaml")], stdout=out, stderr=subprocess.PIPE, preexec_fn=none)
    assert run.returncode == 3
    assert run.stderr.endswith(b"error: File too large\n")
    assert b"Traceback" not in run.stderr


def test_a_closed_output_changes_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(FAULTY)
    run = call(["lint", str(tmp_path / "bad.yaml")], stderr=subprocess.PIPE, preexec_fn=partial(os.close, 1))
    assert run.returncode == 1
    assert run.stderr == b"1 file checked, 4 faults\n"


def test_sarif_names_a_file_as_a_uri(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my modèls.yaml").write_text(FAULTY)
    assert main(["lint", str(tmp_path / "my modèls.yaml"), "--format", "sarif"]) == 1
    result = json.loads(capsys.readouterr().out)["runs"][0]["results"][0]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "my modèls.yaml").as_uri()


def test_lint_ends_with_0_1_or_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text(FAULTY)
    (tmp_path / "empty").mkdir()
    assert main(["lint", str(VALID)]) == 0
    assert main(["lint", str(tmp_path / "bad.yaml")]) == 1
    assert main(["lint", str(tmp_path / "nothing.yaml")]) == 2
    assert main(["lint", str(tmp_path / "empty")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_lint_prints_each_fault_in_each_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(FAULTY)
    assert main(["lint", str(file), "--format", form]) == 1
    out = capsys.readouterr().out
    if form == "text":
        assert f"{file}:2:1: scheduel: is not a known key (did you mean schedule?)" in out.splitlines()
    elif form == "json":
        found = {fault["path"]: fault for fault in json.loads(out)}
        assert found["scheduel"] | {"line": 2, "column": 1, "level": "error"} == found["scheduel"]
    elif form == "github":
        title = "title=airflow-mlops shape::scheduel: is not a known key (did you mean schedule?)"
        assert f"::error file={file},line=2,col=1,{title}" in out.splitlines()
    else:
        results = json.loads(out)["runs"][0]["results"]
        region = results[-1]["locations"][0]["physicalLocation"]["region"]
        assert (results[-1]["ruleId"], region) == ("shape", {"startLine": 2, "startColumn": 1})


def test_lint_tells_two_files_with_one_name_and_circles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (VALID / "minimal.yaml").read_text()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "iris.yaml").write_text(f"{text}schedule: [rose/data]\n")
    (tmp_path / "a" / "rose.yaml").write_text(
        f"{text}schedule: [iris/data]\n".replace("name: iris", "name: rose")
    )
    assert main(["lint", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path}/b/iris.yaml:1:7: name: 'iris' is already the name of" in out
    assert ": schedule.assets: iris awaits rose/data and rose awaits iris/data: each run would start" in out


def test_lint_with_an_unknown_profile_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(VALID / "profiled.yaml"), "--profile", "deb"]) == 1
    assert (
        "profile 'deb' is not defined (did you mean dev?); profiles are dev, alone" in capsys.readouterr().out
    )


def test_render_prints_what_reads_back_as_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in sorted(VALID.glob("*.yaml")):
        assert main(["render", str(file)]) == 0
        first = capsys.readouterr().out
        (tmp_path / file.name).write_text(first)
        assert main(["render", str(tmp_path / file.name)]) == 0
        assert capsys.readouterr().out == first


def test_render_shows_what_a_profile_or_another_file_changes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(VALID / "profiled.yaml"), "--diff", "dev"]) == 0
    changed = [
        line for line in capsys.readouterr().out.splitlines() if line[:1] in "+-" and line[1:2] != line[:1]
    ]
    assert "-    filepath: rows.csv" in changed
    assert "+    filepath: sample.csv" in changed
    assert "+approve: null" in changed
    assert main(["render", str(VALID / "minimal.yaml"), "--diff", str(VALID / "deployed.yaml")]) == 0
    assert "+name: deployed" in capsys.readouterr().out


def test_list_shows_good_and_faulty_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text((VALID / "tuned.yaml").read_text())
    (tmp_path / "bad.yaml").write_text(FAULTY)
    assert main(["list", str(tmp_path)]) == 1
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == ["tuned", "a.yaml", "@weekly", "train"]
    assert rows[2][:2] == ["–", "bad.yaml"]
    assert main(["list", str(tmp_path / "nowhere")]) == 2


def test_graph_draws_tasks_order_and_assets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", str(VALID / "everything.yaml")]) == 0
    text = capsys.readouterr().out
    assert "  tune ×n  after features\n" in text
    assert "  register  after evaluate, refit, features  → asset everything/challenger\n" in text
    assert main(["graph", str(VALID / "everything.yaml"), "--format", "mermaid"]) == 0
    chart = capsys.readouterr().out
    assert chart.startswith("flowchart LR\n")
    assert "asset_challenger -.-> deploy_prepare" in chart
    assert main(["graph", str(VALID / "profiled.yaml"), "--profile", "alone"]) == 0
    assert "deploy" not in capsys.readouterr().out


def test_airflow_gets_the_same_commands() -> None:
    from airflow_mlops.cli.airflow import get_cli_commands

    (group,) = get_cli_commands()
    names = [command.name for command in COMMANDS if command.name != "serve"]
    assert [command.name for command in group.subcommands] == names  # type: ignore[union-attr]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m airflow_mlops schema | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["{", "0"]
    assert done.stderr == ""


def test_list_looks_into_pipelines_when_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not into what a run left beside them."""
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    (tmp_path / "mlops-artifacts").mkdir()
    (tmp_path / "mlops-artifacts" / "conda.yaml").write_text("channels: [conda-forge]")
    capsys.readouterr()
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "tumours",
        "tumours.yaml",
        "by",
        "hand",
        "train",
    ]
