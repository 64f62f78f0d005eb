"""Runs a pipeline's tasks one after the other, in the order of its DAGs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_mlops.core.address import shown
from airflow_mlops.core.errors import GateRejected, NothingToDo
from airflow_mlops.core.progress import Progress
from airflow_mlops.core.records import ApprovalRequest, Record, RolloutWait, summarize
from airflow_mlops.lifecycle.runner import StageResult
from airflow_mlops.lifecycle.table import Shape, Task, shapes
from airflow_mlops.local_run import approval, monitor_window
from airflow_mlops.local_run.context import RunContext
from airflow_mlops.local_run.reporter import TaskLine


@dataclass(frozen=True)
class TaskOutcome:
    """How a task ended.

    ``state`` as in ``TaskLine``, the record as JSON (a list for mapped tasks), a sentence about it, and why
    it was rejected or waits for somebody.
    """

    state: str = "success"
    record: Any = None
    summary: str = ""
    reason: str = ""


def run(context: RunContext, until: str | None = None) -> str | None:
    """Run all tasks, or those up to ``until``; returns why the run waits for somebody, if it does.

    Raises what a stage raises, and GateRejected when the gate, a person or the canary rejects the version.
    """
    for shape in shapes(context.pipeline):
        if not _enter(context, shape):
            if until in {task.id for task in shape.tasks}:
                return None
            continue
        _leave_out(context, shape, shape.before)
        for task in shape.tasks:
            context.signals.check()
            waits = _task(context, shape, task)
            if waits or task.id == until:
                return waits
        _leave_out(context, shape, shape.after)
    return None


def _leave_out(context: RunContext, shape: Shape, own: Sequence[str]) -> None:
    """Report the tasks of a user's own as left out: their operators need Airflow."""
    for task_id in own:
        summary = "not run here: a task of your own needs Airflow"
        context.reporter.task(TaskLine(shape.dag_id, task_id, "skipped", summary=summary))


def _enter(context: RunContext, shape: Shape) -> bool:
    """Prepare the context for a DAG; False when it has nothing to do here, which is reported."""
    context.dag_id, context.window, reason = shape.dag_id, None, ""
    if shape.kind == "deploy":
        reason = _why_no_rollout(context)
    elif shape.kind == "monitor":
        context.window, reason = monitor_window.window_of(context)
    if reason:
        context.reporter.task(TaskLine(shape.dag_id, shape.kind, "skipped", summary=reason))
    return not reason


def _why_no_rollout(context: RunContext) -> str:
    """Return why a version cannot be rolled out from this machine, or nothing when it can."""
    if not context.paths.shared:
        return ""
    version = context.results.get("register", {}).get("model_version")
    return (
        f"not from here: others may use MLflow at {shown(context.paths.tracking_uri)}; version {version} "
        f"waits as challenger for the DAG {context.pipeline.name}__deploy"
    )


def _task(context: RunContext, shape: Shape, task: Task) -> str | None:
    """Run one task, or take over the record of an earlier run; returns why the run waits, if it does."""
    key, started = f"{shape.dag_id}/{task.id}", time.monotonic()
    if key in context.journal.done:
        record = context.journal.done[key]
        outcome = TaskOutcome("kept", record, summarize(record))
    else:
        try:
            with context.reporter.working(task.id) as progress:
                outcome = _outcome(context, task, progress)
        except BaseException:
            seconds = time.monotonic() - started
            context.reporter.task(TaskLine(shape.dag_id, task.id, "failed", seconds))
            raise
    seconds = 0.0 if outcome.state in ("kept", "skipped", "waiting") else time.monotonic() - started
    if outcome.state in ("success", "skipped"):
        context.journal.keep(
            key, outcome.record
        )  # before it is reported: a task seen as done is not run again
    line = TaskLine(shape.dag_id, task.id, outcome.state, seconds, outcome.summary, outcome.record)
    context.reporter.task(line)
    if outcome.state == "refused":
        raise GateRejected(outcome.reason)
    if outcome.state == "skipped":
        context.skipped[task.id] = outcome.summary
    if outcome.record is not None:
        context.results[task.id] = outcome.record
    return outcome.reason if outcome.state == "waiting" else None


def _outcome(context: RunContext, task: Task, progress: Progress) -> TaskOutcome:
    tune = context.pipeline.train.tune
    if task.mapped and tune:
        records = _mapped(context, task, progress, tune.workers)
        return TaskOutcome("success", records, summarize(records))
    try:
        return _carried(context, task, progress)
    except NothingToDo as error:
        return TaskOutcome("skipped", summary=str(error))
    except GateRejected as error:
        record = None if error.record is None else error.record.to_json()
        return TaskOutcome("refused", record, summarize(record), str(error))


def _carried(context: RunContext, task: Task, progress: Progress) -> TaskOutcome:
    """Run a stage, again after each thing that it waits for: a person's answer, a rollout."""
    result = context.stage(task, progress, options=_options(context, task))
    while True:
        record = Record.from_json(result.record)
        if isinstance(record, ApprovalRequest):
            answer, reason = approval.answer(context, record)
            if answer is None:
                context.waits_for = record
                return TaskOutcome("waiting", None, reason, reason)
            result = context.stage(task, progress, options={"answer": answer})
        elif isinstance(record, RolloutWait):
            context.rollouts.drive(record.rollout_id, progress)
            result = context.stage(task, progress, options={"rollout_id": record.rollout_id})
        else:
            return _ended(context, task, result)


def _ended(context: RunContext, task: Task, result: StageResult) -> TaskOutcome:
    record = dict(result.record)
    summary = summarize(record)
    if task.id == "rollout":
        summary += context.rollouts.traffic_summary()
    if result.rejection:
        return TaskOutcome("refused", record, summary, result.rejection)
    return TaskOutcome("success", record, summary)


def _options(context: RunContext, task: Task) -> Mapping[str, Any]:
    """Return the options that an Airflow run would take from the event that started it."""
    if task.id == "prepare":
        return {"event_version": context.results["register"]["model_version"]}
    # A rollout that an interrupted run left behind gives way: nobody resumes it.
    return {"on_newer": "supersede"} if task.id == "rollout" else {}


def _mapped(context: RunContext, task: Task, progress: Progress, parts: int) -> list[Any]:
    """Run the parts of a mapped task one after the other; those that an earlier run finished are kept."""
    done = context.journal.done
    for number in range(parts):
        key = f"{context.dag_id}/{task.id}/{number}"
        if key not in done:
            options = {"worker": number, "workers": parts}
            result = context.stage(task, progress, options=options, index=number)
            context.journal.keep(key, dict(result.record))
    return [done[f"{context.dag_id}/{task.id}/{number}"] for number in range(parts)]
