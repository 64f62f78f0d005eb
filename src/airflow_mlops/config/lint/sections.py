"""Rules about sections that need each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.lint.finding import Finding, Subject

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
    twice = [key for number, key in enumerate(pipeline.data.keys) if key in pipeline.data.keys[:number]]
    for key in twice:
        yield Finding(_RULE, ("data", "keys"), f"{key} is named twice")
    tune = pipeline.train.tune
    if tune and tune.workers > tune.n_trials:
        message = f"{tune.workers} workers share {tune.n_trials} trials: some have nothing to do"
        yield Finding(_RULE, ("train", "tune", "workers"), message, "warning")
