"""The rule about the format of logged models."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from airflow_mlops.config.lint.finding import Finding, Subject, is_template
from airflow_mlops.config.lint.libraries import NotChecked, NotThere


def model_format(subject: Subject) -> Iterator[Finding]:
    """The format of skops is not asked to hold a class of the user's own."""
    train, sources = subject.pipeline.train, subject.sources
    if train.serialization != "skops" or is_template(train.estimator):
        return
    try:
        if sources.installed(train.estimator) is not None:
            return
        found = sources.find(train.estimator)
        own = isinstance(found.node, ast.ClassDef) and sources.installed(found.path) is None
    except (NotChecked, NotThere):
        return
    if own:
        message = f"skops holds no code, and {train.estimator} is a class of your own: write cloudpickle"
        yield Finding(("train", "serialization"), message)
