"""Rules about sections that need each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.config.space import is_range

_RULE: Final = "sections"


def sections(subject: Subject) -> Iterator[Finding]:
    """No section is without effect, and none asks for what another does not give."""
    pipeline = subject.pipeline
    if pipeline.approve and not pipeline.deploy:
        message = "has no effect without deploy: add deploy, or leave approve out"
        yield Finding(_RULE, ("approve",), message)
    if pipeline.data.target in pipeline.data.keys:
        message = f"the target {pipeline.data.target} cannot be a key as well"
        yield Finding(_RULE, ("data", "keys"), message)
    retrain = pipeline.monitor and pipeline.monitor.retrain
    for number, cause in enumerate(retrain.when if retrain else ()):
        if getattr(pipeline.monitor, cause) is None:
            message = f"{cause} is never found: monitor.{cause} is not there"
            yield Finding(_RULE, ("monitor", "retrain", "when", number), message)
    for key in _twice(pipeline.data.keys):
        yield Finding(_RULE, ("data", "keys"), f"{key} is named twice")
    for user in _twice(pipeline.approve.by if pipeline.approve else ()):
        yield Finding(_RULE, ("approve", "by"), f"{user} is named twice", "warning")
    tune = pipeline.train.tune
    for name, form in tune.space.items() if tune else ():
        for choice in () if is_range(form) else _twice(form):
            yield Finding(_RULE, ("train", "tune", "space", name), f"{choice!r} is named twice", "warning")
    if tune and tune.workers > tune.n_trials:
        message = f"{tune.workers} workers share {tune.n_trials} trials: some have nothing to do"
        yield Finding(_RULE, ("train", "tune", "workers"), message, "warning")


def _twice(items: Sequence[Any]) -> list[Any]:
    """Return what stands in a list more than once, each once."""
    return [item for number, item in enumerate(items) if items[:number].count(item) == 1]
