"""Rules about how Airflow runs the tasks: settings, resources, notifiers, exceptions."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import call_signature, lineage
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.functions import resolve, unknown_arguments
from airflow_mlops.config.lint.libraries import NotChecked, NotThere
from airflow_mlops.config.lint.source import Definition
from airflow_mlops.config.models import Callback, Resources
from airflow_mlops.core.suggestions import did_you_mean
from airflow_mlops.lifecycle.table import find_task, has_section

_BUILTIN_EXCEPTIONS: Final = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


def task_settings(subject: Subject) -> Iterator[Finding]:
    """Settings are for a task that the pipeline has."""
    for name in subject.pipeline.tasks:
        task = find_task(name)
        needed = (task.dag, task.section) if task and task.dag != "train" else (task.section,) if task else ()
        for section in needed:
            if section and not has_section(subject.pipeline, section):
                written = task.exists_with if task and section == task.section else section
                message = f"ignored: task `{name}` exists only with `{written}`"
                yield Finding(("tasks", name), message, "warning")
                break
        if task and task.without and has_section(subject.pipeline, task.without):
            message = f"ignored: there is no task `{name}` with `{task.without}`"
            yield Finding(("tasks", name), message, "warning")


def resources(subject: Subject) -> Iterator[Finding]:
    """A GPU has an image with its drivers."""
    pipeline = subject.pipeline
    requests: dict[KeyPath, Resources | None] = {
        ("tasks", task, "resources"): own.resources for task, own in pipeline.tasks.items()
    }
    for path, asked in {**requests, ("train", "resources"): pipeline.train.resources}.items():
        if asked and asked.gpu and not asked.image:
            message = f"{asked.gpu} needs an image: add one that has the drivers and libraries for it"
            yield Finding((*path, "gpu"), message)


def notifiers(subject: Subject) -> Iterator[Finding]:
    """Notifiers exist and take their arguments."""
    for event in ("on_failure", "on_retry", "on_success"):
        for number, callback in enumerate(getattr(subject.pipeline.callbacks, event)):
            yield from _callback(subject, ("callbacks", event, number), callback)
    deadline = subject.pipeline.schedule and subject.pipeline.schedule.deadline
    if deadline:
        yield from _callback(subject, ("schedule", "deadline"), deadline)


def retry_exceptions(subject: Subject) -> Iterator[Finding]:
    """Every path of retry.fail_on leads to an exception."""
    for number, dotted in enumerate(subject.pipeline.retry.fail_on):
        path: KeyPath = ("retry", "fail_on", number)
        module, _, name = dotted.replace(":", ".").rpartition(".")
        if module == "builtins":
            if name not in _BUILTIN_EXCEPTIONS:
                hint = did_you_mean(name, _BUILTIN_EXCEPTIONS)
                yield Finding(path, f"exception {name!r} is not in builtins{hint}")
            continue
        try:
            is_exception = _is_exception(subject.sources.find(dotted), subject)
        except NotChecked as error:
            yield Finding(path, f"not checked: {error}", "note")
        except NotThere as error:  # a package of the workers may be missing here
            missing = str(error).startswith("no module") and "did you mean" not in str(error)
            yield Finding(path, f"cannot be imported: {error}", "note" if missing else "error")
        else:
            if not is_exception:
                message = f"{dotted} is not an exception: write the path of a class derived from Exception"
                yield Finding(path, message)


def _is_exception(found: Definition, subject: Subject) -> bool:
    """Whether a definition is an exception, or may be one because a base cannot be read."""
    if not isinstance(found.node, ast.ClassDef):
        return False
    line = lineage(found, subject.sources)
    nodes = [item.node for item in line.classes if isinstance(item.node, ast.ClassDef)]
    bases = {ast.unparse(base).rpartition(".")[2] for node in nodes for base in node.bases}
    return bool(bases & _BUILTIN_EXCEPTIONS) or bool(bases - line.names - set(dir(builtins)))


def _callback(subject: Subject, path: KeyPath, callback: Callback) -> Iterator[Finding]:
    here = (*path, "notifier")
    found = yield from resolve(subject, here, callback.notifier)
    if found is None:
        return
    is_class = isinstance(found.node, ast.ClassDef)
    line = lineage(found, subject.sources)
    if is_class and not (line.gap or line.has("notify") or line.has("__call__")):
        yield Finding(here, f"{callback.notifier} is not a notifier: it has neither notify nor __call__")
        return
    try:
        accepted = call_signature(found, subject.sources)
    except NotChecked as error:
        yield Finding(here, f"arguments are not checked: {error}", "note")
        return
    if not is_class and accepted.positional == 0:
        yield Finding(here, "takes no argument, but is called with the context first")
        return
    accepted = accepted.after(0 if is_class else 1)  # a function gets the context, then args
    yield from unknown_arguments((*path, "args"), callback.notifier, accepted, callback.args)
    missing = [name for name in accepted.required if name not in callback.args]
    if missing:
        yield Finding(here, f"needs {', '.join(missing)}: add them to args")
