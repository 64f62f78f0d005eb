"""What `airflow-mlops lint` costs: CPU seconds of the whole command, its child process included.

    python benchmarks/lint.py

The rows are one file each, but for the last:

  own code      the estimator is the user's class, which is read: no library is asked
  scikit-learn  an estimator of scikit-learn with parameters and a search space; expectations in short form
  both          Great Expectations has to build a native expectation as well
  100 files     a folder of files as in `both`: one child process answers for all

Each figure is the median of five runs after one that fills the disk's cache and Python's bytecode. Limits:
1 s without and 4 s with the libraries for one file. `imports` is what importing the libraries alone costs in
a process of its own; the ratio is ours to it. It can be below 1: the child process collects no garbage and
starts no threads.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TURNS = 5
WITHOUT, WITH = 1.0, 4.0
FILE = """\
name: {name}
data: {{source: {{type: csv, filepath: rows.csv}}, target: y}}
validate: {{expect: [{{column: age, min: 0, max: 120}}{native}]}}
train:
  estimator: {estimator}
  params: {{{params}}}
  tune: {{n_trials: 10, space: {{{space}}}}}
evaluate: {{metrics: [accuracy]}}
"""
OWN = """
from sklearn.base import BaseEstimator, ClassifierMixin


class Model(ClassifierMixin, BaseEstimator):
    def __init__(self, depth=1, width=1): ...
    def fit(self, rows, target): ...
    def predict(self, rows): ...
"""
NATIVE = ", {expect_column_values_to_be_unique: {column: id}}"
FOREST = {
    "estimator": "sklearn.ensemble.RandomForestClassifier",
    "params": "n_estimators: 200, class_weight: balanced",
    "space": "max_depth: [2, 12], max_features: [0.3, 1.0], criterion: [gini, entropy]",
}


def cpu(command: Sequence[str], folder: Path) -> float:
    """Return the CPU seconds of a command and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True)
    if done.returncode:
        sys.exit(done.stdout.decode() + done.stderr.decode())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median(command: Sequence[str], folder: Path) -> float:
    """Return the median of some runs after one that is not counted."""
    cpu(command, folder)
    return statistics.median(cpu(command, folder) for _ in range(TURNS))


def write(folder: Path) -> None:
    """Write the files of all rows."""
    (folder / "own_models.py").write_text(OWN)
    own = {"estimator": "own_models.Model", "params": "width: 2", "space": "depth: [1, 5]"}
    (folder / "own.yaml").write_text(FILE.format(name="own", native="", **own))
    (folder / "forest.yaml").write_text(FILE.format(name="forest", native="", **FOREST))
    (folder / "both.yaml").write_text(FILE.format(name="both", native=NATIVE, **FOREST))
    (folder / "many").mkdir()
    for number in range(100):
        name = f"many_{number}"
        (folder / "many" / f"{name}.yaml").write_text(FILE.format(name=name, native=NATIVE, **FOREST))


def main() -> int:
    """Print the table; return 1 when a limit is missed."""
    rows = (
        ("own code", "own.yaml", "", WITHOUT),
        ("scikit-learn", "forest.yaml", "import sklearn.ensemble", WITH),
        ("both", "both.yaml", "import sklearn.ensemble, great_expectations.expectations.core", WITH),
        ("100 files", "many", "import sklearn.ensemble, great_expectations.expectations.core", None),
    )
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        print(f"{'':14}{'CPU s':>8}{'imports':>9}{'ratio':>7}{'limit':>7}")
        for title, target, imports, limit in rows:
            ours = median(["-m", "airflow_mlops", "lint", target], folder)
            floor = median(["-c", imports], folder) if imports else None
            compared = f"{floor:9.2f}{ours / floor:7.2f}" if floor else f"{'':16}"
            print(
                f"{title:14}{ours:8.2f}{compared}{limit or '':>7}{'  MISSED' * bool(limit and ours > limit)}"
            )
            missed += bool(limit and ours > limit)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
