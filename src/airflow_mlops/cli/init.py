"""The command ``init``: a folder with a working pipeline, on data that comes with scikit-learn."""

from __future__ import annotations

import argparse
import csv
import getpass
import json
import re
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from airflow_mlops.cli.dispatch import WrongCall
from airflow_mlops.cli.new_files import write_new
from airflow_mlops.cli.prompt import flag_or_prompt

NAME: Final = "tumours"
BY_HAND: Final = "by hand"
_NAME: Final = r"[a-z][a-z0-9_]{0,62}"
_DATA: Final = Path("datasets", "data", "breast_cancer.csv")
_MEASURED: Final = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave_points", "symmetry", "fractal_dimension"),
)
_COLUMNS: Final = tuple(f"{kind}_{what}" for kind in ("mean", "error", "worst") for what in _MEASURED)
_PIPELINE: Final = """\
# Is a tumour benign? 569 patients of Wisconsin, 30 measurements each; the data that scikit-learn ships.
version: 1
name: {name}
description: Is a tumour benign?
{schedule}data:
  source: {{type: csv, filepath: ../data/{name}.csv}}     # relative to this file
  target: benign
  keys: [patient]
validate:
  expect:
    - {{column: patient, not_null: true, unique: true}}
    - {{column: mean_radius, min: 1, max: 50}}
train:
  estimator: sklearn.ensemble.RandomForestClassifier
  params: {{n_estimators: 50, random_state: 7}}
evaluate:
  metrics: [roc_auc, log_loss]
  require: {{roc_auc: ">= 0.95"}}
"""
_DEPLOYMENT: Final = """\
approve: {{by: [{user}]}}
deploy:
  canary: {{steps: [10, 50]}}
"""
_LOADER: Final = '''\
"""Builds the DAGs of every file in `pipelines/`; the only DAG file that Airflow needs."""

from airflow_mlops import load_pipelines

load_pipelines(globals())
'''
_IGNORED: Final = """\
# Folders without a DAG file: Airflow does not have to search them.
pipelines/
tests/
mlops-artifacts/
"""
_TEST: Final = '''\
"""Every pipeline file has no faults and builds its DAGs: run `python -m pytest` in this folder."""

from pathlib import Path

from airflow_mlops import load_pipelines
from airflow_mlops.__main__ import main

ROOT = Path(__file__).resolve().parents[1]


def test_every_pipeline_has_no_faults():
    assert main(["lint", str(ROOT / "pipelines")]) == 0


def test_every_pipeline_builds_its_dags():
    dags = {{}}
    load_pipelines(dags, ROOT / "pipelines", strict=True)
    assert "{name}__train" in dags
'''


def init(arguments: argparse.Namespace) -> int:
    """Create a working pipeline, its data, the DAG file and a test; returns 0. Raises WrongCall otherwise.

    No file is overwritten: the DAG file and `.airflowignore` of an earlier `init` are kept, so that a second
    pipeline joins the first. When any other file exists already, nothing is written at all. Values without a
    flag are asked for at a terminal.
    """
    folder = Path(arguments.folder)
    name = flag_or_prompt(arguments.name, "--name", "Name of the pipeline", NAME, _checked_name)
    schedule = flag_or_prompt(
        arguments.schedule, "--schedule", "Training schedule, such as @weekly", BY_HAND, _checked_schedule
    )
    approver = arguments.approver or (getpass.getuser() if arguments.deploy else "")
    deployment = _DEPLOYMENT.format(user=json.dumps(approver)) if approver else ""
    if (outer := _outer_project(folder)) is not None:
        raise WrongCall(
            f"{folder.absolute()} is inside the project {outer}; nothing was written: to add a pipeline to "
            f"that project, run `airflow-mlops init {outer} --name NAME`"
        )
    files = {folder / place: text for place, text in _files(name, schedule, deployment).items()}
    kept = {path for path in files if _may_stay(path)}
    new = {path: text for path, text in files.items() if path not in kept}
    write_new(new, choose="--name or folder")
    for path in files:
        print(f"{'kept' if path in kept else 'wrote'} {path}")
    print(_next(folder, name), end="")
    return 0


def _checked_name(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise ValueError(
            f"{name!r}: a name must start with a small letter and have only small letters, digits and _, "
            "at most 63"
        )
    return name


def _checked_schedule(schedule: str) -> str:
    if schedule == BY_HAND:
        return schedule
    from airflow_mlops.config.schedule_text import start_mapping

    start_mapping(schedule)
    return schedule


def _outer_project(folder: Path) -> Path | None:
    """Return the folder above that has pipelines and a DAG file that loads everything below it."""
    for parent in folder.absolute().parents:
        if (parent / "pipelines").is_dir() and any(map(_is_loader, parent.glob("*.py"))):
            return parent
    return None


def _may_stay(path: Path) -> bool:
    """Return whether an existing file does what ours would do."""
    return path.is_file() and (path.name == ".airflowignore" or (path.suffix == ".py" and _is_loader(path)))


def _is_loader(file: Path) -> bool:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return "load_pipelines(globals()" in text


def _files(name: str, schedule: str, deployment: str) -> Mapping[str, str]:
    when = "" if schedule == BY_HAND else f"schedule: {json.dumps(schedule)}\n"
    return {
        f"pipelines/{name}.yaml": _PIPELINE.format(name=name, schedule=when) + deployment,
        f"data/{name}.csv": _rows(),
        "mlops.py": _LOADER,
        ".airflowignore": _IGNORED,
        f"tests/test_{name}.py": _TEST.format(name=name),
    }


def _rows() -> str:
    """Return the rows of scikit-learn's file under named columns; scikit-learn is not imported."""
    found = find_spec("sklearn")
    origin = Path(found.origin).parent / _DATA if found and found.origin else None
    if origin is None or not origin.is_file():
        raise WrongCall("scikit-learn's breast_cancer.csv was not found: pip install scikit-learn")
    with origin.open(newline="", encoding="utf-8") as stream:
        _, *rows = csv.reader(stream)
    lines = [",".join(("patient", *_COLUMNS, "benign"))]
    lines += [",".join((str(number), *row)) for number, row in enumerate(rows, 1)]
    return "\n".join(lines) + "\n"


def _next(folder: Path, name: str) -> str:
    moved = "" if folder.resolve() == Path.cwd() else f"  cd {shlex.quote(str(folder))}\n"
    several = len([*(folder / "pipelines").glob("*.yaml")]) > 1
    return f"""
Next:
{moved}  airflow-mlops run{f" pipelines/{name}.yaml" if several else ""}
  airflow-mlops lint pipelines
  python -m pytest tests
  AIRFLOW__CORE__DAGS_FOLDER="$PWD" airflow standalone
  airflow dags unpause {name}__train && airflow dags trigger {name}__train    # in another terminal
"""
