"""A release is complete, says what it is, and changes nothing unless it is asked to."""

from __future__ import annotations

import datetime as dt
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools import release
from tools.release import ReleaseError, check_sdist, check_wheel, cut_changelog, main, set_version

ROOT = Path(__file__).parents[3]
TODAY = dt.date(2026, 3, 1)
CHANGES = """\
# Changelog

## [Unreleased]

### Added
- A thing.

## [0.1.0] - 2026-01-01
- The first.
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the build reads of this repository."""
    root = tmp_path_factory.mktemp("repository")
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "docs", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    (root / "mlflow.db").write_text("somebody's own runs")
    return root


def test_the_unreleased_changes_get_a_heading() -> None:
    cut = cut_changelog(CHANGES, "0.2.0", TODAY)
    assert cut.index("## [Unreleased]\n\n## [0.2.0] - 2026-03-01\n") < cut.index("- A thing.")
    assert cut.replace("\n## [0.2.0] - 2026-03-01\n", "") == CHANGES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CHANGES.replace("- A thing.\n", ""), "must list changes"),
        (CHANGES.replace("Unreleased", "0.2.0"), r"already has a section \[0.2.0\]"),
        ("# Changelog\n", "must list changes"),
    ],
)
def test_a_changelog_without_new_changes_is_refused(text: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        cut_changelog(text, "0.2.0", TODAY)


@pytest.mark.parametrize("version", ["0.1.0", "0.1.1", "0.2.0rc1", "1.0.0"])
def test_a_version_is_set(version: str) -> None:
    assert (
        set_version('"""Why."""\n\nVERSION = "0.1.0"\n', version) == f'"""Why."""\n\nVERSION = "{version}"\n'
    )


@pytest.mark.parametrize("version", ["0.0.9", "v0.2.0", "0.2.0-rc1", "next", "0.1.0rc1"])
def test_an_older_or_unusual_version_is_refused(version: str) -> None:
    with pytest.raises(ReleaseError, match="the version must"):
        set_version('VERSION = "0.1.0"\n', version)


def test_a_dry_run_builds_and_changes_nothing(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    assert main(["9.0.0", "--root", str(repository)]) == 0
    assert "dry run" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before


def test_a_release_holds_the_package_and_no_local_file(repository: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(repository, root)
    sdist, wheel = release.release(root, "9.0.0", TODAY, write=True)
    assert {sdist.parent, wheel.parent} == {root / "dist"}
    assert 'VERSION = "9.0.0"' in (root / release.VERSION_FILE).read_text()
    assert "## [9.0.0] - 2026-03-01" in (root / "CHANGELOG.md").read_text()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "airflow_mlops/config/airflow_mlops.schema.json" in names
    assert "airflow_mlops/py.typed" in names
    with tarfile.open(sdist) as archive:
        assert not any("mlflow.db" in name for name in archive.getnames())

    _without_a_module(wheel)
    with pytest.raises(ReleaseError, match=r"missing: \['airflow_mlops/runner.py'\]"):
        check_wheel(wheel, root, "9.0.0")
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(root / "README.md", "airflow_mlops-9.0.0/README.md")
    with pytest.raises(ReleaseError, match=r"must hold pyproject\.toml"):
        check_sdist(sdist)


def _without_a_module(wheel: Path) -> None:
    whole = wheel.rename(wheel.with_suffix(".whole"))
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(wheel, "w") as target:
        for name in source.namelist():
            if name != "airflow_mlops/runner.py":
                target.writestr(name, source.read(name))


def test_a_description_that_an_index_cannot_show_is_refused(repository: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(repository, root)
    (root / "README.md").write_text("")
    with pytest.raises(ReleaseError, match="twine failed"):
        release.release(root, "9.0.0", TODAY, write=True)
    assert not (root / "dist").exists()
    assert 'VERSION = "9.0.0"' not in (root / release.VERSION_FILE).read_text()
