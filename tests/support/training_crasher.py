"""A training whose process kills itself at random points, and is tried again until it is done.

    python -m tests.support.training_crasher '{"root": …, "tracking_uri": …, "config": …, "kills": 10, …}'

Each try is a process forked from a warm one. It goes through the tasks whose records are not stored yet, as
Airflow and ``airflow-mlops run`` do, and dies by SIGKILL before or after one of its calls to MLflow, or
between the end of a task and the storing of its record. Prints the points as a line of JSON.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import mlflow
import mlflow.sklearn
import sklearn.ensemble

from airflow_mlops.stages import evaluate, refit, register, train, tune
from tests.support.project import Project
from tests.support.rollout_crasher import forked, print_line

TASKS: Final = ("tune", "train", "evaluate", "refit", "register")
_INPUTS: Final = {
    "tune": ("features",),
    "train": ("features", "tune"),
    "evaluate": ("features", "train"),
    "refit": ("features", "evaluate"),
    "register": ("evaluate", "refit", "features"),
}
_NAMES: Final = {"train": "model", "evaluate": "evaluation"}
_WARM: Final = (evaluate, refit, register, train, tune, mlflow.sklearn, sklearn.ensemble)
"""What a try would import, which takes longer than the try."""


class Points:
    """Counts the points that a try passes, and ends it at one of them."""

    def __init__(self, fatal: int, file: Path) -> None:
        self.fatal, self.file, self.passed = fatal, file, 0

    def point(self, name: str) -> None:
        """Pass a point, or die at it."""
        self.passed += 1
        if self.passed == self.fatal:
            with self.file.open("a") as file:
                file.write(f"{name}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, effect: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return a function with a point before and one after it."""

        @functools.wraps(effect)
        def call(*args: Any, **kwargs: Any) -> Any:
            self.point(f"before {name}")
            found = effect(*args, **kwargs)
            self.point(f"after {name}")
            return found

        return call


def attempt(project: Project, points: Points) -> None:
    """Go through the tasks that are not done."""
    journal = project.root / "journal.json"
    done: dict[str, Any] = json.loads(journal.read_text())
    client: Any = mlflow.MlflowClient
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if not name.startswith("_"):
            setattr(client, name, points.around(method, name))
    for task in TASKS:
        if task in done:
            continue
        inputs = {_NAMES.get(giver, giver): done[giver] for giver in _INPUTS[task] if giver in done}
        record = project.run(task, {**inputs, "tune": [inputs["tune"]]} if "tune" in inputs else inputs)
        points.point(f"{task} is done")
        done[task] = record
        fresh = journal.with_suffix(".new")
        fresh.write_text(json.dumps(done))
        fresh.replace(journal)
        points.point(f"{task} is stored")


def main(asked: Mapping[str, Any]) -> None:
    """Kill tries at random points, then let one end."""
    project = Project(Path(asked["root"]), asked["tracking_uri"], asked["config"])
    rng, file = random.Random(asked["seed"]), project.root / "points"
    for _ in range(asked["kills"]):
        points = Points(rng.randint(1, asked["within"]), file)
        forked(functools.partial(attempt, project, points))
    ended = forked(lambda: attempt(project, Points(0, file)))
    print_line({"ended": ended, "points": file.read_text().splitlines() if file.exists() else []})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
