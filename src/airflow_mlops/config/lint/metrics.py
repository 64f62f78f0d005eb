"""Rules about metrics: the estimator learns a target, and every metric is one of its task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.learner import Learner, learners, possible_values
from airflow_mlops.config.lint.limits import limits_by_section
from airflow_mlops.training.core.metric_facts import METRIC_FACTS, REGRESSION

_QUALITY: Final = ("deploy", "canary", "guards", "quality")


def metrics(subject: Subject) -> Iterator[Finding]:
    """The estimator learns the target, and every metric is one of its task and can be computed."""
    dotted = subject.pipeline.train.estimator
    found = learners(dotted, subject.sources, possible_values(subject))
    if not all(learner.complete for learner in found):
        return
    if found and (other := found[0].other):
        message = f"{dotted} {other} and learns no target: choose a classifier or a regressor"
        yield Finding(("train", "estimator"), message)
        return
    tasks = {learner.task for learner in found}
    task = tasks.pop() if len(tasks) == 1 else None
    for path, name in _metric_names(subject):
        if mismatch := _mismatch(name, task, found):
            yield Finding(path, mismatch)
    deploy = subject.pipeline.deploy
    if task == REGRESSION and deploy and deploy.canary.guards.quality:
        yield Finding(_QUALITY, "compares predicted classes, but the estimator does regression: remove it")


def _mismatch(name: str, task: str | None, found: Sequence[Learner]) -> str | None:
    facts = METRIC_FACTS[name]
    if task is None:
        return None
    if facts.task != task:
        others = ", ".join(other for other, row in METRIC_FACTS.items() if row.task == task)
        return f"{name} is for {facts.task}, but the estimator does {task}: choose from {others}"
    reason = next((why for learner in found if (why := learner.lacks_probability())), None)
    if not facts.needs_probability or reason is None:
        return None
    return f"{name} needs predict_proba, which {reason}"


def _metric_names(subject: Subject) -> Iterator[tuple[KeyPath, str]]:
    """Yield every metric that the file names, with its place."""
    for number, name in enumerate(subject.pipeline.evaluate.metrics):
        yield ("evaluate", "metrics", number), name
    for path, required in limits_by_section(subject.pipeline):
        for name in required:
            yield (*path, name), name
