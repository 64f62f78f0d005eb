"""What pre-commit runs: our hooks in the repository of a team, and the hooks of this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
GOOD = """\
name: good
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: sklearn.tree.DecisionTreeClassifier}
evaluate: {metrics: [accuracy]}
"""
# What git reads of the user must not decide what these tests see.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True
    )


def commit(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All")
    return folder


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a git repository with this one's hooks, as pre-commit would clone it."""
    folder = tmp_path_factory.mktemp("provider")
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", folder)
    return commit(folder)


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a repository with a pipeline, its rows and a YAML file that is not a pipeline."""
    folder = tmp_path / "team"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines" / "good.yaml").write_text(GOOD)
    (folder / "pipelines" / "rows.csv").write_text("x,y\n1,0\n2,1\n")
    (folder / "values.yaml").write_text("replicas: 2\n")
    return folder


def try_hook(provider: Path, team: Path) -> subprocess.CompletedProcess[str]:
    commit(team)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pre_commit",
            "try-repo",
            str(provider),
            "airflow-mlops-lint",
            "--all-files",
            "--verbose",
        ],
        cwd=team,
        env={**ENVIRONMENT, "PRE_COMMIT_HOME": str(team.parent / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_team_with_good_files_may_commit(provider: Path, team: Path) -> None:
    done = try_hook(provider, team)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 file checked, 0 faults" in done.stdout


def test_a_fault_stops_the_commit_with_its_line(provider: Path, team: Path) -> None:
    (team / "pipelines" / "bad.yml").write_text(GOOD.replace("good", "bad") + "scheduel: x\n")
    done = try_hook(provider, team)
    assert done.returncode == 1
    assert "pipelines/bad.yml:5:1: scheduel: is not a known key" in done.stdout


def test_a_repository_without_pipelines_is_left_alone(provider: Path, team: Path) -> None:
    shutil.rmtree(team / "pipelines")
    done = try_hook(provider, team)
    assert done.returncode == 0
    assert "(no files to check)" in done.stdout


def test_both_hooks_check_the_same_files_in_the_same_way() -> None:
    shared = [{key: hook[key] for key in ("entry", "files", "require_serial")} for hook in HOOKS]
    assert shared[0] == shared[1]
    assert {hook["language"] for hook in HOOKS} == {"system", "python"}


def test_the_hooks_of_this_repository_are_valid_and_run_the_steps_of_make_check() -> None:
    config = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", str(config)], check=True)
    entries = [
        hook["entry"] for repo in yaml.safe_load(config.read_text())["repos"] for hook in repo["hooks"]
    ]
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    for tool in ("ruff format", "ruff check", "mypy", "lint-imports", "deptry src"):
        assert any(entry.startswith(f".venv/bin/{tool}") for entry in entries), tool
        assert f"$(BIN)/{tool}" in recipe, tool
