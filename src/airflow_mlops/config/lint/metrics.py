"""Rules about metrics: the estimator learns a target, and every metric is one of its task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from airflow_mlops.config.faults import KeyPath
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.lint.functions import arguments_of
from airflow_mlops.config.lint.learner import Learner, learners, possible_values
from airflow_mlops.config.lint.limits import limits_by_section
from airflow_mlops.training.core.metric_facts import (
    ANY_TASK,
    METRIC_ARGUMENTS,
    METRIC_FACTS,
    REGRESSION,
    facts,
    own_path,
)

_POSITIVE: Final = ("data", "positive")
_THRESHOLD: Final = ("train", "threshold")
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
    yield from _of_two_classes(subject, task, found)
    deploy = subject.pipeline.deploy
    if task == REGRESSION and deploy and deploy.canary.guards.quality:
        yield Finding(_QUALITY, "compares predicted classes, but the estimator does regression: remove it")


def _mismatch(name: str, task: str | None, found: Sequence[Learner]) -> str | None:
    row = facts(name)
    if task is None:
        return None
    if row.task not in (task, ANY_TASK):
        others = ", ".join(other for other, row in METRIC_FACTS.items() if row.task == task and not row.by)
        return f"{name} is for {row.task}, but the estimator does {task}: choose from {others}"
    reason = _no_probability(found)
    if not row.needs_probability or reason is None:
        return None
    return f"{name} needs predict_proba, which {reason}"


def _no_probability(found: Sequence[Learner]) -> str | None:
    """Say why the estimator has no ``predict_proba``; None when it may have one."""
    return next((why for learner in found if (why := learner.lacks_probability())), None)


def _of_two_classes(subject: Subject, task: str | None, found: Sequence[Learner]) -> Iterator[Finding]:
    """What is said about a positive class, and a threshold, needs an estimator with classes."""
    data, threshold = subject.pipeline.data, subject.pipeline.train.threshold
    if task == REGRESSION and data.positive is not None:
        yield Finding(_POSITIVE, "is for two classes, but the estimator does regression: remove it")
    if threshold is None:
        return
    if task == REGRESSION:
        yield Finding(_THRESHOLD, "is for two classes, but the estimator does regression: remove it")
    elif reason := _no_probability(found):
        yield Finding(_THRESHOLD, f"needs predict_proba, which {reason}")


def own_metrics(subject: Subject) -> Iterator[Finding]:
    """A metric of the user's own is a function that can be called with truth and predictions."""
    seen = set()
    for path, name in _metric_names(subject):
        dotted = own_path(name)
        if dotted is None or dotted in seen:
            continue
        seen.add(dotted)
        accepted = yield from arguments_of(subject, path, dotted, "a number")
        if accepted is None:
            continue
        unknown = [
            item for place, item in enumerate(accepted.required) if place > 1 and item not in METRIC_ARGUMENTS
        ]
        if unknown:
            yield Finding(
                path,
                f"{dotted} needs the argument {unknown[0]!r}, but a metric is called with truth, "
                "predicted, scores, probabilities, sample_weight or classes",
            )


def _metric_names(subject: Subject) -> Iterator[tuple[KeyPath, str]]:
    """Yield every metric that the file names, with its place."""
    for number, name in enumerate(subject.pipeline.evaluate.metrics):
        yield ("evaluate", "metrics", number), name
    for path, required in limits_by_section(subject.pipeline):
        for name in required:
            yield (*path, name), name
