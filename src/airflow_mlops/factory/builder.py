"""Builds the train, deploy and monitor DAGs of one pipeline from the rows of the life-cycle table.

Arguments of a DAG or task are plain values. What Airflow needs as an object (an asset, a timetable, a
notifier) is a ``functools.partial``: ``resolve`` calls it here, and ``eject`` prints it as the same call.
So what is printed is what is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, TriggerRule

from airflow_mlops.config.models import OwnTask, Pipeline
from airflow_mlops.factory.assets import pipeline_asset
from airflow_mlops.factory.documentation import documentation
from airflow_mlops.factory.own_tasks import own_operator, own_task_arguments
from airflow_mlops.factory.schedule import EPOCH, train_arguments
from airflow_mlops.factory.settings import default_args, notifiers, task_overrides
from airflow_mlops.lifecycle.own_tasks import own_edges, own_tasks, runs_always
from airflow_mlops.lifecycle.table import GENERIC_OPERATOR, Kind, Task, shapes, tasks_of

_DEPLOY_PARAMS: Final[Mapping[str, partial[Param]]] = {
    "version": partial(
        Param, None, type=["null", "integer"], description="Version to deploy; the challenger if empty."
    ),
    "action": partial(
        Param,
        "deploy",
        enum=["deploy", "rollback", "pause", "continue", "promote"],
        description="rollback: back to the previous champion, or end a running rollout; pause: stop a "
        "running rollout where it is; continue and promote answer a paused one.",
    ),
}


def build(pipeline: Pipeline, base: str | None = None) -> dict[str, DAG]:
    """Return the DAGs of a pipeline by id: train, and deploy and monitor when their sections are there.

    :param base: folder that its relative paths start from; that of the DAG file by default.
    """
    dags = [build_dag(pipeline, shape.kind, base) for shape in shapes(pipeline)]
    return {dag.dag_id: dag for dag in dags}


def build_dag(pipeline: Pipeline, kind: Kind, base: Any = None) -> DAG:
    """Return one DAG of a pipeline."""
    with DAG(**resolve(dag_arguments(pipeline, kind, base))) as dag:
        before, after = own_tasks(pipeline, kind)
        tasks: dict[str, Any] = {task.id: _own_task(task, base) for task in before}
        for row in tasks_of(pipeline, kind):
            operator = operator_class(row)
            outputs = {task_id: earlier.output for task_id, earlier in tasks.items()}
            arguments = resolve(task_arguments(pipeline, row, base)) | input_arguments(row, outputs)
            if expansion := task_expansion(pipeline, row):
                task = operator.partial(**arguments).expand(**expansion)
            else:
                task = operator(**arguments)
            for earlier in row.after:
                if earlier in tasks:
                    tasks[earlier] >> task
            if row.teardown:
                task.as_teardown()
            tasks[row.id] = task
        tasks |= {task.id: _own_task(task, base) for task in after}
        first, *_, last = tasks_of(pipeline, kind)
        for earlier, later in own_edges(pipeline, kind, first.id, last.id):
            tasks[earlier] >> tasks[later]
    return dag


def _own_task(task: OwnTask, base: Any) -> Any:
    """Return one of a user's own tasks; one that always runs is a teardown, which hides no failure."""
    found = own_operator(task, base)(**own_task_arguments(task))
    return found.as_teardown() if runs_always(task) else found


def dag_arguments(pipeline: Pipeline, kind: Kind, base: Any) -> dict[str, Any]:
    """Return the arguments of ``DAG``; values may be calls."""
    team = {f"team:{pipeline.team}"} if pipeline.team else set[str]()
    on_success = notifiers(pipeline.callbacks.on_success, base)
    return {
        "dag_id": f"{pipeline.name}__{kind}",
        "description": pipeline.description or f"{kind} of the pipeline {pipeline.name}",
        "schedule": None,
        "start_date": EPOCH,
        "catchup": False,
        **_OWN_ARGUMENTS[kind](pipeline, base),
        "default_args": default_args(pipeline, base),
        **({"on_success_callback": on_success} if on_success else {}),
        "tags": sorted({"mlops", kind, *team, *pipeline.tags}),
        "doc_md": partial(documentation, pipeline, kind),
    }


def task_arguments(pipeline: Pipeline, row: Task, base: Any) -> dict[str, Any]:
    """Return the arguments of a row's operator, without its inputs; values may be calls."""
    arguments = {"task_id": row.id, "pipeline": pipeline, **task_overrides(pipeline, row.row_id)}
    if row.operator == GENERIC_OPERATOR:
        arguments["stage"] = row.id
    if row.trigger_rule != TriggerRule.ALL_SUCCESS:
        arguments["trigger_rule"] = row.trigger_rule
    if base:
        arguments["base"] = base
    if outlet := row.updates(pipeline):
        arguments["outlets"] = [pipeline_asset(pipeline.name, outlet)]
    return arguments


def input_arguments(row: Task, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a row's operator, from the outputs of earlier tasks that exist in the pipeline."""
    inputs = {name: outputs[task_id] for name, task_id in row.inputs.items() if task_id in outputs}
    return {"inputs": inputs} if row.operator == GENERIC_OPERATOR else inputs


def task_expansion(pipeline: Pipeline, row: Task) -> dict[str, Any] | None:
    """Return the arguments that a mapped task is expanded over, or None for a task that is not mapped."""
    tune = pipeline.train.tune
    return {"worker": list(range(tune.workers))} if row.mapped and tune else None


def operator_class(row: Task) -> Any:
    """Return the operator of a row."""
    module, _, name = row.operator_class.partition(":")
    return getattr(import_module(module), name)


def resolve(value: Any) -> Any:
    """Return a value in which each ``partial`` is replaced by the result of its call.

    >>> resolve({"sizes": [partial(max, 1, 2), 5]})
    {'sizes': [2, 5]}
    """
    if isinstance(value, partial):
        return value.func(*map(resolve, value.args), **resolve(value.keywords))
    if isinstance(value, Mapping):
        return {key: resolve(item) for key, item in value.items()}
    return [resolve(item) for item in value] if isinstance(value, list) else value


def _deploy_arguments(pipeline: Pipeline, _base: Any) -> dict[str, Any]:
    challenger = [pipeline_asset(pipeline.name, "challenger")]
    return {"schedule": challenger, "max_active_runs": 4, "params": _DEPLOY_PARAMS}


def _monitor_arguments(pipeline: Pipeline, _base: Any) -> dict[str, Any]:
    monitor = pipeline.monitor
    if monitor is None:
        return {}
    return {
        "schedule": partial(
            CronDataIntervalTimetable, monitor.schedule.cron, timezone=monitor.schedule.timezone
        ),
        "max_active_runs": 1,
        "catchup": monitor.catchup,
        "start_date": monitor.start_date or EPOCH,
        **({"end_date": monitor.end_date} if monitor.end_date else {}),
    }


_OWN_ARGUMENTS: Final = {
    "train": train_arguments,
    "deploy": _deploy_arguments,
    "monitor": _monitor_arguments,
}
