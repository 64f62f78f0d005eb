"""Continuous integration runs what a contributor runs, on every Python that the package promises."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]


def commands(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def test_every_supported_python_is_tested_by_the_one_entry() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    promised = [text.removeprefix(prefix) for text in project["classifiers"] if text.startswith(prefix)]
    assert JOBS["pinned"]["strategy"]["matrix"]["python"] == promised
    assert commands("pinned") == [".ci/run"]


def test_the_newest_airflow_is_tried_and_may_fail() -> None:
    assert JOBS["newest-airflow"]["continue-on-error"] is True
    assert "allowed to fail" in JOBS["newest-airflow"]["name"]
    assert commands("newest-airflow") == [".ci/run --newest-airflow"]


def test_an_unknown_argument_is_refused_before_anything_runs() -> None:
    done = subprocess.run(
        [str(ROOT / ".ci" / "run"), "--newest-arflow"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage: .ci/run [--newest-airflow]" in done.stderr


def test_airflow_has_an_upper_bound() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    airflow = next(text for text in dependencies if text.startswith("apache-airflow>"))
    assert "<" in airflow
