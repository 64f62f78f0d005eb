"""Rules about how Airflow runs the tasks: notifiers that exist, settings of tasks that exist, resources."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.classes import lineage, signature
from airflow_mlops.config.lint.code import resolve
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.source import Definition, NotChecked
from airflow_mlops.config.models import Callback, Pipeline, Resources
from airflow_mlops.core.nearest import did_you_mean

_RULE: Final = "running"
_NEEDS: Final[Mapping[str, tuple[str, Callable[[Pipeline], object]]]] = {
    "validate": ("validate", lambda p: p.validate_),
    "tune": ("train.tune", lambda p: p.train.tune),
    "prepare": ("deploy", lambda p: p.deploy),
    "approve": ("approve", lambda p: p.deploy and p.approve),
    "rollout": ("deploy", lambda p: p.deploy),
    "finalize": ("deploy", lambda p: p.deploy),
    "restore": ("deploy", lambda p: p.deploy),
    "observe": ("monitor", lambda p: p.monitor),
    "drift": ("monitor.drift", lambda p: p.monitor and p.monitor.drift),
    "performance": ("monitor.performance", lambda p: p.monitor and p.monitor.performance),
    "triage": ("monitor", lambda p: p.monitor),
    "retrain": ("monitor.retrain", lambda p: p.monitor and p.monitor.retrain),
}


def settings(subject: Subject) -> Iterator[Finding]:
    """Settings reach a task that there is."""
    pipeline = subject.pipeline
    for task in pipeline.tasks:
        section, present = _NEEDS.get(task, ("", lambda _: True))
        if not present(pipeline):
            message = f"has no effect: there is no task {task} without {section}"
            yield Finding(_RULE, ("tasks", task), message, "warning")


def resources(subject: Subject) -> Iterator[Finding]:
    """Resources can be had."""
    for task, own in subject.pipeline.tasks.items():
        yield from _resources(("tasks", task, "resources"), own.resources)
    yield from _resources(("train", "resources"), subject.pipeline.train.resources)


def notifiers(subject: Subject) -> Iterator[Finding]:
    """Whoever is to be told can be called."""
    for event in ("on_failure", "on_retry", "on_success"):
        for number, callback in enumerate(getattr(subject.pipeline.callbacks, event)):
            yield from _callback(subject, ("callbacks", event, number), callback)


def _resources(path: KeyPath, given: Resources | None) -> Iterator[Finding]:
    if given and given.gpu and not given.image:
        message = f"{given.gpu} without an image: name one that has the drivers and libraries for it"
        yield Finding(_RULE, (*path, "gpu"), message)


def _callback(subject: Subject, path: KeyPath, callback: Callback) -> Iterator[Finding]:
    here = (*path, "notifier")
    found = yield from resolve(subject, here, callback.notifier)
    if found is None:
        return
    try:
        accepted = _accepted(found, subject)
    except NotChecked as error:
        yield Finding(_RULE, here, f"arguments are not checked: {error}", "note")
        return
    if accepted is None:
        message = f"{callback.notifier} is no notifier: it has neither notify nor __call__"
        yield Finding(_RULE, here, message)
        return
    names, required, open_ = accepted
    for name in callback.args if not open_ else ():
        if name not in names:
            hint = did_you_mean(name, names)
            yield Finding(
                _RULE, (*path, "args", name), f"{callback.notifier} has no parameter {name!r}{hint}"
            )
    missing = [name for name in required if name not in callback.args]
    if missing:
        yield Finding(_RULE, here, f"needs {', '.join(missing)}: give them under args")


def _accepted(found: Definition, subject: Subject) -> tuple[list[str], list[str], bool] | None:
    """Return the names that ``args`` may and must have, and whether any will do; None for no notifier."""
    if isinstance(found.node, ast.ClassDef):
        line = lineage(found, subject.sources)
        if not line.gap and not (line.has("notify") or line.has("__call__")):
            return None
        call = line.constructor()
        return call.names, call.required, call.open
    if found.node.decorator_list:
        raise NotChecked(f"{found.node.name} has a decorator")
    call = signature(found.node)  # called with the context, then args
    return call.names[1:], call.required[1:], call.open
