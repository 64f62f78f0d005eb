"""The tasks of a pipeline's DAGs as plain rows: the builder makes DAGs of them, ``graph`` draws them.

Loads nothing of Airflow, so that a command line can show what a DAG processor will build.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from airflow_mlops.config.models import Pipeline

Kind = Literal["train", "deploy", "monitor"]


@dataclass(frozen=True)
class Task:
    """One row: a task, when it exists, what it reads and what it follows.

    ``inputs`` maps the name of an input to the task that gives it; ``after`` is order without data. Those
    that do not exist in a pipeline drop out. ``outlet`` is the asset that the task updates.
    """

    id: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    outlet: str | Callable[[Pipeline], str] | None = None
    exists: Callable[[Pipeline], bool] | None = None
    mapped: bool = False
    teardown: bool = False

    def updates(self, pipeline: Pipeline) -> str | None:
        """Return the last part of the asset that the task updates, or None."""
        return self.outlet(pipeline) if callable(self.outlet) else self.outlet


@dataclass(frozen=True)
class Shape:
    """One DAG of a pipeline: its id, when it runs, and its tasks in the order of their work."""

    dag_id: str
    kind: Kind
    schedule: tuple[str, ...]
    tasks: tuple[Task, ...]

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Every pair of tasks that follow each other."""
        ids = {task.id for task in self.tasks}
        return tuple(
            (earlier, task.id)
            for task in self.tasks
            for earlier in dict.fromkeys((*task.inputs.values(), *task.after))
            if earlier in ids
        )


_TASKS: Final[Mapping[Kind, tuple[Task, ...]]] = {
    "train": (
        Task("ingest", outlet="data"),
        Task("validate", {"dataset": "ingest"}, exists=lambda pipeline: bool(pipeline.validate_)),
        Task("features", {"dataset": "ingest", "validation": "validate"}),
        Task("tune", {"features": "features"}, exists=lambda p: bool(p.train.tune), mapped=True),
        Task("train", {"features": "features", "tune": "tune"}),
        Task("evaluate", {"features": "features", "model": "train"}),
        Task(
            "register",
            {"evaluation": "evaluate"},
            outlet=lambda pipeline: "challenger" if pipeline.deploy else "champion",
        ),
    ),
    "deploy": (
        Task("prepare"),
        Task("approve", after=("prepare",), exists=lambda pipeline: bool(pipeline.approve)),
        Task("rollout", {"request": "prepare"}, after=("approve",)),
        Task("finalize", {"request": "prepare"}, after=("rollout",), outlet="champion"),
        Task("restore", {"request": "prepare"}, after=("finalize",), teardown=True),
    ),
    "monitor": (
        Task("observe"),
        Task("drift", {"window": "observe"}, exists=lambda p: bool(p.monitor and p.monitor.drift)),
        Task(
            "performance",
            {"window": "observe"},
            exists=lambda p: bool(p.monitor and p.monitor.performance),
        ),
        Task("triage", {"window": "observe", "drift": "drift", "performance": "performance"}),
        Task(
            "retrain",
            {"triage": "triage"},
            outlet="retrain",
            exists=lambda p: bool(p.monitor and p.monitor.retrain),
        ),
    ),
}


def shapes(pipeline: Pipeline) -> tuple[Shape, ...]:
    """Return the DAGs of a pipeline: train, and deploy and monitor when their sections are there."""
    found = [_shape(pipeline, "train", _train_schedule(pipeline))]
    if pipeline.deploy:
        found.append(_shape(pipeline, "deploy", (f"asset {pipeline.name}/challenger",)))
    if pipeline.monitor:
        found.append(_shape(pipeline, "monitor", (pipeline.monitor.schedule,)))
    return tuple(found)


def task_ids() -> tuple[str, ...]:
    """Return every task that a pipeline can have, in the order of their work."""
    return tuple(task.id for tasks in _TASKS.values() for task in tasks)


def tasks_of(pipeline: Pipeline, kind: Kind) -> tuple[Task, ...]:
    """Return the tasks of one DAG; those of sections that are left out do not exist."""
    return tuple(task for task in _TASKS[kind] if task.exists is None or task.exists(pipeline))


def _shape(pipeline: Pipeline, kind: Kind, schedule: tuple[str, ...]) -> Shape:
    return Shape(f"{pipeline.name}__{kind}", kind, schedule, tasks_of(pipeline, kind))


def _train_schedule(pipeline: Pipeline) -> tuple[str, ...]:
    own = (pipeline.schedule,) if pipeline.schedule else ()
    retrain = pipeline.monitor is not None and pipeline.monitor.retrain is not None
    return (*own, *((f"asset {pipeline.name}/retrain",) if retrain else ()))


_STAGES: Final = (
    "ingest", "validate", "features", "tune", "train", "evaluate", "register",
    "observe", "drift", "performance", "triage",
)  # fmt: skip
STAGES: Final[Mapping[str, str]] = {name: f"airflow_mlops.stages.{name}" for name in _STAGES}
