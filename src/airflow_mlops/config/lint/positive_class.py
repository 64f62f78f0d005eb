"""The rule about the positive class: it is named where the file itself says what the labels are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from airflow_mlops.config.expectations import expand_one
from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.core.errors import ConfigError
from airflow_mlops.core.positive_class import check_declared
from airflow_mlops.training.core.metric_facts import facts

_IN_SET: Final = "expect_column_values_to_be_in_set"


def positive_class(subject: Subject) -> Iterator[Finding]:
    """Of two labels that an expectation or ``class_weight`` lists, the positive one is declared."""
    data, evaluate = subject.pipeline.data, subject.pipeline.evaluate
    labels = _labels(subject)
    if not labels:
        return
    matters = bool(evaluate.groups) or any(facts(name).of_a_class for name in evaluate.metrics)
    try:
        check_declared(labels, data.positive, matters=matters)
    except ConfigError as error:
        yield Finding(("data", "target" if data.positive is None else "positive"), str(error))


def _labels(subject: Subject) -> Sequence[Any]:
    """Return the labels that the file names, in order; empty when it names none, or only numbers."""
    weights = subject.pipeline.train.params.get("class_weight")
    section, target = subject.pipeline.validate_, subject.pipeline.data.target
    found: list[Any] = list(weights) if isinstance(weights, Mapping) else []
    for entry in section.expect if section and not found else ():
        for item in expand_one(entry):
            if item.name == _IN_SET and item.arguments.get("column") == target:
                found = list(item.arguments.get("value_set") or ())
    return sorted(found) if found and all(isinstance(label, str) for label in found) else ()
