"""DAGs written down before they are made: ``make`` turns a plan into a DAG, ``eject`` prints it as Python.

Everything that a pipeline's DAGs are is in their plans, so that what is printed is what is built. A plan
holds plain values and configuration; what is made by a call (an asset, a timetable, a notifier) is a Call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk import DAG


@dataclass(frozen=True)
class Call:
    """A call that is made when the DAG is built: a class or function that a module has, and its arguments."""

    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def call(target: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call:
    """Write down ``target(*args, **kwargs)``; arguments may hold further calls."""
    return Call(target, args, kwargs)


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """One task: its operator and arguments, and the tasks that it waits for.

    ``inputs`` maps an argument to the task whose output it is; ``after`` is order without data. ``expand``
    holds the arguments that one task each is mapped over.
    """

    id: str
    operator: type[Any]
    arguments: Mapping[str, Any]
    inputs: Mapping[str, str]
    after: tuple[str, ...] = ()
    expand: Mapping[str, Any] | None = None
    teardown: bool = False


@dataclass(frozen=True, kw_only=True)
class DagPlan:
    """One DAG: the arguments of ``DAG`` with its id among them, and its tasks in the order of their work.

    ``summary`` says in one sentence what it does.
    """

    summary: str
    arguments: Mapping[str, Any]
    tasks: tuple[TaskPlan, ...]


def make(plan: DagPlan) -> DAG:
    """Return the DAG of a plan."""
    with DAG(**made(plan.arguments)) as dag:
        tasks: dict[str, Any] = {}
        for task in plan.tasks:
            inputs = {name: tasks[giver].output for name, giver in task.inputs.items()}
            arguments = {"task_id": task.id, **made(task.arguments), **inputs}
            if task.expand is None:
                tasks[task.id] = task.operator(**arguments)
            else:
                tasks[task.id] = task.operator.partial(**arguments).expand(**made(task.expand))
            for earlier in task.after:
                tasks[earlier] >> tasks[task.id]
            if task.teardown:
                tasks[task.id].as_teardown()
    return dag


def made(value: Any) -> Any:
    """Return a planned value with its calls made, wherever they are in it."""
    if isinstance(value, Call):
        return value.target(*map(made, value.args), **made(value.kwargs))
    if isinstance(value, Mapping):
        return {key: made(item) for key, item in value.items()}
    return [made(item) for item in value] if isinstance(value, list) else value
