"""What a shell is offered: a real bash sources the printed code and asks it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlops.__main__ import main
from tests.support.project import ENVIRONMENT

ASK = """
source <(airflow-mlops completion bash)
while IFS= read -r line; do
  COMP_LINE="$line" COMP_POINT=${#line} COMP_TYPE=9 COMPREPLY=()
  _python_argcomplete airflow-mlops
  printf '%s\\t' "${COMPREPLY[@]}"
  echo
done
complete -p airflow-mlops
"""
PIPELINE = """
name: churn
data: {source: {type: csv, filepath: rows.csv}, target: churned}
train: {estimator: sklearn.linear_model.LogisticRegression}
evaluate: {metrics: [roc_auc]}
profiles: {dev: {}, deep: {train.params: {C: 2}}}
"""
OFFERED = {
    "li": ["lint", "list"],
    "lint pi": ["pipelines/"],
    "lint pipelines/": ["pipelines/churn.yaml", "pipelines/more/"],
    "lint --fo": ["--format"],
    "lint --format s": ["sarif"],
    "render pipelines/churn.yaml --profile de": ["dev", "deep"],
    "render --profile p": ["prod"],
    "render pipelines/churn.yaml --diff ": ["dev", "deep", "prod", "pipelines/", "recipe/"],
    "list ": ["pipelines/", "recipe/"],
    "run pipelines/churn.yaml --until e": ["evaluate"],
    "run recipe --until fi": ["finalize"],
    "run pipelines/churn.yaml --until fi": [],
    "canary si": ["simulate"],
    "canary plan pipelines/ch": ["pipelines/churn.yaml"],
    "serve --tr": ["--tracking-uri"],
    "migrate recipe --profile ": ["local", "remote"],
    "completion z": ["zsh"],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pipelines and a recipe, and the program on a path of its own."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "pipelines" / "more").mkdir(parents=True)
    (folder / "pipelines" / "churn.yaml").write_text(PIPELINE)
    (folder / "pipelines" / "notes.txt").write_text("")
    (folder / "pipelines" / "defaults.yaml").write_text("profiles: {prod: {}}\n")
    (folder / "pipelines" / ".hidden.yaml").write_text("")
    (folder / "recipe" / "profiles").mkdir(parents=True)
    for name in ("local", "remote"):
        (folder / "recipe" / "profiles" / f"{name}.yaml").write_text("")
    program = folder / ".bin" / "airflow-mlops"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m airflow_mlops "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def offered(place: Path) -> dict[str, list[str]]:
    environment = {**ENVIRONMENT, "PATH": f"{place / '.bin'}{os.pathsep}{os.environ['PATH']}"}
    asked = "".join(f"airflow-mlops {words}\n" for words in OFFERED)
    run = subprocess.run(
        ["bash", "--norc", "-c", ASK],
        input=asked, cwd=place, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    *lines, registered = run.stdout.splitlines()
    assert "_python_argcomplete" in registered
    found = [[word.strip() for word in line.split("\t") if word.strip()] for line in lines]
    return dict(zip(OFFERED, found, strict=True))


@pytest.mark.parametrize("words", OFFERED)
def test_bash_is_offered_what_fits(words: str, offered: dict[str, list[str]]) -> None:
    shown = [
        word for word in offered[words] if word.startswith("-") == words.rpartition(" ")[2].startswith("-")
    ]
    assert sorted(shown) == sorted(OFFERED[words])


@pytest.mark.parametrize(
    ("shell", "line"),
    [("zsh", "compdef _python_argcomplete airflow-mlops"), ("fish", "complete --command airflow-mlops")],
)
def test_other_shells_get_their_own_code(shell: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert line in capsys.readouterr().out


def test_an_answer_loads_nothing_heavy_and_a_command_nothing_of_it(place: Path) -> None:
    heavy = "[name for name in ('airflow', 'pandas', 'numpy', 'sklearn', 'mlflow') if name in sys.modules]"
    code = f"""
import os, sys
os._exit = lambda code: (print({heavy}, file=sys.stderr), sys.stderr.flush(), sys.exit(code))
from airflow_mlops.__main__ import main
main([])
"""
    line = "airflow-mlops run pipelines/churn.yaml --until e"
    asked = {
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": "o",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env={**ENVIRONMENT, **asked}, capture_output=True, text=True
    )
    assert run.stderr.strip() == "[]"
    assert (place / "o").read_text().strip() == "evaluate"
    (place / "o").unlink()
    plain = "import sys; from airflow_mlops.__main__ import main as m; m(['schema']); "
    command = [sys.executable, "-c", plain + "sys.exit('argcomplete' in sys.modules)"]
    assert subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL).returncode == 0
