"""Rules about the gate: each of its keys has something to decide."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_mlops.config.lint.finding import Finding, Subject
from airflow_mlops.core.limits import Limit
from airflow_mlops.training.core.metric_facts import REGRESSION, facts


def gate(subject: Subject) -> Iterator[Finding]:
    """No key of the comparison with earlier versions is ignored."""
    section = subject.pipeline.evaluate
    written = section.model_fields_set
    if section.against_champion is None:
        idle = ("against_anchor",) if section.groups else ("on_inconclusive", "against_anchor")
        for key in idle:
            if key in written and getattr(section, key) is not None:
                message = "ignored with against_champion: off, which refuses nothing: remove one of the two"
                yield Finding(("evaluate", key), message)
    if section.asks and subject.pipeline.approve is None:
        message = "ask needs people to ask: add `approve: {by: [...]}`, or write reject or accept"
        yield Finding(("evaluate", "on_inconclusive"), message)
    if section.against_champion is None:
        return
    compared = section.against_champion or dict.fromkeys(section.metrics[:1], "")
    for name in section.anchor_limits:
        if name not in compared:
            message = f"{name} is not compared with earlier versions: add it to evaluate.against_champion"
            yield Finding(("evaluate", "against_anchor", name), message)


def groups(subject: Subject) -> Iterator[Finding]:
    """A limit between groups can be met and can fail, and there are classes whose share it limits."""
    section = subject.pipeline.evaluate
    if section.groups and facts(section.metrics[0]).task == REGRESSION:
        message = f"is about classes, {section.metrics[0]} is about numbers: remove one of the two"
        yield Finding(("evaluate", "groups"), message)
    for column, required in section.groups.items():
        for name, text in required.items():
            limit, path = Limit.parse(text), ("evaluate", "groups", column, name)
            if limit.is_floor:
                yield Finding(path, f"a difference is better when it is smaller: write '<= {limit.bound:g}'")
            elif not limit.holds(0.0):
                yield Finding(path, f"a difference is between 0 and 1: {text!r} never holds")
            elif limit.holds(1.0):
                yield Finding(path, f"a difference is between 0 and 1: {text!r} always holds")
