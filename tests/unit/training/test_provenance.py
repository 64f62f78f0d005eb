"""A model's run names the commit of its pipeline, what differs from it, and the digest of its code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_mlops.core.tags import CODE_DIGEST, GIT_CHANGED, GIT_COMMIT
from airflow_mlops.training.provenance import code_digest, git_revision
from airflow_mlops.user_code.loading import load_object


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "pipelines"
    folder.mkdir(parents=True)
    (folder / "churn.yaml").write_text("name: churn\n")
    (folder / "data.csv").write_text("a\n1\n")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", "pipelines/churn.yaml")
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    git(folder.parent, *who, "commit", "-q", "-m", "first")
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_clean_folder_names_its_commit_alone(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert git_revision(repository) == {GIT_COMMIT: commit, "mlflow.source.git.commit": commit}


def test_what_is_changed_or_was_never_committed_is_named(repository: Path) -> None:
    (repository / "churn.yaml").write_text("name: other\n")
    (repository / "features.py").write_text("x = 1\n")
    (repository / "mlflow.db").write_text("not a file of the pipeline")
    changed = git_revision(repository)[GIT_CHANGED]
    assert sorted(Path(name).name for name in changed.split(", ")) == ["churn.yaml", "features.py"]


def test_a_folder_without_a_repository_and_a_machine_without_git_name_nothing(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_revision(tmp_path) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision(repository) == {}


def test_the_digest_changes_with_the_code_and_with_that_of_modules_below(tmp_path: Path) -> None:
    package = tmp_path / "own_code"
    package.mkdir()
    (package / "__init__.py").write_text("")
    found = []
    for text in ("def build(rows):\n    return rows\n", "def build(rows):\n    return rows + 1\n"):
        (package / "feats.py").write_text(text)
        for name in [key for key in sys.modules if key.startswith("own_code")]:
            del sys.modules[name]
        load_object("own_code.feats:build", tmp_path)
        found.append(code_digest([sys.modules["own_code"]])[CODE_DIGEST])
    assert found[0] != found[1]
    assert len(found[0]) == 64


def test_code_of_installed_packages_alone_has_no_digest() -> None:
    assert code_digest([sys.modules["airflow_mlops.training"]]) == {}
