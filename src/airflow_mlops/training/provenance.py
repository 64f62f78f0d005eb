"""Where a model comes from: the git revision of its pipeline, and the digest of the code inside it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Final

from airflow_mlops.core.tags import CODE_DIGEST, GIT_CHANGED, GIT_COMMIT
from airflow_mlops.training.distributions import place_of_module

_PACKAGE: Final = __name__.partition(".")[0]
_MLFLOWS_COMMIT: Final = "mlflow.source.git.commit"
"""The tag that MLflow's own pages show as the version of the source."""
_OF_THE_PIPELINE: Final = ("*.py", "*.yaml", "*.yml", "*.sql")
_CHANGES: Final = 20
_LIMIT_S: Final = 10.0


def git_revision(folder: Path) -> dict[str, str]:
    """Return the commit of a folder as tags, with the pipeline's files there that differ from it."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD").strip()
    if not commit:
        return {}
    status = _git(folder, "status", "--porcelain", "--", *_OF_THE_PIPELINE)
    changed = [line[3:] for line in status.splitlines()]
    more = f" and {len(changed) - _CHANGES} more" if len(changed) > _CHANGES else ""
    found = {GIT_COMMIT: commit, _MLFLOWS_COMMIT: commit}
    return {**found, GIT_CHANGED: ", ".join(changed[:_CHANGES]) + more} if changed else found


def code_digest(modules: Iterable[ModuleType]) -> dict[str, str]:
    """Return the SHA-256 of the sources of the user's modules and of those below them, as a tag."""
    tops = {module.__name__ for module in modules} - {_PACKAGE}
    found = hashlib.sha256()
    files = 0
    for name, module in sorted(sys.modules.items()):
        inside = any(name == top or name.startswith(f"{top}.") for top in tops)
        place = place_of_module(module) if inside and not name.startswith(f"{_PACKAGE}.") else None
        if place is None or not place.is_file():
            continue
        content = place.read_bytes()
        found.update(f"{name}\0{len(content)}\0".encode() + content)
        files += 1
    return {CODE_DIGEST: found.hexdigest()} if files else {}


def _git(folder: Path, *words: str) -> str:
    """Return what git says, or nothing."""
    # A git hook, or a git that runs this, would point at its own repository.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
            env={**inherited, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
