"""Rules about a user's own tasks: their operators exist and take their arguments."""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator, Sequence
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import Signature, lineage
from airflow_mlops.config.lint.finding import Finding, Subject, is_template
from airflow_mlops.config.lint.functions import cannot_import, resolve, unknown_arguments
from airflow_mlops.config.lint.libraries import Installed, NotChecked, NotThere
from airflow_mlops.config.models import OwnTask
from airflow_mlops.config.values import parse_duration

_DURATIONS: Final = ("execution_timeout", "retry_delay", "max_retry_delay")
_GIVEN: Final = ("task_id",)


def own_tasks(subject: Subject) -> Iterator[Finding]:
    """Operators before and after the training can be imported, and take their arguments."""
    for section in ("before", "after"):
        tasks: Sequence[OwnTask] = getattr(subject.pipeline, section)
        for number, task in enumerate(tasks):
            yield from _task(subject, (section, number), task)


def _task(subject: Subject, path: KeyPath, task: OwnTask) -> Iterator[Finding]:
    here = (*path, "operator")
    try:
        installed = subject.sources.installed(task.operator)
        accepted = _of_library(installed, task) if installed else None
    except NotThere as error:
        yield cannot_import(here, task.operator, error)
        return
    except NotChecked as error:
        yield Finding(here, f"not checked: {error}", "note")
        return
    if accepted is None:
        accepted = yield from _own_class(subject, here, task)
    if accepted is None:
        return
    yield from unknown_arguments((*path, "args"), task.operator, accepted, task.args)
    missing = [name for name in accepted.required if name not in (*task.args, *_GIVEN)]
    if missing:
        yield Finding(here, f"needs {', '.join(missing)}: add them to args")
    yield from _durations((*path, "args"), task)


def _of_library(installed: Installed, task: OwnTask) -> Signature:
    """Return what an installed operator accepts; raises NotThere for something else."""
    found = installed.describe()
    answer = dict(installed.ask("operator")) if found.kind == "class" else {}
    if not answer.get("operator"):
        raise NotThere(f"{task.operator} is not an operator: it has no execute")
    return Signature(answer["names"], answer["required"], answer["open"])


def _own_class(subject: Subject, path: KeyPath, task: OwnTask) -> Generator[Finding, None, Signature | None]:
    """Yield what is wrong with an operator beside the file, as its source tells; returns what it accepts."""
    found = yield from resolve(subject, path, task.operator)
    if found is None:
        return None
    line = lineage(found, subject.sources)
    if not isinstance(found.node, ast.ClassDef) or not (line.has("execute") or line.gap):
        yield Finding(
            path, f"{task.operator} is not an operator: derive a class from airflow.sdk.BaseOperator"
        )
        return None
    try:
        return line.constructor()
    except NotChecked as error:
        yield Finding(path, f"arguments are not checked: {error}", "note")
        return None


def _durations(path: KeyPath, task: OwnTask) -> Iterator[Finding]:
    for name in _DURATIONS:
        value = task.args.get(name)
        try:
            if value is not None and not is_template(value):
                parse_duration(value)
        except ValueError as error:
            yield Finding((*path, name), str(error))
