"""Prepares a release: sets the version, cuts the changelog, builds sdist and wheel, and checks them.

``python -m tools.release 0.2.0`` does all of it on a copy of the repository and reports the result.
With ``--write`` the version and the changelog change in the repository, and ``dist/`` holds the two files.
Nothing is committed, tagged or uploaded: the last lines say how to do that.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
VERSION_FILE = Path("src/airflow_mlops/core/version.py")
CHANGELOG = Path("CHANGELOG.md")
PACKAGE = "airflow_mlops"
# What pip shows and what Airflow looks for.
ENTRY_POINTS = ("[console_scripts]", "[apache_airflow_provider]", "[airflow.plugins]")
IN_SDIST = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "src/airflow_mlops/__init__.py",
    "tests/conftest.py",
)
# What a working folder holds and no release may.
LOCAL_NAMES = {".venv", ".demo", ".up", ".bench", ".git", "__pycache__", "mlruns", "mlflow.db", "dist"}


class ReleaseError(Exception):
    """The release cannot be made; the message says what to do."""


def set_version(text: str, version: str) -> str:
    """Return the text of the version module with another version.

    Raises:
        ReleaseError: The version is not valid, or it is not newer than the present one.
    """
    match = re.search(r'^VERSION = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise ReleaseError(f'{VERSION_FILE} must have a line VERSION = "…"')
    try:
        new = Version(version)
    except InvalidVersion:
        raise ReleaseError(f"the version must look like 0.2.0 or 0.2.0rc1, got {version!r}") from None
    if new < Version(match[1]) or str(new) != version:
        raise ReleaseError(f"the version must be {match[1]} or newer, in its normal form, got {version!r}")
    return text[: match.start(1)] + version + text[match.end(1) :]


def cut_changelog(text: str, version: str, date: dt.date) -> str:
    """Return the changelog with the unreleased changes under the heading of a version.

    Raises:
        ReleaseError: Nothing is unreleased, or the version has a heading already.
    """
    if f"## [{version}]" in text:
        raise ReleaseError(f"{CHANGELOG} already has a section [{version}]")
    head, heading, rest = text.partition("## [Unreleased]\n")
    changes = re.split(r"^## \[", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not heading or not re.search(r"^- ", changes, re.MULTILINE):
        raise ReleaseError(f"{CHANGELOG} must list changes under ## [Unreleased]")
    return f"{head}{heading}\n## [{version}] - {date.isoformat()}\n{rest}"


def build(tree: Path) -> list[Path]:
    """Build sdist and wheel from a source tree, the wheel from the sdist, and return their paths."""
    dist = tree / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    # The build tools of the environment are used: they are pinned, and nothing is downloaded.
    _run(tree, "build", "--no-isolation", "--outdir", str(dist))
    _run(tree, "twine", "check", "--strict", *map(str, dist.iterdir()))
    return sorted(dist.iterdir())


def check_wheel(wheel: Path, tree: Path, version: str) -> None:
    """Check that the wheel holds the whole package and nothing else, and describes itself.

    Raises:
        ReleaseError: A file is missing or too many, or an entry of the metadata is wrong.
    """
    source = tree / "src"
    expected = {
        str(path.relative_to(source))
        for path in (source / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    info = f"{PACKAGE}-{version}.dist-info/"
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.startswith(info)}
        metadata = HeaderParser().parsestr(archive.read(f"{info}METADATA").decode())
        entry_points = archive.read(f"{info}entry_points.txt").decode()
        licences = [name for name in archive.namelist() if name.startswith(f"{info}licenses/")]
    _same("the wheel", held, expected)
    if metadata["Version"] != version:
        raise ReleaseError(f"the wheel's metadata must have version {version}, got {metadata['Version']}")
    missing = [group for group in ENTRY_POINTS if group not in entry_points]
    if missing or not licences:
        raise ReleaseError(f"the wheel must have a licence and the entry points {', '.join(ENTRY_POINTS)}")


def check_sdist(sdist: Path) -> None:
    """Check that the sdist can be built and tested elsewhere, and that no local file is in it.

    Raises:
        ReleaseError: A file is missing or must not be there.
    """
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    missing = [name for name in IN_SDIST if name not in names]
    if missing:
        raise ReleaseError(f"the sdist must hold {', '.join(missing)}")
    local = [name for name in names if LOCAL_NAMES & set(Path(name).parts)]
    if local:
        raise ReleaseError(f"the sdist must not hold {', '.join(local[:5])}")


def prepare(root: Path, version: str, date: dt.date) -> dict[Path, str]:
    """Return the new text of each file that a release changes, by its path below ``root``."""
    return {
        VERSION_FILE: set_version((root / VERSION_FILE).read_text(), version),
        CHANGELOG: cut_changelog((root / CHANGELOG).read_text(), version, date),
    }


def release(root: Path, version: str, date: dt.date, *, write: bool) -> list[Path]:
    """Build and check a release of a repository; with ``write`` keep its files.

    Returns:
        The sdist and the wheel, in ``dist/`` with ``write``, else names of files that are gone.
    """
    changed = prepare(root, version, date)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(root, tree, ignore=shutil.ignore_patterns(*LOCAL_NAMES, ".*_cache", ".hypothesis"))
        _write(tree, changed)
        sdist, wheel = sorted(build(tree), key=lambda path: path.suffix == ".whl")
        check_sdist(sdist)
        check_wheel(wheel, tree, version)
        if write:
            _write(root, changed)
            (root / "dist").mkdir(exist_ok=True)
            return [Path(shutil.copy(file, root / "dist")) for file in (sdist, wheel)]
        return [sdist, wheel]


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("version", help="the version to release, such as 0.2.0")
    parser.add_argument("--write", action="store_true", help="change version and changelog, and keep dist/")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        files = release(given.root, given.version, dt.datetime.now(dt.UTC).date(), write=given.write)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for file in files:
        print(f"checked: {file.name}")
    if given.write:
        print(
            f"next: git commit -am 'Release {given.version}' && git tag v{given.version}\n"
            "then: twine upload dist/*"
        )
    else:
        print(
            "dry run: nothing is changed; add --write (make release VERSION=… WRITE=yes) to keep the result"
        )
    return 0


def _write(root: Path, changed: dict[Path, str]) -> None:
    for path, text in changed.items():
        (root / path).write_text(text)


def _same(subject: str, held: Iterable[str], expected: Iterable[str]) -> None:
    missing, extra = sorted(set(expected) - set(held)), sorted(set(held) - set(expected))
    if missing or extra:
        raise ReleaseError(f"{subject} must hold exactly the package; missing: {missing}, too many: {extra}")


def _run(folder: Path, module: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"{module} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
