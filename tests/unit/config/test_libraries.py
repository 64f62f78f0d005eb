"""Installed libraries answer in a child process; whatever they do there, lint ends and reports the rest."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import ClassifierMixin
from sklearn.utils import all_estimators
from sklearn.utils._param_validation import StrOptions, make_constraint

from airflow_mlops.config.lint import lint_files
from airflow_mlops.config.lint.libraries import Libraries
from airflow_mlops.config.lint.library_questions import refused
from tests.support.project import ENVIRONMENT

FILE = """\
name: own
data: {source: {type: csv, filepath: rows.csv}, target: y}
train: {estimator: "%s", params: {%s}}
evaluate: {metrics: [accuracy]}
"""
VALUES = [None, True, False, -1, 0, 1, 2, 300, 2**33, -0.5, 0.0, 0.5, 1.0, 7.5, "auto", "nonsense", [1]]
VALUES += ["balanced", "l2", "gini", "sqrt", "warn", "deprecated", "squared_error", "lbfgs"]
SLOW = "LogisticRegressionCV"
MODEL = """
class Model:
    def __init__(self, depth=1): ...
    def fit(self, rows, target): ...
    def predict(self, rows): ...
    def predict_proba(self, rows): ...
    def __sklearn_tags__(self): ...
"""
PACKAGES = {
    "raising": "raise RuntimeError('no GPU')",
    "quitting": "raise SystemExit(0)",
    "crashing": "import os; os._exit(3)",
    "hanging": "import time; time.sleep(3_600)",
    "printing": f"import os\nprint('{{}}')\nos.write(1, b'{{}}')\nos.write(2, b'noise'){MODEL}",
}


@pytest.fixture(scope="module")
def estimators() -> list[type]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [real for kind in ("classifier", "regressor") for _, real in all_estimators(kind)]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, as ``pip install --target`` makes one."""
    folder = tmp_path / "site"
    for name, code in PACKAGES.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(code)
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def own_libraries() -> Iterator[Libraries]:
    with Libraries(seconds=8) as own:
        yield own


def findings(folder: Path, estimator: str, libraries: Libraries, params: str = "") -> list[str]:
    file = folder / "own.yaml"
    file.write_text(FILE % (estimator, params))
    found = lint_files([(file, folder)], libraries=libraries)
    return [f"{fault.level} {fault.line} {fault.path}: {fault.message}" for fault in found]


def test_exactly_what_scikit_learn_refuses_is_refused(estimators: list[type]) -> None:
    count = 0
    for real in estimators:
        table = real._parameter_constraints  # type: ignore[attr-defined]
        kinds = {name: row for name, row in table.items() if row != "no_validation"}
        taken = {
            name: [any(make_constraint(kind).is_satisfied_by(value) for kind in row) for value in VALUES]
            for name, row in kinds.items()
        }
        found = refused(real.__module__, real.__name__, dict.fromkeys(table, VALUES))
        assert {(name, number) for name, number, _ in found} == {
            (name, number) for name, row in taken.items() for number, fits in enumerate(row) if not fits
        }
        assert all(text and "Got" not in text for _, _, text in found)
        count += len(found)
    assert count > 1_000


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::sklearn.exceptions.ConvergenceWarning")
def test_only_what_cannot_be_fitted_is_refused_together(estimators: list[type], libraries: Libraries) -> None:
    rows, reported = np.random.default_rng(1).uniform(0.2, 3.0, (120, 5)), set()
    for real in estimators:
        for name, kinds in real._parameter_constraints.items():  # type: ignore[attr-defined]
            words = {word for kind in kinds if isinstance(kind, StrOptions) for word in kind.options}
            for word in sorted(words) if real.__name__ != SLOW else ():
                where = {"module": real.__module__, "name": real.__name__}
                if libraries.ask("unfit", "sklearn", **where, values={name: [word]}):
                    reported.add((real.__name__, name, word))
                    with pytest.raises((ValueError, NotImplementedError)):
                        real(**{name: word}).fit(rows, _target(real, rows))
    assert reported >= {
        ("LogisticRegression", "penalty", "l1"),
        ("LinearDiscriminantAnalysis", "shrinkage", "auto"),
        ("Ridge", "solver", "lbfgs"),
    }


def _target(real: type, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    total: np.ndarray[Any, Any] = rows.sum(axis=1)
    return np.arange(len(rows)) % 2 if issubclass(real, ClassifierMixin) else total


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"penalty": ["l1"], "C": [1.0]}, "penalty"),
        ({"C": [0.1, 1.0], "penalty": ["l1"], "solver": ["lbfgs", "saga"]}, "solver"),
        ({"C": [0.1, 1.0], "l1_ratio": [0.0, 0.5], "solver": ["lbfgs", "saga"]}, None),
        ({"C": [0.1, 1.0], "l1_ratio": [0.0, 0.5], "solver": ["lbfgs", "newton-cg"]}, "l1_ratio"),
        ({"dual": [True]}, "dual"),
        ({"C": [0.1, 1.0], "tol": [1e-4, 1e-3], "max_iter": [10, 500]}, None),
    ],
)
def test_a_value_is_refused_only_when_no_value_of_the_others_helps(
    libraries: Libraries, values: dict[str, list[Any]], expected: str | None
) -> None:
    found = libraries.ask(
        "unfit", "sklearn", module="sklearn.linear_model", name="LogisticRegression", values=values
    )
    assert (found and found[0]) == expected


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("raising", "note 3 train.estimator: not checked: raising raises RuntimeError: no GPU"),
        ("quitting", "note 3 train.estimator: not checked: quitting raises SystemExit: 0"),
        ("crashing", "note 3 train.estimator: not checked: crashing ended the process that imported it"),
        ("hanging", "note 3 train.estimator: not checked: hanging did not answer within 8 s"),
    ],
)
def test_a_library_that_cannot_be_imported_is_reported_and_the_next_is_asked(
    installed: Path, tmp_path: Path, own_libraries: Libraries, package: str, expected: str
) -> None:
    assert findings(tmp_path, f"{package}.Model", own_libraries) == [expected]
    assert findings(tmp_path, f"{package}.Other", own_libraries, "depth: 1") == [expected]
    assert findings(tmp_path, "printing.Model", own_libraries, "depth: 1") == []
    assert "has no parameter 'dpth'" in findings(tmp_path, "printing.Model", own_libraries, "dpth: 1")[0]


USER_CODE = "from pathlib import Path\nPath({ran!r}).touch()\n" + MODEL


def test_no_module_of_the_user_is_run_wherever_it_is(tmp_path: Path) -> None:
    """Neither beside the file, nor on PYTHONPATH, nor in the place of what a library imports."""
    project, path, ran = tmp_path / "project", tmp_path / "path", tmp_path / "ran"
    for folder, names in ((project, ("beside", "scipy", "pandas")), (path, ("onpath", "scipy", "joblib"))):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.py").write_text(USER_CODE.format(ran=str(ran)))
    about = path / "onpath.egg-info"  # what `pip install --editable` leaves beside the source
    about.mkdir()
    (about / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: onpath\nVersion: 1.0\n")
    (about / "SOURCES.txt").write_text("onpath.py\n")
    texts = {
        "beside": FILE % ("beside.Model", "dpth: 1"),
        "onpath": FILE % ("onpath.Model", "dpth: 1"),
        "library": FILE % ("sklearn.svm.SVC", "C: -1.0") + "validate: {expect: [{expect_nothing: {}}]}\n",
    }
    for name, text in texts.items():
        (project / f"{name}.yaml").write_text(text.replace("name: own", f"name: {name}"))
    done = subprocess.run(
        [sys.executable, "-m", "airflow_mlops", "lint", "."],
        capture_output=True,
        text=True,
        cwd=project,
        env={**ENVIRONMENT, "PYTHONPATH": str(path)},
        timeout=240,
    )
    assert not ran.exists()
    assert done.returncode == 1
    assert [line.split(": ", 2)[1] for line in done.stdout.splitlines()] == [
        "train.params.dpth",
        "train.params.C",
        "validate.expect.0.expect_nothing",
        "train.params.dpth",
    ], done.stdout + done.stderr


def test_no_child_is_started_when_there_is_no_question(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(MODEL)
    with Libraries(seconds=0) as none:  # an answer would come too late
        assert findings(tmp_path, "beside.Model", none, "depth: 1") == []
        (line,) = findings(tmp_path, "sklearn.svm.SVC", none)
    assert "not checked: sklearn did not answer within 0 s" in line
