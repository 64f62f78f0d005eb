"""The way of one pipeline through its tasks, in the order that its DAGs have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from airflow_mlops.core import progress
from airflow_mlops.core.errors import GateRejected
from airflow_mlops.core.records import summarize
from airflow_mlops.lifecycle.table import Shape, Task, shapes
from airflow_mlops.local_run import deploying
from airflow_mlops.local_run import monitor_window as watching
from airflow_mlops.local_run.context import Scene, TaskEnd
from airflow_mlops.local_run.reporter import TaskLine

_OWN: Final[Mapping[str, Callable[[Scene], TaskEnd]]] = {
    "prepare": deploying.prepare,
    "approve": deploying.approve,
    "rollout": deploying.rollout,
    "finalize": deploying.finalize,
    "restore": deploying.restore,
    "retrain": watching.retrain,
}
"""The tasks that are no stage: what Airflow's operators do of them, done here."""


def run(scene: Scene, until: str | None = None) -> str | None:
    """Run all tasks, or those up to ``until``; returns why the run waits for somebody, if it does.

    Raises what a stage raises, and GateRejected when the gate, a person or the canary says no.
    """
    for shape in shapes(scene.pipeline):
        if not _enter(scene, shape):
            if until in {task.id for task in shape.tasks}:
                return None
            continue
        for task in shape.tasks:
            scene.interruption.check()
            waits = _task(scene, shape, task)
            if waits or task.id == until:
                return waits
    return None


def _enter(scene: Scene, shape: Shape) -> bool:
    """Set the scene of a DAG; False when it has nothing to do here, which is said."""
    scene.dag_id, scene.window, why = shape.dag_id, None, ""
    if shape.kind == "deploy":
        why = deploying.why_not_here(scene)
    elif shape.kind == "monitor":
        scene.window, why = watching.window_of(scene)
    if why:
        scene.show.told(TaskLine(shape.dag_id, shape.kind, "skipped", summary=why))
    return not why


def _task(scene: Scene, shape: Shape, task: Task) -> str | None:
    """Run one task, or take over what an earlier run found; returns why the run waits, if it does."""
    key, started = f"{shape.dag_id}/{task.id}", time.monotonic()
    if key in scene.journal.done:
        end = TaskEnd("kept", scene.journal.done[key], summarize(scene.journal.done[key]))
    else:
        try:
            with scene.show.working(task.id) as listener, progress.listening(listener):
                end = _lived(scene, task)
        except BaseException:
            scene.show.told(TaskLine(shape.dag_id, task.id, "failed", time.monotonic() - started))
            raise
    seconds = 0.0 if end.state in ("kept", "skipped", "waiting") else time.monotonic() - started
    if end.state in ("success", "skipped"):
        scene.journal.keep(key, end.record)  # before it is told: what was seen to be done is not done again
    scene.show.told(TaskLine(shape.dag_id, task.id, end.state, seconds, end.summary, end.record))
    if end.state == "refused":
        raise GateRejected(end.why)
    if end.record is not None:
        scene.results[task.id] = end.record
    return end.why if end.state == "waiting" else None


def _lived(scene: Scene, task: Task) -> TaskEnd:
    own = _OWN.get(task.id)
    if own is not None:
        return own(scene)
    tune = scene.pipeline.train.tune
    record: Any = _mapped(scene, task, tune.workers) if task.mapped and tune else scene.stage(task)
    if task.id == "evaluate" and not record["passed"]:
        why = "the gate said no: " + "; ".join(record["reasons"])
        return TaskEnd("refused", record, summarize(record), why)
    return TaskEnd("success", record, summarize(record))


def _mapped(scene: Scene, task: Task, parts: int) -> list[Any]:
    """Run the parts of a mapped task one after the other; those that an earlier run did are taken over."""
    for number in range(parts):
        key = f"{scene.dag_id}/{task.id}/{number}"
        if key not in scene.journal.done:
            options = {"worker": number, "workers": parts}
            scene.journal.keep(key, scene.stage(task, options=options, index=number))
    return [scene.journal.done[f"{scene.dag_id}/{task.id}/{number}"] for number in range(parts)]
