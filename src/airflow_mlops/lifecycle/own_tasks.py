"""A user's own tasks before and after the training; loads nothing but the standard library."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from airflow_mlops.lifecycle.task import Kind


def default_task_id(operator: str) -> str:
    """Return the id of a task whose file gives none: its operator's class in snake case.

    >>> default_task_id("airflow.providers.standard.sensors.filesystem.FileSensor")
    'file_sensor'
    >>> default_task_id("airflow.providers.smtp.operators.smtp:EmailOperator")
    'email'
    """
    name = re.split(r"[.:]", operator)[-1].removesuffix("Operator") or "Operator"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def own_tasks(pipeline: Any, kind: Kind) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the sections of a user's tasks before and after those of a DAG; only training has some."""
    return (pipeline.before, pipeline.after) if kind == "train" else ((), ())


def own_edges(pipeline: Any, kind: Kind, first: str, last: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of tasks that follow each other because of a user's own tasks.

    Those before follow each other in their order, ahead of ``first``. Those after follow ``last`` in their
    order; one that always runs waits for all others and has none after it, so that it hides no failure.
    """
    before, after = own_tasks(pipeline, kind)
    line = [*(task.id for task in before), first]
    following = [last, *(task.id for task in after if not runs_always(task))]
    always = [task.id for task in after if runs_always(task)]
    pairs = [*pairwise(line), *pairwise(following)]
    return (*pairs, *((following[-1], id_) for id_ in always))


def runs_always(task: Any) -> bool:
    """Whether a user's own task also runs after a failure."""
    return getattr(task, "when", "success") == "always"
