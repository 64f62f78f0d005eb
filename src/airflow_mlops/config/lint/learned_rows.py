"""Rules about the rows that a training learns: its window, their weights, the last fit on all of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from airflow_mlops.config.lint.classes import lineage, signature
from airflow_mlops.config.lint.finding import Finding, Subject, is_template
from airflow_mlops.config.lint.libraries import Installed, NotChecked, NotThere
from airflow_mlops.config.lint.source import Definition
from airflow_mlops.lifecycle.table import has_section

_WORD: Final = "sample_weight"
_WEIGHTS: Final = ("train", "weights")


def learned_rows(subject: Subject) -> Iterator[Finding]:
    """A window has a time, weights are of a column that nothing else uses, and the last fit adds rows."""
    data, train = subject.pipeline.data, subject.pipeline.train
    if train.window is not None and data.time_column is None:
        message = "needs an event time, by which rows are newer than others: declare data.time"
        yield Finding(("train", "window"), message)
    if train.weights == data.target:
        yield Finding(_WEIGHTS, f"{train.weights!r} is the target: choose the column of the weights")
    elif train.weights in data.keys:
        yield Finding(_WEIGHTS, f"{train.weights!r} is a key: choose the column of the weights")
    written = subject.written("train").get("refit")
    if written == "all" and has_section(subject.pipeline, "evaluate.holdout.source"):
        message = (
            "ignored: with evaluate.holdout.source the judged model has learned all rows of data.source, and "
            "is registered itself"
        )
        yield Finding(("train", "refit"), message, "warning")


def weighted_fit(subject: Subject) -> Iterator[Finding]:
    """An estimator that gets weights takes them."""
    train = subject.pipeline.train
    if train.weights is None or is_template(train.estimator):
        return
    try:
        takes = _takes(train.estimator, subject)
    except NotThere:  # the rule about the estimator reports it
        return
    except NotChecked as error:
        message = f"not checked that fit of {train.estimator} takes {_WORD}: {error}"
        yield Finding(_WEIGHTS, message, "note")
        return
    if not takes:
        message = f"fit of {train.estimator} does not take {_WORD}: choose another estimator, or no weights"
        yield Finding(_WEIGHTS, message)


def _takes(dotted: str, subject: Subject) -> bool:
    """Whether the estimator's fit takes weights; raises NotChecked when only running would tell."""
    installed = subject.sources.installed(dotted)
    if installed is not None:
        return _library_takes(installed)
    found = subject.sources.find(dotted)
    if not isinstance(found.node, ast.ClassDef):
        raise NotChecked("it is a function")
    line = lineage(found, subject.sources)
    fitted = next((item for item in line.classes if item.has("fit")), None)
    if fitted is None:
        raise NotChecked(line.gap or "it has no fit")
    return _source_takes(fitted, subject)


def _source_takes(found: Definition, subject: Subject) -> bool:
    installed = subject.sources.installed(found.path)
    if installed is not None:
        return _library_takes(installed)
    fit = found.members["fit"]
    if not isinstance(fit, ast.FunctionDef):
        raise NotChecked("its fit is not a plain function")
    accepted = signature(fit, method=True)
    return accepted.open or _WORD in accepted.names


def _library_takes(installed: Installed) -> bool:
    return bool(installed.ask("fits_with", argument=_WORD))
